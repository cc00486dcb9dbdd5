"""The measures of the MICCAI 2009 LV Segmentation Challenge (Radau et al. 2009), between two contours.

A contour is good when its average perpendicular distance (APD) to the manual one is below 5 mm. Dice and APD are
averaged over good contours alone, within each patient and then over patients. A contour that the evaluator
cannot judge (15 points or fewer, at the border of the image, no distance found) is neither good nor bad: it
counts as drawn, which is the challenge's loophole, and is reported beside.
"""

import math

import numpy as np

GOOD_MM = 5.0
FEWEST_POINTS = 16
_SEARCH_DEGREES = 50.0  # about the centroid, to either side of a point
_NEAR_PX = 1.5  # an intersection as far from every manual point is none


def average_perpendicular_distance(
    automatic: np.ndarray, manual: np.ndarray, spacing_mm: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Return the mean distance from the automatic contour along its normals to the manual one, in mm.

    Args:
        automatic: (n, 2), x (column) and y (row) in pixels.
        manual: (m, 2), the same.
        spacing_mm: between rows and between columns; (1, 1) gives pixels.

    Returns:
        NaN where no normal meets the manual contour. Distances of exactly zero are left out, as the official
        evaluator does; where all are zero the result is 0.
    """
    feet, reach = _intersections(automatic, _normals(automatic), manual)
    across, down = spacing_mm[1], spacing_mm[0]
    length = np.hypot(
        (feet[..., 0] - automatic[:, None, 0]) * across, (feet[..., 1] - automatic[:, None, 1]) * down
    )
    allowed = reach & _same_direction(automatic, feet) & _near(feet, manual, reach)
    nearest = np.where(allowed, length, np.inf).min(axis=1)
    found = nearest[np.isfinite(nearest)]
    if not found.size:
        return math.nan
    apart = found[found > 0]
    return float(apart.mean()) if apart.size else 0.0


def judged(automatic: np.ndarray, shape: tuple[int, int]) -> bool:
    """Return whether the official evaluator judges a contour (n, 2) in an image of this shape."""
    rows, columns = shape
    inside = (automatic > 0).all() and (automatic < (columns - 1, rows - 1)).all()
    return len(automatic) >= FEWEST_POINTS and bool(inside)


def _normals(points: np.ndarray) -> np.ndarray:
    """Return unit normals (n, 2): across the line that fits each point and its two neighbours best."""
    three = np.stack([np.roll(points, 1, axis=0), points, np.roll(points, -1, axis=0)], axis=1)
    _, _, axes = np.linalg.svd(three - three.mean(axis=1, keepdims=True))
    return np.asarray(axes[:, 1])


def _intersections(
    points: np.ndarray, normals: np.ndarray, manual: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the normal through point i meets edge j, (n, m, 2), and whether it does, (n, m)."""
    edge = np.roll(manual, -1, axis=0) - manual
    # With d = manual_j - point_i: point_i + t normal_i = manual_j + s edge_j has s = -(normal x d) / (normal x edge).
    offset = manual[None] - points[:, None]
    slope = normals[:, None, 0] * edge[None, :, 1] - normals[:, None, 1] * edge[None, :, 0]
    height = normals[:, None, 0] * offset[..., 1] - normals[:, None, 1] * offset[..., 0]
    crosses = slope != 0
    share = -height / np.where(crosses, slope, 1.0)
    feet = manual[None] + share[..., None] * edge[None]
    return feet, crosses & (share >= 0) & (share <= 1)


def _same_direction(points: np.ndarray, feet: np.ndarray) -> np.ndarray:
    """Return which feet (n, m) lie within the searched angle of their point, seen from the contour's centroid."""
    centre = points.mean(axis=0)
    towards, other = points[:, None] - centre, feet - centre
    cosine = (towards * other).sum(-1)
    lengths = np.linalg.norm(towards, axis=-1) * np.linalg.norm(other, axis=-1)
    return np.asarray(cosine >= math.cos(math.radians(_SEARCH_DEGREES)) * lengths)


def _near(feet: np.ndarray, manual: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return which feet (n, m) lie close to a point of the manual contour: one of the two ends of their edge."""
    ends = np.stack([manual, np.roll(manual, -1, axis=0)])
    distance = np.linalg.norm(feet[None] - ends[:, None], axis=-1).min(axis=0)
    return np.asarray(reach & (distance < _NEAR_PX))
