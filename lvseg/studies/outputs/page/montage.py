"""All slices at some phases in one picture with the contours, and a few at end-diastole and end-systole, large."""

import io
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from PIL import Image

from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs.page import tiles

_WIDTH_MM, _HEIGHT_MM = 181.0, 145.0  # of the montage on an A4 page
_LARGEST_MM = 24.0  # side of a tile: a few slices are not blown up to fill the page
_LARGEST_WIDTH = 2200  # pixels: 300 to the inch in print
_LARGEST_TILE = 128  # pixels: the scanner's image holds hardly more
_CLOSE_UP = 320  # pixels: side of a tile that is looked at closely
_LEVELS = (1 / 6, 1 / 2, 5 / 6)  # of the ventricle from base to apex: a slice in the middle of each third


@dataclass(frozen=True)
class Montage:
    """A picture in rows (slices) and columns (phases).

    Attributes:
        webp: the picture's file.
        slices: the number of the slice in each row, from base to apex.
        phases: shown, from 1, ascending.
        tile_mm: side of a tile on paper.
    """

    webp: bytes
    slices: tuple[int, ...]
    phases: tuple[int, ...]
    tile_mm: float


def draw(result: StudyResult) -> Montage:
    """Return the montage of a study: as many phases as a page holds at a legible size, ED and ES among them."""
    cine = result.cine
    largest_mm = min(_HEIGHT_MM / cine.slices, _LARGEST_MM)
    phases = shown_phases(cine.phases, math.ceil(_WIDTH_MM / largest_mm), set(result.measurements.ed_and_es))
    size = min(_LARGEST_WIDTH // len(phases), _LARGEST_TILE)
    crop = tiles.tile_crop(result)
    slices = base_to_apex(result)
    sheet = _sheet(result, slices, phases, crop, size)
    return Montage(_webp(sheet), slices, phases, min(_WIDTH_MM / len(phases), largest_mm))


def close_ups(result: StudyResult) -> Montage | None:
    """Return end-diastole and end-systole of a basal, a middle and an apical slice; None where a phase is unknown."""
    measurements = result.measurements
    if measurements.ed_phase is None or measurements.es_phase is None:
        return None
    at_ed = measurements.area_mm2[:, measurements.ed_phase - 1]
    held = [slice_ for slice_ in base_to_apex(result) if at_ed[slice_ - 1] > 0]
    if not held:
        return None
    slices = tuple(dict.fromkeys(held[int(level * len(held))] for level in _LEVELS))
    phases = (measurements.ed_phase, measurements.es_phase)
    sheet = _sheet(result, slices, phases, tiles.tile_crop(result), _CLOSE_UP, across=True)
    return Montage(_webp(sheet), slices, phases, _LARGEST_MM)


def base_to_apex(result: StudyResult) -> tuple[int, ...]:
    """Return the numbers of all slices from base to apex; as they lie in the stack where nothing tells the ends."""
    slices = tuple(range(1, result.cine.slices + 1))
    return slices[::-1] if result.measurements.base_first is False else slices


def _sheet(
    result: StudyResult,
    slices: Sequence[int],
    phases: Sequence[int],
    crop: tiles.TileCrop,
    size: int,
    across: bool = False,
) -> Image.Image:
    """Return slices by phases, or with `across` phases by slices."""
    shape = (len(slices), len(phases)) if across else (len(phases), len(slices))
    sheet = Image.new("RGB", (size * shape[0], size * shape[1]))
    for row, slice_ in enumerate(slices):
        for column, phase in enumerate(phases):
            tile = tiles.draw_tile(result, result.cine.at[slice_, phase], crop, size)
            place = (row, column) if across else (column, row)
            sheet.paste(tile, (place[0] * size, place[1] * size))
    return sheet


def _webp(sheet: Image.Image) -> bytes:
    file = io.BytesIO()
    # Half of what a JPEG takes: there may be thousands of pages.
    sheet.save(file, "WEBP", quality=80, method=2)
    return file.getvalue()


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
