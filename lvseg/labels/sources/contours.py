"""Several closed lines of one structure on one image, as one region."""

from collections.abc import Sequence

import numpy as np

from lvseg.core.archives import UnreadableError
from lvseg.imaging.raster import rasterise
from lvseg.imaging.types import Contour
from lvseg.imaging.types import Region as Truth

_LEAST_POINTS = 3
_FARTHEST = 1e5  # pixels
_SAME = 0.98  # of their pixels, which two lines share that are one


def filled(lines: Sequence[Contour], shape: tuple[int, int]) -> Truth:
    """Return the region (H, W) that lines enclose: one within another is a hole, a repeated one counts once.

    Programs differ in how they store holes and islands. These readings agree with all of them but for lines that cross,
    which are joined.

    Args:
        lines: points (n, 2) in pixels.
        shape: H and W.
    """
    masks = sorted((rasterise(line, shape).astype(bool) for line in lines), key=lambda mask: -int(mask.sum()))
    region, before = np.zeros(shape, bool), list[Truth]()
    for mask in masks:
        if any((mask & other).sum() >= _SAME * (mask | other).sum() for other in before):
            continue
        before.append(mask)
        region = region & ~mask if mask.any() and not (mask & ~region).any() else region | mask
    return region


def checked(points: np.ndarray) -> Contour:
    """Return points (n, 2) of a line that encloses an area.

    Raises:
        UnreadableError: they are too few, or no places in an image.
    """
    if len(points) < _LEAST_POINTS:
        raise UnreadableError(f"{len(points)} point(s) enclose no area")
    if not np.isfinite(points).all() or np.abs(points).max() > _FARTHEST:
        raise UnreadableError("a point is NaN, or far outside the image")
    return points
