"""Where prediction and reference agree and differ, on the image itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from lvseg.imaging.boxes import Box
from lvseg.pictures import style

OPACITY = 0.55  # of a tint: the image shows through
_PANEL_INCHES = 2.4, 2.95  # width and height of a slice with its words
_LEAST_WIDTH, _LEGEND_INCHES = 6, 0.7  # inches; the legend takes some width as well
_LEAST_CROP = 96  # pixels: the heart and some of what surrounds it
_MARGIN = 16  # pixels around everything that is drawn
_BAR_MM = 20  # length of the bar that shows the scale
_KINDS = {
    "true positive": style.TRUE_POSITIVE,
    "false positive": style.FALSE_POSITIVE,
    "false negative": style.FALSE_NEGATIVE,
}


@dataclass(frozen=True)
class Overlay:
    """One slice to draw.

    Attributes:
        image: (H, W) in any grey scale.
        reference: (H, W) mask of what the expert drew; not 0 inside.
        predicted: (H, W) mask of what the model drew; not 0 inside.
        pixel_width_mm: from column to column.
        dice: of both masks.
        caption: a line or two below the picture.
    """

    image: NDArray[np.generic]
    reference: NDArray[np.generic]
    predicted: NDArray[np.generic]
    pixel_width_mm: float
    dice: float
    caption: str


def draw_overlays(path: Path, name: str, rows: Mapping[str, Sequence[Overlay]]) -> None:
    """Draw rows of overlays, with a legend.

    Args:
        path: PNG to write.
        name: what the picture is of, such as a model.
        rows: overlays by what the row is called, such as best, median and worst.
    """
    columns = max(len(row) for row in rows.values())
    width, height = _PANEL_INCHES
    inches = max(width * columns, _LEAST_WIDTH), height * len(rows) + _LEGEND_INCHES
    with style.drawing(path, *inches) as figure:
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


def tinted(
    image: NDArray[np.generic], reference: NDArray[np.generic], predicted: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Return an image (H, W) as RGB (H, W, 3) in [0, 1], tinted where either mask (H, W) is not 0.

    Each kind of pixel, true positive, false positive and false negative, has a tint of its own (`style`).
    """
    picture = np.repeat(style.grey(image)[..., None], 3, axis=2)
    inside, marked = reference.astype(bool), predicted.astype(bool)
    areas = (inside & marked, ~inside & marked, inside & ~marked)
    for area, tint in zip(areas, _KINDS.values(), strict=True):
        picture[area] = (1 - OPACITY) * picture[area] + OPACITY * np.array(to_rgb(tint))
    return picture


def _draw(axes: Axes, overlay: Overlay) -> None:
    """Draw one slice, cropped to what there is to see, with a bar of known length."""
    window = crop(overlay.reference.astype(bool) | overlay.predicted.astype(bool))
    reference = overlay.reference[window]
    style.show(axes, tinted(overlay.image, overlay.reference, overlay.predicted)[window])
    if reference.any() and not reference.all():
        axes.contour(reference, levels=[0.5], colors="white", linewidths=0.9)
    height, width = reference.shape
    bar = _BAR_MM / overlay.pixel_width_mm
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


def crop(marked: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return rows and columns of the square that holds every marked pixel (H, W) with a margin, within the image.

    Where nothing is marked, it is the whole image.
    """
    box = Box.of_mask(marked) or Box(0, 0, *marked.shape)
    side = max(*box.widened(_MARGIN).shape, _LEAST_CROP)
    return box.resized(side, side).moved_into(marked.shape).slices
