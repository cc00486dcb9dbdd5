"""Distances between the outlines of two masks, in mm."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lvseg.imaging.types import Pixels, Region

_PERCENT = 95


@dataclass(frozen=True)
class SurfaceDistances:
    """How far two outlines lie apart, in mm; all NaN where one of the masks is empty.

    Attributes:
        hausdorff: the largest distance from a border pixel of either mask to the other border.
        hausdorff_95: 95th percentile of the distances of both borders together.
        mean: mean over both directions of the mean distance.
    """

    hausdorff: float
    hausdorff_95: float
    mean: float


def surface_distances(
    first: Pixels, second: Pixels, spacing_mm: tuple[float, float] = (1.0, 1.0)
) -> SurfaceDistances:
    """Return the distances between the borders of two masks (H, W) in mm.

    A border pixel is one of the mask with at least one of its four neighbours outside of it; beyond the image
    is outside.

    Args:
        first: 0 is outside, anything else inside.
        second: the same shape.
        spacing_mm: between rows and between columns; (1, 1) gives pixels.
    """
    if not (first.any() and second.any()):
        return SurfaceDistances(math.nan, math.nan, math.nan)
    borders = [_border(mask) for mask in (first, second)]
    away = [ndimage.distance_transform_edt(~border, sampling=spacing_mm) for border in borders]
    there, back = away[1][borders[0]], away[0][borders[1]]
    both = np.concatenate([there, back])
    return SurfaceDistances(
        hausdorff=float(both.max()),
        hausdorff_95=float(np.percentile(both, _PERCENT)),
        mean=float((there.mean() + back.mean()) / 2),
    )


def _border(mask: Pixels) -> Region:
    """Return the border pixels of a mask as (H, W) bool."""
    inside = mask.astype(bool)
    return np.asarray(inside & ~ndimage.binary_erosion(inside))
