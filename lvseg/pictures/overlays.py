"""Where prediction and manual contour agree and differ, on the image itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from lvseg.pictures import style

_OPACITY = 0.55
_LEAST_CROP = 96  # pixels: the heart and some of what surrounds it
_MARGIN = 16  # pixels around everything that is drawn
_BAR_MM = 20
_KINDS = {
    "true positive": style.TRUE_POSITIVE,
    "false positive": style.FALSE_POSITIVE,
    "false negative": style.FALSE_NEGATIVE,
}


@dataclass(frozen=True)
class Overlay:
    """One slice to draw: image (H, W), manual and predicted mask (H, W), pixel width in mm, Dice, caption."""

    image: np.ndarray
    manual: np.ndarray
    predicted: np.ndarray
    spacing_mm: float
    dice: float
    caption: str


def draw_overlays(path: Path, name: str, rows: Mapping[str, Sequence[Overlay]]) -> None:
    """Draw rows of overlays (such as best, median and worst) of the model `name`, with a legend."""
    columns = max(len(row) for row in rows.values())
    with style.drawing(path, max(2.4 * columns, 6), 2.95 * len(rows) + 0.7) as figure:
        figure.suptitle(f"{name}: prediction against manual contour", fontweight="bold")
        panels = figure.subplots(len(rows), columns, squeeze=False)
        for axes in panels.flat:
            axes.set_axis_off()
        for (rank, row), line in zip(rows.items(), panels, strict=True):
            for axes, overlay in zip(line, row, strict=False):
                _draw(axes, overlay)
                axes.set_title(f"{rank}: Dice {overlay.dice:.2f}", fontsize=9)
                axes.text(
                    0.5, -0.02, overlay.caption, ha="center", va="top", transform=axes.transAxes, fontsize=7
                )
        handles: list[Patch | Line2D] = [Patch(color=colour, label=kind) for kind, colour in _KINDS.items()]
        handles.append(Line2D([], [], color="white", path_effects=_outline(), label="manual contour"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)


def colour(image: np.ndarray, manual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the image (H, W) as RGB (H, W, 3) in [0, 1] with each kind of pixel tinted."""
    picture = np.repeat(style.grey(image)[..., None], 3, axis=2)
    manual, predicted = manual.astype(bool), predicted.astype(bool)
    areas = (manual & predicted, ~manual & predicted, manual & ~predicted)
    for area, tint in zip(areas, _KINDS.values(), strict=True):
        picture[area] = (1 - _OPACITY) * picture[area] + _OPACITY * np.array(to_rgb(tint))
    return picture


def _draw(axes: Axes, overlay: Overlay) -> None:
    """Draw one slice, cropped to what there is to see, with a bar of known length."""
    window = crop(overlay.manual.astype(bool) | overlay.predicted.astype(bool))
    manual = overlay.manual[window]
    style.show(axes, colour(overlay.image, overlay.manual, overlay.predicted)[window])
    if manual.any() and not manual.all():
        axes.contour(manual, levels=[0.5], colors="white", linewidths=0.9)
    height, width = manual.shape
    bar = _BAR_MM / overlay.spacing_mm
    left, line = 0.05 * width, 0.95 * height
    axes.plot([left, left + bar], [line, line], color="white", linewidth=2, path_effects=_outline())
    axes.text(
        left, line - 0.02 * height, f"{_BAR_MM} mm", color="white", fontsize=6, va="bottom",
        path_effects=_outline(),
    )  # fmt: skip
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def _outline() -> list[withStroke]:
    """Return the dark edge that keeps white lines and words legible on any ground."""
    return [withStroke(linewidth=2.4, foreground=style.INK)]


def crop(drawn: np.ndarray) -> tuple[slice, slice]:
    """Return the square (or the image's border) that holds every pixel of `drawn` (H, W) with a margin."""
    places = np.argwhere(drawn) if drawn.any() else np.array([[0, 0], drawn.shape])
    low, high = places.min(axis=0), places.max(axis=0) + 1
    side = max(int((high - low).max()) + 2 * _MARGIN, _LEAST_CROP)
    starts = np.clip((low + high - side) // 2, 0, np.maximum(np.array(drawn.shape) - side, 0))
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)
