"""Label maps as part of a study: with the lines around cavity and wall that scores of contours need."""

from collections.abc import Mapping

import numpy as np

from lvseg.imaging.outline import outline
from lvseg.imaging.structures import Structure
from lvseg.imaging.types import Contour, Region
from lvseg.labels.sources.label_map import LabelMap
from lvseg.labels.study import Study
from lvseg.labels.sunnybrook_text import ENDO, EPI

CONVENTION = (
    "outlines of label maps, half-way between pixels; x = column, y = row; the centre of the first pixel is 0"
)


def take_maps(study: Study, maps: Mapping[int, LabelMap]) -> None:
    """Give a study its label maps, and a line around each cavity and each wall that is known and present.

    Args:
        study: with its frames.
        maps: by image number, on pixels of the frame.
    """
    study.maps.update(maps)
    study.convention = CONVENTION
    for number, found in maps.items():
        cavity = found.labels == Structure.CAVITY
        wall = found.labels == Structure.MYOCARDIUM
        if Structure.CAVITY not in found.known:
            continue
        _add(study, number, ENDO, cavity)
        if Structure.MYOCARDIUM in found.known and wall.any():
            _add(study, number, EPI, cavity | wall)


def _add(study: Study, number: int, kind: str, region: Region) -> None:
    line: Contour | None = outline(np.where(region, 0.5, -0.5))
    if line is not None:
        study.points[number, kind] = line
