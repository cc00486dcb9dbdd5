"""Where slices lie is what their geometry says: volumes, masks as objects and as NIfTI follow it, and say so."""

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lvseg.core.paths.archives import UnreadableError
from lvseg.dicom.stacks import short_axis
from lvseg.labels.inspection import inspect
from lvseg.labels.layouts import find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.patient_summary import describe
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.cohort import inputs
from lvseg.studies.outputs import nifti
from lvseg.studies.outputs.dicom import dicom_seg
from tests.lvseg.dicom.odd_headers import ACROSS, DOWN, NORMAL, tags, values
from tests.lvseg.studies.hearts import Change, Heart, classic, predicted

HEART = Heart(slices=6, phases=4, end_systole=3)
SIDE = 2.0 * 63  # mm, from the first pixel's centre to the last


def rotated(vector: NDArray[np.float64], axis: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    return np.asarray(
        vector * np.cos(angle)
        + np.cross(axis, vector) * np.sin(angle)
        + axis * (axis @ vector) * (1 - np.cos(angle))
    )


def laid(ds: Dataset, across: NDArray[np.float64], down: NDArray[np.float64]) -> None:
    """Turn an image about its own middle."""
    middle = np.array(ds.ImagePositionPatient, float) + (ACROSS + DOWN) * SIDE / 2
    ds.ImageOrientationPatient = [*np.round(across, 8), *np.round(down, 8)]
    ds.ImagePositionPatient = list(np.round(middle - (across + down) * SIDE / 2, 5))


def quarters(count: int) -> Change:
    """Return a change that turns the third slice and its pixels alike."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ == 2:
            ds.PixelData = np.ascontiguousarray(np.rot90(values(ds), count)).astype("<u2").tobytes()
            across, down = ACROSS, DOWN
            for _ in range(count):
                across, down = down, -across
            laid(ds, across, down)

    return change


def mirrored(ds: Dataset, slice_: int, phase: int) -> None:
    if slice_ == 2:
        ds.PixelData = np.ascontiguousarray(values(ds)[:, ::-1]).astype("<u2").tobytes()
        laid(ds, -ACROSS, DOWN)


def turned(ds: Dataset, slice_: int, phase: int) -> None:
    laid(ds, rotated(ACROSS, NORMAL, 3.0 * slice_), rotated(DOWN, NORMAL, 3.0 * slice_))


def tilted(ds: Dataset, slice_: int, phase: int) -> None:
    laid(ds, rotated(ACROSS, DOWN, 1.5 * (slice_ - 2)), DOWN)


def backwards(ds: Dataset, slice_: int, phase: int) -> None:
    ds.ImagePositionPatient = list(np.round(np.array([10.0, -20, 30]) - slice_ * 8 * NORMAL, 5))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (quarters(1), "Slice 3 is turned or moved"),
        (quarters(2), "Slice 3 is turned or moved"),
        (mirrored, "Slice 3 is turned or moved"),
        (turned, "5 slices are turned or moved"),
        (tilted, "tilted by up to 7.5 degrees"),
        (backwards, ""),
    ],
)
def test_volumes_and_files_follow_the_geometry(
    change: Change, said: str, tmp_path: Path, model: LoadedModel
) -> None:
    result = predicted(classic(tmp_path / "s", HEART, change), model)
    plain = predicted(classic(tmp_path / "plain", HEART), model)
    assert said in " ".join(result.cine.notes) and bool(said) == bool(result.cine.notes)
    assert result.measurements.edv_ml == pytest.approx(plain.measurements.edv_ml, rel=0.01)
    assert result.measurements.ef_percent == pytest.approx(plain.measurements.ef_percent, abs=0.5)
    phases = result.measurements.ed_and_es
    assert dicom_seg.write(tmp_path / "x.dcm", result, phases) is None
    assert nifti.write(tmp_path / "x.nii.gz", result) is None
    # Each slice's own middle of the cavity, in the patient: of the source, of the object and of the NIfTI file.
    middles = {s: middle(result.masks[at], result.cine.frames[at].image.affine)
               for s in range(1, 7) if result.masks[at := result.cine.at[s, phases[0]]].any()}  # fmt: skip
    of_object = object_middles(tmp_path / "x.dcm")
    assert len(of_object) == len(middles) == 4
    for own, found in zip(middles.values(), of_object, strict=True):
        assert own == pytest.approx(found, abs=0.01)
    image = nibabel.load(tmp_path / "x.nii.gz")
    assert isinstance(image, nibabel.Nifti1Image)
    voxels = np.asarray(image.dataobj)[..., phases[0] - 1]
    for slice_, own in middles.items():
        shown = nibabel.affines.apply_affine(image.affine, [*middle2(voxels[..., slice_ - 1]), slice_ - 1])
        assert shown * (-1, -1, 1) == pytest.approx(own, abs=1.5)


def middle2(mask: NDArray[np.generic]) -> NDArray[np.float64]:
    return np.asarray(np.argwhere(mask).mean(axis=0))


def middle(mask: NDArray[np.generic], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    row, column = middle2(mask)
    return np.asarray((affine @ (column, row, 0, 1))[:3])


def object_middles(path: Path) -> list[NDArray[np.float64]]:
    """Return the middles of the first segment's frames in mm, by slice."""
    ds = pydicom.dcmread(path)
    shared = ds.SharedFunctionalGroupsSequence[0]
    frames = ds.pixel_array
    found = {}
    for number, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 1:
            plane = group.get("PlaneOrientationSequence") or shared.PlaneOrientationSequence
            across, down = np.reshape(np.array(plane[0].ImageOrientationPatient, float), (2, 3))
            position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
            row, column = middle2(frames[number])
            place = position + 2.0 * (row * down + column * across)
            found[round(float(place @ NORMAL), 3)] = place
    return [found[depth] for depth in sorted(found)]


def test_a_slice_scanned_again_at_a_slower_beat_counts_once(tmp_path: Path, model: LoadedModel) -> None:
    """Its times are those of the first scan, a few per cent later: none is equal, and nothing is missing."""

    def again(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ != 2:
            del ds.Rows
            return
        ds.TriggerTime = float(ds.TriggerTime) * 1.04
        ds.SOPInstanceUID += ".9"
        ds.InstanceNumber += 100

    folder = classic(tmp_path / "s", HEART)
    classic(folder / "again", HEART, again)
    result = predicted(folder, model)
    assert (result.cine.slices, len(result.cine.frames)) == (6, 24)
    assert result.cine.notes == ("Slice 3 was scanned 2 times: the last scan is used.",)
    assert result.measurements.edv_ml == pytest.approx(HEART.volume(0), rel=0.05)


@pytest.mark.parametrize(
    ("plane", "step", "name"),
    [
        ([0, 1, 0, 0, 0, -1], [8, 0, 0], "a sagittal stack"),
        ([1, 0, 0, 0, 0, -1], [0, 8, 0], "a coronal stack"),
        ([1, 0, 0, 0, 1, 0], [0, 0, 8], "an axial stack"),
    ],
)
def test_a_plane_that_no_short_axis_has_is_refused(
    plane: list[int], step: list[int], name: str, tmp_path: Path
) -> None:
    laid_out = tags(
        ImageOrientationPatient=plane,
        ImagePositionPatient=lambda slice_, _: [5 + slice_ * part for part in step],
    )
    (study,) = inputs.studies(classic(tmp_path / "s", HEART, laid_out))
    with pytest.raises(UnreadableError, match=f"no short axis.*{name}.*--series"):
        short_axis.choose(study.images)
    asked = short_axis.choose(study.images, "300")
    assert name in asked.doubts[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"SliceThickness": "4"}, "8 images, of 2 slices, are left out because their thickness"),
        ({"PixelSpacing": [1.0, 1.0]}, "8 images, of 2 slices, are left out because their pixel size"),
        ({"ImagePositionPatient": None}, "without a position left out"),
    ],
)
def test_slices_that_do_not_fit_are_named(
    change: dict[str, object], said: str, tmp_path: Path, model: LoadedModel
) -> None:
    """The last two hold a part of the ventricle: without them its volume is too small."""

    def last(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ >= 4:
            tags(**change)(ds, slice_, phase)

    result = predicted(classic(tmp_path / "s", HEART, last), model)
    assert said in " ".join([*result.assessment.reasons, *result.cine.notes])
    assert result.assessment.verdict == "look at it"


@pytest.mark.parametrize("own_series", [False, True])
def test_slices_tilted_too_far_are_counted(own_series: bool, tmp_path: Path, model: LoadedModel) -> None:
    def last(ds: Dataset, slice_: int, phase: int) -> None:
        if own_series:
            ds.SeriesInstanceUID += f".{slice_}"
            ds.SeriesNumber += slice_
        if slice_ >= 4:
            laid(ds, rotated(ACROSS, DOWN, 12.0), DOWN)

    folder = classic(tmp_path / "s", HEART, last)
    result = predicted(folder, model)
    assert result.assessment.verdict == "look at it"
    assert any(
        "8 images, of 2 slices, are left out because their direction" in reason and "12.0 degrees" in reason
        for reason in result.assessment.reasons
    ), result.assessment.reasons
    (patient,), _ = find_patients([folder])
    assert own_series or any(
        "tilted by up to 12.0 degrees" in note for note in read_study(patient, 1, True).notes
    )


def test_pieces_that_are_joined_are_counted(tmp_path: Path, model: LoadedModel) -> None:
    def change(ds: Dataset, slice_: int, phase: int) -> None:
        ds.StudyInstanceUID += f".{slice_}"

    folder = classic(tmp_path / "PAT-1", HEART, change)
    said = "Its images bear 6 study UIDs: they are taken for one examination."
    assert predicted(folder, model).cine.notes == (said,)
    (told,) = inspect([folder], first_pixel=1, workers=1)["patients"]
    assert told["notes"] == [said] and said in describe(told)


def test_positions_that_contradict_the_distance_are_believed_and_named(
    tmp_path: Path, model: LoadedModel
) -> None:
    wide = tags(ImagePositionPatient=lambda slice_, _: list(np.array([10.0, -20, 30]) + 24 * slice_ * NORMAL))
    result = predicted(classic(tmp_path / "s", HEART, wide), model)
    assert result.cine.distance_mm == pytest.approx(24)
    assert result.cine.notes == (
        "Slices lie 24 mm apart, not 8 as Spacing Between Slices says: positions are believed.",
    )
