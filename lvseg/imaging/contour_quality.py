"""Quality flags of contours, each with its evidence.

Thresholds were fixed on the 15 training patients of the 2009 challenge and on the phantom; no flag looks at
what a model makes of a slice, so that none can remove what a model finds hard (docs/data.md has the figures).
"""

import numpy as np
import shapely
from scipy import ndimage

from lvseg.imaging.raster import rasterise

# Smallest plausible cavity, in pixels: the smallest of the training patients has several times as many.
SMALLEST_AREA = 12.0
# Share of a contour's area that a line crossing itself may enclose the wrong way; drawing slips stay below.
CROSSING_SHARE = 0.02
# Share of the endocardial area that may lie outside the epicardium.
OUTSIDE_EPI_SHARE = 0.05
# Half-way between what contours on other anatomy reach by chance (0.5) and what a perfect one does (1.0); the
# medians of the training patients are 0.86-0.98.
ANATOMY_FIT = 0.75
_MARGIN = 10  # pixels around the contour that the fit looks at


def anatomy_fit(image: np.ndarray, points: np.ndarray) -> float:
    """Return how well an endocardial contour lies on a bright cavity with darker muscle around it.

    It is the mean of two shares: of the pairs of a pixel inside and one in the ring 2-4 pixels outside in which
    the inner one is brighter (the area under the ROC curve), and of the pixels along the line at which the
    image gets darker outwards. Chance gives 0.5 for both; NaN where no such pixels exist.

    Args:
        image: (rows, columns), any type.
        points: (n, 2), x and y in pixels.
    """
    low = np.maximum(np.floor(points.min(axis=0)).astype(int) - _MARGIN, 0)
    high = np.maximum(np.ceil(points.max(axis=0)).astype(int) + _MARGIN + 1, 0)
    window = image[low[1] : high[1], low[0] : high[0]].astype(float)
    if min(window.shape) < 3:
        return float("nan")
    inside = rasterise(points - low, window.shape).astype(bool)
    if not inside.any() or inside.all():
        return float("nan")
    outwards = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    core = window[outwards <= -1]
    ring = window[(outwards >= 2) & (outwards <= 4)]
    if not core.size or not ring.size:
        return float("nan")
    ranks = np.searchsorted(np.sort(ring), core, "left") + np.searchsorted(np.sort(ring), core, "right")
    brighter = ranks.mean() / (2 * ring.size)
    slope = sum(
        a * b
        for a, b in zip(np.gradient(ndimage.gaussian_filter(window, 1)), np.gradient(outwards), strict=True)
    )
    darker = (slope[np.abs(outwards) <= 1] < 0).mean()
    return float((brighter + darker) / 2)


def shape_flags(points: np.ndarray, shape: tuple[int, int]) -> dict[str, str]:
    """Return the flags that one contour earns by its shape alone, with the evidence.

    Args:
        points: (n, 2), x and y in pixels.
        shape: rows and columns of its image.
    """
    flags: dict[str, str] = {}
    rows, columns = shape
    out = (points < -0.5).any(axis=1) | (points > (columns - 0.5, rows - 0.5)).any(axis=1)
    if out.any():
        flags["outside-image"] = f"{int(out.sum())} of {len(points)} points outside {columns} x {rows} pixels"
    polygon = shapely.Polygon(points)
    area = polygon.area
    if not polygon.is_valid:
        wrong = abs(shapely.make_valid(polygon).area - area)
        if wrong > CROSSING_SHARE * max(area, 1.0):
            flags["self-crossing"] = f"crosses itself, {wrong:.1f} pixels enclosed the wrong way"
    if area < SMALLEST_AREA:
        flags["too-small"] = f"area of {area:.1f} pixels"
    return flags


def epi_flag(endo: np.ndarray, epi: np.ndarray) -> str | None:
    """Return the evidence that an epicardial contour does not lie around the endocardial one, or None."""
    inner, outer = (shapely.make_valid(shapely.Polygon(points)) for points in (endo, epi))
    if inner.area == 0:
        return None
    outside = inner.difference(outer).area / inner.area
    return f"{outside:.0%} of the endocardial area is outside" if outside > OUTSIDE_EPI_SHARE else None
