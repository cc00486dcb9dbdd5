"""Stacks as they come from real examinations: slices scanned again, missing, repeated, or beyond the ventricle."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from lvseg.imaging.grid import Grid
from lvseg.studies.analysis.analyse import analyse_study
from lvseg.studies.analysis.assessment import LOOK
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.cohort import inputs
from tests.lvseg.studies.hearts import Heart, classic, predicted

HEART = Heart()


def test_a_slice_scanned_again_counts_once(tmp_path: Path, model: LoadedModel) -> None:
    """The first scan of the slice shows nothing, as after a bad breath-hold."""

    def spoiled(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ == 3:
            ds.PixelData = np.full((64, 64), 100, np.uint16).tobytes()

    def again(ds: Dataset, slice_: int, phase: int) -> None:
        ds.SeriesInstanceUID += ".9"
        ds.SOPInstanceUID += ".9"
        ds.SeriesNumber = 309
        if slice_ != 3:
            del ds.Rows

    folder = classic(tmp_path / "s", HEART, spoiled)
    classic(folder / "again", HEART, again)
    result = predicted(folder, model)
    assert any("Slice 4 was scanned 2 times" in note for note in result.cine.notes), result.cine.notes
    assert result.measurements.ef_percent == pytest.approx(HEART.ef, abs=2.5)


def test_a_missing_slice_is_filled_from_its_neighbours(tmp_path: Path, model: LoadedModel) -> None:
    def without(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ == 3:
            del ds.Rows

    result = predicted(classic(tmp_path / "s", HEART, without), model)
    assert any("16.0 mm instead of 8.0" in note for note in result.cine.notes), result.cine.notes
    assert result.measurements.edv_ml == pytest.approx(HEART.volume(0), rel=0.05)
    assert result.measurements.ef_percent == pytest.approx(HEART.ef, abs=2)


def test_slices_may_have_other_numbers_of_phases(tmp_path: Path, model: LoadedModel) -> None:
    """One slice lacks two phases in the middle, another has three only, which is too few."""

    def fewer(ds: Dataset, slice_: int, phase: int) -> None:
        if (slice_ == 2 and phase in (5, 6)) or (slice_ == 0 and phase > 2):
            del ds.Rows

    result = predicted(classic(tmp_path / "s", HEART, fewer), model)
    notes = " ".join(result.cine.notes)
    assert "has 8 phases instead of 10" in notes and "has 3 of 10 phases: it is left out" in notes
    assert result.assessment.verdict == "look at it", "its part of the volume may be lacking"
    assert result.measurements.ef_percent == pytest.approx(HEART.ef, abs=2)
    slice_ = next(s for s in range(1, 7) if sum(f.slice == s for f in result.cine.frames) == 8)
    shown = [result.cine.frames[result.cine.at[slice_, p]].image.trigger_time or 0.0 for p in range(1, 11)]
    assert np.abs(np.subtract(shown, np.arange(10) * 80.0)).max() <= 80


@pytest.mark.parametrize(
    ("lost", "slices", "said"),
    [
        (lambda slice_, phase: (slice_, phase) == (3, 2), 7, "1 image without a position left out"),
        (lambda slice_, phase: slice_ == 3, 6, "16.0 mm instead of 8.0"),
        (lambda slice_, phase: True, 7, "Positions of slices are unknown"),
    ],
)
def test_positions_may_be_lost(
    lost: Callable[[int, int], bool], slices: int, said: str, tmp_path: Path, model: LoadedModel
) -> None:
    def change(ds: Dataset, slice_: int, phase: int) -> None:
        if lost(slice_, phase):
            del ds.ImagePositionPatient

    result = predicted(classic(tmp_path / "s", HEART, change), model)
    assert said in " ".join(result.cine.notes)
    assert (result.cine.slices, result.cine.phases) == (slices, 10)
    assert result.measurements.ef_percent == pytest.approx(HEART.ef, abs=2.5)


def test_repeated_and_odd_images_are_named(tmp_path: Path, model: LoadedModel) -> None:
    folder = classic(tmp_path / "s", HEART)
    for path in sorted(folder.iterdir()):
        shutil.copy(path, folder / f"copy-{path.name}")

    def larger(ds: Dataset, slice_: int, phase: int) -> None:
        ds.SOPInstanceUID += ".7"
        if (slice_, phase) != (3, 3):
            del ds.Rows
            return
        ds.Rows = ds.Columns = 32
        ds.PixelData = b"\0" * 2048

    classic(folder / "odd", HEART, larger)
    (study,) = inputs.studies(folder)
    result = analyse_study("S", study.images, [], None, model)
    assert len(result.cine.frames) == 70
    assert "70 images came twice" in result.cine.notes[0]
    assert result.measurements.ef_percent == pytest.approx(HEART.ef, abs=2.5)
    assert not result.set_aside  # the odd image is no part of the stack at all


@pytest.mark.parametrize(("radius_at_start", "filling"), [(10, 4.0), (18, 0.0)], ids=["fills", "far larger"])
def test_a_slice_that_fills_or_is_far_larger_and_stays_so_is_the_atrium(
    radius_at_start: int, filling: float, tmp_path: Path, model: LoadedModel
) -> None:
    def atrium(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ == 0:
            y, x = np.mgrid[:64, :64]
            radius = radius_at_start + filling * np.sin(np.pi * phase / 9)
            ds.PixelData = (100 + 800 * (np.hypot(y - 30, x - 34) < radius)).astype(np.uint16).tobytes()

    result = predicted(classic(tmp_path / "s", HEART, atrium), model)
    assert any("atrium" in note for note in result.cine.notes)
    assert result.measurements.edv_ml == pytest.approx(HEART.volume(0), rel=0.05)


def test_a_far_larger_slice_that_empties_as_the_others_is_kept(tmp_path: Path, model: LoadedModel) -> None:
    def large(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ == 0:
            y, x = np.mgrid[:64, :64]
            radius = 18 - 5 * np.sin(np.pi * phase / 9)
            ds.PixelData = (100 + 800 * (np.hypot(y - 30, x - 34) < radius)).astype(np.uint16).tobytes()

    result = predicted(classic(tmp_path / "s", HEART, large), model)
    assert not any("atrium" in note for note in result.cine.notes)
    assert (result.measurements.area_mm2[0] > 0).all()


def test_an_aneurysm_at_the_wide_end_is_kept(tmp_path: Path, model: LoadedModel) -> None:
    """Its wall does not move, or bulges a little while the rest empties."""

    def aneurysm(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ < 3:
            y, x = np.mgrid[:64, :64]
            radius = 14 + 0.4 * np.sin(np.pi * phase / 9)
            ds.PixelData = (100 + 800 * (np.hypot(y - 30, x - 34) < radius)).astype(np.uint16).tobytes()

    result = predicted(classic(tmp_path / "s", HEART, aneurysm), model)
    assert not any("atrium" in note for note in result.cine.notes)
    assert (result.measurements.area_mm2[:3] > 0).all()


def test_what_the_second_look_cuts_is_to_be_looked_at(tmp_path: Path, model: LoadedModel) -> None:
    def long(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ == 3:
            pixels = ds.pixel_array.copy()
            pixels[27:31] = 900  # through the whole image
            ds.PixelData = pixels.tobytes()

    study = classic(tmp_path / "s", Heart(widest=18), long)
    closer = replace(model, segmenter=replace(model.segmenter, closer=Grid(60, 2.0)))
    words = "in slice 4 reaches the edge of what the network looked at"
    assessment = predicted(study, closer).assessment
    assert assessment.verdict == LOOK and any(words in reason for reason in assessment.reasons)
    assert not any("reaches the edge" in reason for reason in predicted(study, model).assessment.reasons)


def test_another_bright_body_is_not_the_ventricle(tmp_path: Path, model: LoadedModel) -> None:
    """Larger than the cavity, but in one slice only; and a spot that comes and goes."""

    def distracted(ds: Dataset, slice_: int, phase: int) -> None:
        pixels = ds.pixel_array.copy()
        if slice_ == 5:
            pixels[40:64, :30] = 900
        if phase == 2:
            pixels[5:12, 50:60] = 900
        ds.PixelData = pixels.tobytes()

    result = predicted(classic(tmp_path / "s", HEART, distracted), model)
    assert result.measurements.ef_percent == pytest.approx(HEART.ef, abs=2.5)
    assert not result.masks[:, 45:, :25].any()
