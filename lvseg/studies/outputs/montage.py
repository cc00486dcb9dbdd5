"""All slices at some phases, in one picture with the contours."""

import io
import math
from collections.abc import Collection
from dataclasses import dataclass

from PIL import Image

from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs import tiles

_WIDTH_MM, _HEIGHT_MM = 181.0, 145.0  # of the montage on an A4 page
_LARGEST_MM = 24.0  # side of a tile: a few slices are not blown up to fill the page
_LARGEST_WIDTH = 2200  # pixels: 300 to the inch in print
_LARGEST_TILE = 128  # pixels: the scanner's image holds hardly more


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
    largest_mm = min(_HEIGHT_MM / cine.slices, _LARGEST_MM)
    phases = shown_phases(cine.phases, math.ceil(_WIDTH_MM / largest_mm), set(result.measurements.ed_and_es))
    size = min(_LARGEST_WIDTH // len(phases), _LARGEST_TILE)
    crop = tiles.tile_crop(result)
    sheet = Image.new("RGB", (size * len(phases), size * cine.slices))
    for row in range(cine.slices):
        for column, phase in enumerate(phases):
            tile = tiles.draw_tile(result, cine.at[row + 1, phase], crop, size)
            sheet.paste(tile, (column * size, row * size))
    file = io.BytesIO()
    # Half of what a JPEG takes: there may be thousands of pages.
    sheet.save(file, "WEBP", quality=80, method=2)
    return Montage(file.getvalue(), cine.slices, phases, min(_WIDTH_MM / len(phases), largest_mm))


def shown_phases(phases: int, most: int, wanted: Collection[int]) -> tuple[int, ...]:
    """Return at most `most` of the phases 1 to `phases`, evenly spaced, but with each of the `wanted` among them.

    `shown_phases(10, 5, {4})` is (1, 4, 5, 7, 9): phase 4 takes the place of 3.

    Args:
        phases: how many there are.
        most: at least as many as are wanted.
        wanted: phases that take the place of their nearest neighbour.
    """
    if phases <= most:
        return tuple(range(1, phases + 1))
    chosen = {1 + step * phases // most for step in range(most)}
    for phase in sorted(set(wanted) - chosen):
        chosen.remove(min(chosen - set(wanted), key=lambda other: (abs(other - phase), other)))
        chosen.add(phase)
    return tuple(sorted(chosen))
