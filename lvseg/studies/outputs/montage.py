"""All slices at some phases, in one picture with the contours."""

import io
import math
from dataclasses import dataclass

from PIL import Image

from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs import tiles

_WIDTH, _HEIGHT = 181.0, 145.0  # mm on an A4 page
_LARGEST = 24.0  # mm of a tile
_PIXELS = 2200  # of the picture's width at most: 300 to the inch in print
_SHARPEST = 128  # pixels of a tile: the scanner's image holds hardly more


@dataclass(frozen=True)
class Montage:
    """A picture in rows (slices) and columns (phases).

    Attributes:
        webp: the picture's file.
        slices: how many rows.
        phases: shown, from 1, ascending.
        tile_mm: side of a tile on paper.
    """

    webp: bytes
    slices: int
    phases: tuple[int, ...]
    tile_mm: float


def draw(result: StudyResult) -> Montage:
    """Return the montage of a study: as many phases as a page holds at a legible size, ED and ES among them."""
    cine = result.cine
    largest = min(_HEIGHT / cine.slices, _LARGEST)
    found = {result.measurements.ed_phase, result.measurements.es_phase} - {0}
    phases = chosen(cine.phases, math.ceil(_WIDTH / largest), found)
    size = min(_PIXELS // len(phases), _SHARPEST)
    seen = tiles.view(result)
    sheet = Image.new("RGB", (size * len(phases), size * cine.slices))
    for row in range(cine.slices):
        for column, phase in enumerate(phases):
            picture = tiles.tile(result, cine.at[row + 1, phase], seen, size)
            sheet.paste(picture, (column * size, row * size))
    file = io.BytesIO()
    sheet.save(
        file, "WEBP", quality=80, method=2
    )  # half of what a JPEG takes: there may be thousands of pages
    return Montage(file.getvalue(), cine.slices, phases, min(_WIDTH / len(phases), largest))


def chosen(phases: int, most: int, wanted: set[int]) -> tuple[int, ...]:
    """Return at most `most` of the phases 1 to `phases`, evenly spaced, but with each of the `wanted` in it.

    Args:
        phases: how many there are.
        most: at least as many as are wanted.
        wanted: phases that take the place of their nearest neighbour.
    """
    if phases <= most:
        return tuple(range(1, phases + 1))
    held = {1 + step * phases // most for step in range(most)}
    for phase in sorted(wanted - held):
        held.remove(min(held - wanted, key=lambda other: (abs(other - phase), other)))
        held.add(phase)
    return tuple(sorted(held))
