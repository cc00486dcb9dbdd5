"""Lines to regions, and back: closed lines of one structure as one region, label maps with lines around them."""

from collections.abc import Mapping, Sequence

import numpy as np

from lvseg.core.paths.archives import UnreadableError
from lvseg.imaging.outline import outline
from lvseg.imaging.raster import rasterise
from lvseg.imaging.structures import Structure
from lvseg.imaging.types import Contour
from lvseg.imaging.types import Region as Truth
from lvseg.labels.sources.label_map import LabelMap
from lvseg.labels.study import Study
from lvseg.labels.sunnybrook_text import ENDO, EPI

CONVENTION = (
    "outlines of label maps, half-way between pixels; x = column, y = row; the centre of the first pixel is 0"
)

_LEAST_POINTS = 3
_FARTHEST = 1e5  # pixels
_BEYOND = 1.0  # pixels outside the middles of those at the border
_SAME = 0.98  # of their pixels, which two lines share that are one


def filled(lines: Sequence[Contour], shape: tuple[int, int]) -> Truth:
    """Return the region (H, W) that lines enclose: one within another is a hole, a repeated one counts once.

    Programs differ in how they store holes and islands. These readings agree with all of them but for lines that cross,
    which are joined.

    Args:
        lines: points (n, 2) in pixels, of one line at least.
        shape: H and W.

    Raises:
        UnreadableError: a line lies beyond the image, or all of them are smaller than a pixel.
    """
    if any((line < -_BEYOND).any() or (line > np.array(shape[::-1]) - 1 + _BEYOND).any() for line in lines):
        raise UnreadableError("a point lies beyond the image")
    masks = sorted((rasterise(line, shape).astype(bool) for line in lines), key=lambda mask: -int(mask.sum()))
    if not masks[0].any():
        raise UnreadableError("it encloses no pixel")
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


def take_maps(study: Study, maps: Mapping[int, LabelMap]) -> None:
    """Give a study its label maps, and a line around each cavity and each wall that is known and present.

    Args:
        study: with its frames.
        maps: by image number, on pixels of the frame.
    """
    study.maps.update(maps)
    study.convention = CONVENTION
    for number, label_map in maps.items():
        cavity = label_map.labels == Structure.CAVITY
        wall = label_map.labels == Structure.MYOCARDIUM
        if Structure.CAVITY not in label_map.known:
            continue
        _add(study, number, ENDO, cavity)
        if Structure.MYOCARDIUM in label_map.known and wall.any():
            _add(study, number, EPI, cavity | wall)


def _add(study: Study, number: int, kind: str, region: Truth) -> None:
    line: Contour | None = outline(np.where(region, 0.5, -0.5))
    if line is not None:
        study.points[number, kind] = line
