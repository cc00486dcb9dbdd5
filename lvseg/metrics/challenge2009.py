"""The measures of the MICCAI 2009 LV Segmentation Challenge, between two contours, as its evaluator took them.

Source: Radau et al. 2009 and their evaluation code, version 1.0 of 2009-06-29. Contours there count pixels from 1, here
from 0. A contour is good when its average perpendicular distance (APD) to the manual one is below 5 mm. Dice and APD
are averaged over good contours alone, within each patient and then over patients. A contour that the evaluator cannot
judge (15 points or fewer, at the border of the image, no distance found) is neither good nor bad: it counts as drawn,
which is the challenge's loophole, and is reported beside.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.boxes import Box
from lvseg.imaging.raster import rasterise
from lvseg.imaging.types import Contour, Region

GOOD_MM = 5.0
FEWEST_POINTS = 16
_SEARCH_DEGREES = 50.0  # to either side of a point, each contour seen from its centroid
_WRAPS_FROM = (
    150.0  # beyond this angle the search reaches across 180 degrees: to all manual points beyond the next
)
_WRAPS_TO = 130.0
_BESIDE_PX = 0.5  # manual points as near to a normal lie on it: the one nearest to the automatic point counts
_NEAR_PX = 1.5  # an intersection as far from every manual point is none
_FLAT, _STEEP = 0.01, 100.0  # slopes beyond which a line counts as level or upright


def average_perpendicular_distance(
    automatic: Contour, manual: Contour, spacing_mm: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Return the mean distance from the automatic contour along its normals to the manual one, in mm.

    The normal is across the line fitted to a point and its two neighbours. Of the manual points in the searched angle
    it meets the line that is fitted to the one nearest to it and that one's neighbours.

    Args:
        automatic: (n, 2), x (column) and y (row) in pixels.
        manual: (m, 2), the same.
        spacing_mm: between rows and between columns; (1, 1) gives pixels.

    Returns:
        NaN where the evaluator finds none. Distances of exactly zero are left out, so that equal contours have none.
    """
    searched = _searched(automatic, manual)
    if searched is None or not searched.any(axis=1).all():
        return math.nan
    normals, tangents = _normals(_slopes(automatic)), _tangents(_slopes(manual))
    offset = manual[None] - automatic[:, None]
    away, beside = np.linalg.norm(offset, axis=-1), np.abs(_cross(normals[:, None], offset))
    on_it = searched & (beside <= _BESIDE_PX)
    met = np.where(
        on_it.sum(axis=1) >= 2,
        np.where(on_it, away, np.inf).argmin(axis=1),
        np.where(searched, beside, np.inf).argmin(axis=1),
    )
    parallel = _cross(normals, tangents[met]) == 0
    along = _cross(manual[met] - automatic, tangents[met]) / np.where(
        parallel, 1.0, _cross(normals, tangents[met])
    )
    step = along[:, None] * normals
    near = np.linalg.norm((automatic + step)[:, None] - manual[None], axis=-1) < _NEAR_PX
    hit = ~parallel & (near & searched).any(axis=1)
    length = np.hypot(step[hit, 0] * spacing_mm[1], step[hit, 1] * spacing_mm[0])
    apart = length[length > 0]
    return float(apart.mean()) if apart.size else math.nan


def judged(automatic: Contour, shape: tuple[int, int]) -> bool:
    """Return whether the official evaluator looks at a contour: it has enough points, and all lie within the image.

    Args:
        automatic: (n, 2), x (column) and y (row) in pixels.
        shape: rows and columns of the image.
    """
    rows, columns = shape
    inside = (automatic > 0).all() and (automatic < (columns - 1, rows - 1)).all()
    return len(automatic) >= FEWEST_POINTS and bool(inside)


def _searched(automatic: Contour, manual: Contour) -> Region | None:
    """Return which manual points (n, m) lie in the direction of each automatic one; None where no pixel is covered.

    Directions are seen from the manual centroid, those of an automatic contour that does not hold it from its own.
    """
    manual_centre, automatic_centre = _centroid(manual), _centroid(automatic)
    if manual_centre is None or automatic_centre is None:
        return None
    if rasterise(automatic - np.rint(manual_centre), (1, 1))[0, 0]:
        automatic_centre = manual_centre
    automatic_at, manual_at = (
        np.degrees(np.arctan2(*(points - centre).T[::-1]))
        for points, centre in ((automatic, automatic_centre), (manual, manual_centre))
    )
    searched: Region = np.where(
        np.abs(automatic_at)[:, None] >= _WRAPS_FROM,
        np.abs(manual_at)[None] >= _WRAPS_TO,
        np.abs(manual_at[None] - automatic_at[:, None]) < _SEARCH_DEGREES,
    )
    return searched


def _centroid(points: Contour) -> NDArray[np.float64] | None:
    """Return the mean position (x, y) of the pixels that a contour covers; None where it covers none."""
    box = Box.of_points(points)
    corner = np.array([box.left, box.top], float)
    covered = np.argwhere(rasterise(points - corner, box.shape))
    return np.asarray(covered.mean(axis=0)[::-1] + corner) if len(covered) else None


def _slopes(points: Contour) -> NDArray[np.float64]:
    """Return the slope (n,) of the line y(x) that fits each point and its two neighbours best.

    Where the line is nearly upright, and x(y) fits better, its slope counts.
    """
    three = np.stack([np.roll(points, 1, axis=0), points, np.roll(points, -1, axis=0)], axis=1)
    x, y = np.moveaxis(three - three.mean(axis=1, keepdims=True), -1, 0)
    slope, inverse = (
        (x * y).sum(1) / np.where((axis**2).sum(1) > 0, (axis**2).sum(1), np.inf) for axis in (x, y)
    )
    off, off_inverse = np.abs(y - slope[:, None] * x).sum(1), np.abs(x - inverse[:, None] * y).sum(1)
    upright = (np.abs(inverse) < 0.1) & (off_inverse < off)
    return np.asarray(np.where(upright, 1 / (inverse + 1e-5), slope))


def _tangents(slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors (n, 2) along lines of these slopes."""
    level, upright = np.abs(slopes) < _FLAT, np.abs(slopes) > _STEEP
    x = np.where(upright, 0.0, 1.0)
    y = np.where(upright, 1.0, np.where(level, 0.0, slopes))
    return np.stack([x, y], axis=1) / np.hypot(x, y)[:, None]


def _normals(slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors (n, 2) across lines of these slopes."""
    x, y = _tangents(slopes).T
    return np.stack([-y, x], axis=1)


def _cross(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cross product (...,) of vectors (..., 2)."""
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])
