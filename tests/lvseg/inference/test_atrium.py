"""Slices at the wide end that show the atrium, told from the ventricle by what the beat does to them."""

import math

import numpy as np

from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing
from lvseg.inference.segmentation import Stack
from lvseg.inference.segmenter import Segmenter
from lvseg.inference.stacks import segment
from lvseg.studies.analysis.augmentation import augmentation_disagreement
from tests.lvseg.models.tiny_models import threshold_model

SIZE = 96
SEGMENTER = Segmenter(threshold_model(None, level=1.5), Grid(SIZE, 1.0), one_region=True)
NO_FRAME = math.nan


def discs(areas_mm2: list[list[float]]) -> Stack:
    """Return a stack of discs of these areas by slice, base first, and phase, such as end-diastole and end-systole."""
    y, x = np.mgrid[:SIZE, :SIZE]
    away_mm2 = np.pi * ((y - 48) ** 2 + (x - 45) ** 2)
    shown = [
        (s, p, area) for s, row in enumerate(areas_mm2) for p, area in enumerate(row) if not math.isnan(area)
    ]
    at = np.full((len(areas_mm2), len(areas_mm2[0])), -1)
    for frame, (slice_, phase, _) in enumerate(shown):
        at[slice_, phase] = frame
    pixels = np.array([100 + 800 * (away_mm2 < area) for *_, area in shown], np.int16)
    return Stack(pixels, Spacing(1.0, 1.0), np.array([slice_ + 1 for slice_, *_ in shown]), at)


# Both atria beyond the base, and an aneurysm at the apex that bulges while the rest empties.
BETWEEN_BOTH = discs([[500, 475], [225, 112], [250, 125], [275, 137], [325, 162], [300, 375]])


def test_the_apex_is_not_the_wide_end_because_the_base_was_taken_away() -> None:
    assert segment(SEGMENTER, BETWEEN_BOTH).atrial == (1,)


def test_what_was_taken_away_is_no_disagreement() -> None:
    segmentation = segment(SEGMENTER, BETWEEN_BOTH)
    assert augmentation_disagreement(SEGMENTER, BETWEEN_BOTH, segmentation, (1, 2)) < 2


def test_a_phase_that_lacks_slices_is_not_end_systole() -> None:
    """A wide base that empties, shown once more at end-diastole without the other slices."""
    others = [[area, area / 2, NO_FRAME] for area in (300, 300, 270, 240)]
    assert segment(SEGMENTER, discs([[480, 240, 480], *others])).atrial == ()
    assert segment(SEGMENTER, discs([[480, 470, 480], *others])).atrial == (1,)
