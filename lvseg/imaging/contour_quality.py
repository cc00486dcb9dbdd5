"""Quality flags of contours, each with its evidence.

Thresholds were fixed on the 15 training patients of the 2009 challenge and on the phantom; no flag looks at
what a model makes of a slice, so that none can remove what a model finds hard (docs/data.md has the figures).
"""

import math

import numpy as np
import shapely
from scipy import ndimage

from lvseg.imaging.boxes import Box
from lvseg.imaging.raster import rasterise
from lvseg.imaging.types import Contour, Pixels

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
# Pixels from the line: the outermost of the cavity, which blur into the wall, are left out; the wall begins behind
# them, and is at least as thick as the ring (3 mm at the usual 1.4 mm a pixel).
_INSIDE = 1
_RING = (2, 4)
_SMOOTHING = 1  # pixels, of the image whose slope is taken: noise has slopes in all directions


def anatomy_fit(image: Pixels, points: Contour) -> float:
    """Return how well an endocardial contour lies on a bright cavity with darker muscle around it.

    It is the mean of two shares: of the pairs of a pixel inside and one in the ring 2-4 pixels outside in which
    the inner one is brighter (the area under the ROC curve), and of the pixels along the line at which the
    image gets darker outwards. Chance gives 0.5 for both; NaN where no such pixels exist.

    Args:
        image: (H, W), any real type.
        points: (n, 2), x and y in pixels.
    """
    box = Box.of_points(points).widened(_MARGIN).clipped(image.shape)
    window = image[box.slices].astype(float)
    if min(window.shape) < 3:
        return math.nan
    inside = rasterise(points - (box.left, box.top), box.shape).astype(bool)
    if not inside.any() or inside.all():
        return math.nan
    outwards = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    core = window[outwards <= -_INSIDE]
    ring = window[(outwards >= _RING[0]) & (outwards <= _RING[1])]
    if not core.size or not ring.size:
        return math.nan
    ranks = np.searchsorted(np.sort(ring), core, "left") + np.searchsorted(np.sort(ring), core, "right")
    brighter = ranks.mean() / (2 * ring.size)
    slope = sum(
        a * b
        for a, b in zip(
            np.gradient(ndimage.gaussian_filter(window, _SMOOTHING)), np.gradient(outwards), strict=True
        )
    )
    darker = (slope[np.abs(outwards) <= 1] < 0).mean()
    return float((brighter + darker) / 2)


def shape_flags(points: Contour, shape: tuple[int, int]) -> dict[str, str]:
    """Return the flags that one contour earns by its shape alone, with the evidence.

    Args:
        points: (n, 2), x and y in pixels.
        shape: rows and columns of its image.

    Example:
        >>> shape_flags(np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]]), (64, 64))
        {'too-small': 'area of 4.0 pixels'}
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


def epi_flag(endo: Contour, epi: Contour) -> str | None:
    """Return the evidence that an epicardial contour does not lie around the endocardial one, or None.

    Args:
        endo: (n, 2), x and y in pixels.
        epi: (m, 2), the same.
    """
    inner, outer = (shapely.make_valid(shapely.Polygon(points)) for points in (endo, epi))
    if inner.area == 0:
        return None
    outside = inner.difference(outer).area / inner.area
    return f"{outside:.0%} of the endocardial area is outside" if outside > OUTSIDE_EPI_SHARE else None
