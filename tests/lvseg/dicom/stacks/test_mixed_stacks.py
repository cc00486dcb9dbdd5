"""Stacks in which something else lies, or that are two: the beat is read without it, or a person is told to look."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from lvseg.dicom.stacks import short_axis
from lvseg.dicom.stacks.cine import Cine
from lvseg.dicom.stacks.stacking import stacked
from lvseg.labels.layouts import find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.study import Study
from lvseg.studies.cohort import inputs
from tests.lvseg.studies.hearts import Heart, axes, classic, enhanced, frame

HEART = Heart(slices=5, phases=8, end_systole=4)
PLACES = [(slice_, phase) for slice_ in range(HEART.slices) for phase in range(HEART.phases)]
Add = Callable[[Path], None]


def read(folder: Path) -> tuple[Cine, Study]:
    (study,), ((patient,), _) = inputs.studies(folder), find_patients([folder])
    return stacked(short_axis.choose(study.images))[0], read_study(patient, first_pixel=1, all_pixels=True)


def save(folder: Path, ds: Dataset, number: int, **given: Any) -> None:
    for name, value in given.items():
        setattr(ds, name, value)
    ds.InstanceNumber, ds.SOPInstanceUID = number, f"{ds.SOPInstanceUID}.{number}"
    ds.save_as(folder / f"IM-0300-{number:04d}.dcm", enforce_file_format=True)


def one_a_slice(**given: Any) -> Add:
    """Add a bright image to each slice that shows no phase."""

    def add(folder: Path) -> None:
        for slice_ in range(HEART.slices):
            ds = frame(HEART, slice_, 0)
            ds.PixelData = np.full((HEART.rows, HEART.columns), 900, np.uint16).tobytes()
            save(folder, ds, 900 + slice_, **given)

    return add


def copies(folder: Path) -> None:
    for slice_, phase in PLACES:
        ds = frame(HEART, slice_, phase)
        ds.PixelData = (HEART.image(slice_, phase) // 2).tobytes()
        save(folder, ds, 500 + 8 * slice_ + phase, ImageType=["DERIVED", "PRIMARY", "M", "FILTERED"])


@pytest.mark.parametrize(
    "add",
    [
        one_a_slice(InversionTime=280, TriggerTime=730.0),
        one_a_slice(ImageType=["DERIVED", "SECONDARY", "M", "MEAN"], TriggerTime=333.0),
        copies,
    ],
    ids=["late enhancement", "a mean of the beat", "filtered copies"],
)
def test_what_is_no_phase_is_left_out_and_said(tmp_path: Path, add: Add) -> None:
    add(classic(tmp_path / "PAT-1", HEART))
    cine, study = read(tmp_path / "PAT-1")
    shown = {(frame.slice - 1, frame.phase - 1): study.pixels[frame.number] for frame in study.frames}
    assert (cine.slices, cine.phases, study.phases) == (HEART.slices, HEART.phases, HEART.phases)
    for slice_, phase in PLACES:
        truth = HEART.image(slice_, phase)
        assert np.array_equal(cine.pixels[cine.at[slice_ + 1, phase + 1]], truth)
        assert np.array_equal(shown[slice_, phase], truth)
    for notes in (cine.notes, study.notes):
        assert len([note for note in notes if "of another kind" in note]) == 1


def again(step_ms: float) -> Add:
    """Add a second examination of the same slices, of a smaller heart, in the same series."""
    smaller = Heart(slices=5, phases=8, end_systole=4, widest=20.0)

    def add(folder: Path) -> None:
        for slice_, phase in PLACES:
            ds = frame(smaller, slice_, phase)
            save(folder, ds, 500 + 8 * slice_ + phase, TriggerTime=step_ms * phase)

    return add


@pytest.mark.parametrize("add", [again(95.0), again(100.0)], ids=["at a faster beat", "at the same beat"])
def test_a_stack_that_was_scanned_twice_is_not_one_of_twice_the_phases(tmp_path: Path, add: Add) -> None:
    add(classic(tmp_path / "PAT-1", HEART))
    cine, study = read(tmp_path / "PAT-1")
    assert (cine.phases, study.phases) == (HEART.phases, HEART.phases)
    bright = [
        [(cine.pixels[cine.at[slice_ + 1, phase + 1]] > 500).sum() for phase in range(HEART.phases)]
        for slice_ in range(HEART.slices)
    ]
    assert int(np.argmin(np.sum(bright, axis=0))) == HEART.end_systole - 1
    for notes in (cine.doubts, study.notes):
        assert any("All slices were scanned more than once" in note for note in notes)


def moved(scale: float) -> Callable[[Dataset, int, int], None]:
    def change(ds: Dataset, slice_: int, _: int) -> None:
        normal = np.cross(*axes())
        ds.ImagePositionPatient = list(np.round(np.array([10.0, -20, 30]) + slice_ * scale * normal, 5))

    return change


def repositioned(ds: Dataset, slice_: int, _: int) -> None:
    if slice_ > 2:
        ds.FrameOfReferenceUID = "2.25.77"


def untimed(ds: Dataset, slice_: int, phase: int) -> None:
    del ds.TriggerTime
    if slice_ == 2 and phase < 3:
        del ds.Rows


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (moved(20.0), "Slices lie 20 mm apart, not 8"),
        (moved(4.0), "Slices lie 4 mm apart, not 8"),
        (repositioned, "Its slices bear 2 frames of reference"),
        (untimed, "Slice 3 of 5 has 5 phases instead of 8, and no times"),
    ],
    ids=["too far apart", "within one another", "two frames of reference", "phases missing, no times"],
)
def test_what_nothing_in_the_headers_can_settle_is_a_doubt(
    tmp_path: Path, change: Callable[[Dataset, int, int], None], doubt: str
) -> None:
    cine, _ = read(classic(tmp_path / "PAT-1", HEART, change))
    assert [said[: len(doubt)] for said in cine.doubts] == [doubt]


def test_phases_that_are_missing_are_told_by_numbers_where_there_are_no_times(tmp_path: Path) -> None:
    cine, _ = read(classic(tmp_path / "PAT-1", HEART, untimed))
    for phase in range(3, HEART.phases):
        assert np.array_equal(cine.pixels[cine.at[3, phase + 1]], HEART.image(2, phase))


def test_images_of_which_nothing_tells_the_slice_are_no_beat_without_a_word(tmp_path: Path) -> None:
    def bare(ds: Dataset, *_: int) -> None:
        for name in ("ImagePositionPatient", "TriggerTime", "SpacingBetweenSlices"):
            delattr(ds, name)

    folder = classic(tmp_path / "PAT-1", Heart(slices=4, phases=3), bare)
    _, study = read(folder)
    assert any("12 images are taken for the phases of one slice" in note for note in study.notes)


@pytest.mark.parametrize("cut", [24, 28], ids=["between slices", "within a slice"])
def test_a_series_that_was_cut_into_two_objects_is_one(tmp_path: Path, cut: int) -> None:
    heart = Heart(slices=6, phases=8, end_systole=4)
    whole = pydicom.dcmread(enhanced(tmp_path / "PAT-1", heart) / "x.dcm")
    groups, count = list(whole.PerFrameFunctionalGroupsSequence), heart.slices * heart.phases
    pixels = whole.pixel_array
    for number, (first, last) in enumerate(((0, cut), (cut, count))):
        whole.SOPInstanceUID = whole.file_meta.MediaStorageSOPInstanceUID = f"2.25.9.{number}"
        whole.PerFrameFunctionalGroupsSequence, whole.NumberOfFrames = groups[first:last], last - first
        whole.ConcatenationFrameOffsetNumber, whole.PixelData = first, pixels[first:last].tobytes()
        whole.save_as(tmp_path / f"PAT-1/{number}.dcm", enforce_file_format=True)
    (tmp_path / "PAT-1/x.dcm").unlink()
    (study,) = inputs.studies(tmp_path / "PAT-1")
    cine, _ = stacked(short_axis.choose(study.images))
    assert (cine.slices, cine.phases, cine.doubts) == (heart.slices, heart.phases, ())
    for number in range(count):
        slice_, phase = divmod(number, heart.phases)
        assert np.array_equal(cine.pixels[cine.at[slice_ + 1, phase + 1]], heart.image(slice_, phase))


def other_series(from_slice: int = 0, from_phase: int = 0) -> Callable[[Dataset, int, int], None]:
    def change(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ >= from_slice and phase >= from_phase:
            ds.SeriesInstanceUID, ds.SeriesNumber = f"{ds.SeriesInstanceUID}.2", 301

    return change


@pytest.mark.parametrize(
    "change", [other_series(from_slice=3), other_series(from_phase=4)], ids=["by slices", "by phases"]
)
def test_a_stack_in_two_series_that_go_on_from_one_another_is_one(
    tmp_path: Path, change: Callable[[Dataset, int, int], None]
) -> None:
    heart = Heart(slices=6, phases=8, end_systole=4)
    cine, _ = read(classic(tmp_path / "PAT-1", heart, change))
    assert (cine.slices, cine.phases, cine.series) == (6, 8, "series 300, 301")
    for slice_, phase in np.ndindex(6, 8):
        assert np.array_equal(cine.pixels[cine.at[slice_ + 1, phase + 1]], heart.image(slice_, phase))


def test_of_two_cines_that_are_as_likely_both_are_named(tmp_path: Path) -> None:
    classic(tmp_path / "PAT-1", HEART)
    classic(tmp_path / "PAT-1", Heart(slices=5, phases=8, end_systole=4, widest=20.0), series=301)
    cine, _ = read(tmp_path / "PAT-1")
    (doubt,) = cine.doubts
    assert "series 301 is measured; there is series 300 (5 slices x 8 phases) as well" in doubt
