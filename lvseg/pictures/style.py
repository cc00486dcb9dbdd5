"""One look for every picture, and PNG files whose bytes depend on the drawing alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lvseg.core.paths.files import atomic_path

# The palette of Okabe and Ito, Color Universal Design (2008): told apart with every common colour vision deficiency.
BLUE, SKY, GREEN, ORANGE = "#0072B2", "#56B4E9", "#009E73", "#E69F00"
VERMILLION, PURPLE, YELLOW = "#D55E00", "#CC79A7", "#F0E442"
INK, FAINT = "#1f2933", "#8a949e"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

# The three kinds of pixels also differ in lightness, so that they survive a grey print.
TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = SKY, YELLOW, VERMILLION

_GREY_PERCENTILES = (1, 99)  # of an image, shown black and white: a few bright pixels of fat darken no heart
_FLAT = 1e-9  # the least difference of white and black, so that an image of one grey can be shown

_LOOK: dict[Any, Any] = {  # Matplotlib names its settings by a type of its own
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the same glyphs on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e4e7eb",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.dpi": 130,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.08,
}


@contextmanager
def drawing(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure; it is written as PNG at the end, unless an error is raised.

    The user's Matplotlib settings are set aside, and neither date nor version enters the file.

    Args:
        path: PNG to write; folders on the way are made.
        width: in inches.
        height: in inches.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_LOOK)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


def grey(image: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return an image (H, W) as float64 in [0, 1], its darkest and brightest percent clipped."""
    values = image.astype(np.float64)
    low, high = np.percentile(values, _GREY_PERCENTILES)
    return np.asarray(np.clip((values - low) / max(high - low, _FLAT), 0, 1))


def show(axes: Axes, picture: NDArray[np.generic]) -> None:
    """Show a grey (H, W) or coloured (H, W, 3) picture with values in [0, 1], without axes."""
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
