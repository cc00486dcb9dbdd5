"""Training data, inspection, prediction and the service see the same, however odd the header."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lvseg.dicom.sandbox import Decoder
from lvseg.dicom.stacks import short_axis
from lvseg.dicom.stacks.cine import Cine
from lvseg.dicom.stacks.stacking import stacked
from lvseg.labels.inspection import inspect
from lvseg.labels.layouts import find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.study import Study
from lvseg.studies.cohort import inputs
from tests.lvseg.dicom.odd_headers import HEADERS, PIXELS
from tests.lvseg.studies.hearts import Heart, classic, enhanced

HEART = Heart(slices=6, phases=5, rows=24, columns=32)
ODD = {**PIXELS, **HEADERS}
PLACES = list(np.ndindex(HEART.slices, HEART.phases))


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder()


def nothing(ds: Dataset, slice_: int, phase: int) -> None:
    """Change nothing."""


def as_predicted(folder: Path) -> Cine:
    (study,) = inputs.studies(folder)
    cine, _ = stacked(short_axis.choose(study.images))
    return cine


def as_extracted(folder: Path) -> Study:
    (patient,), _ = find_patients([folder])
    return read_study(patient, first_pixel=1, all_pixels=True)


def all_see_the_same(folder: Path, decoder: Decoder) -> tuple[Cine, Study]:
    """Hold three readers against what is true; return what prediction and extraction read."""
    cine, study = as_predicted(folder), as_extracted(folder)
    assert (cine.slices, cine.phases) == (study_slices(study), study.phases) == (HEART.slices, HEART.phases)
    own = {(frame.slice, frame.phase): frame for frame in study.frames}
    for slice_, phase in PLACES:
        position = cine.at[slice_ + 1, phase + 1]
        frame, image = own[slice_ + 1, phase + 1], cine.frames[position].image
        shown = study.pixels[frame.number]
        truth = HEART.image(slice_, phase)
        assert np.allclose(cine.pixels[position], truth, atol=2)
        assert np.array_equal(cine.pixels[position], shown.astype(np.float32))
        assert np.array_equal(image.affine, frame.image.affine)
        assert image.item == frame.image.item
        if image.frame is None and phase == slice_:  # the service starts a process: a few do
            read, spacing = decoder.read(image.item.read())
            assert np.array_equal(read, shown) and spacing == image.spacing
    assert cine.distance_mm == study.distance_mm == pytest.approx(8.0)
    return cine, study


def study_slices(study: Study) -> int:
    return len({frame.slice for frame in study.frames})


@pytest.mark.parametrize("name", ODD)
def test_all_see_the_same(name: str, tmp_path: Path, decoder: Decoder) -> None:
    cine, study = all_see_the_same(classic(tmp_path / "PAT-1", HEART, ODD[name]), decoder)
    assert set(study.notes) <= {*cine.notes, *cine.doubts}


def test_inspection_sees_the_same(tmp_path: Path) -> None:
    odd = {
        f"PAT-{number}": name
        for number, name in enumerate(
            ["12 upper bits, signed", "a series per phase", "Slice Location alone"], 1
        )
    }
    for patient, name in odd.items():
        classic(tmp_path / patient, replace(HEART, patient=patient), ODD[name])
    told = inspect([tmp_path], first_pixel=1, workers=1)["patients"]
    assert [facts["id"] for facts in told] == list(odd)
    for facts in told:
        assert (facts["slices"], facts["phases"], facts["frames"]) == (HEART.slices, HEART.phases, 30), facts


def written(syntax: pydicom.uid.UID, named: bool, folder: Path) -> Path:
    """Write the study in a transfer syntax, `named` as the standard wants it or without preamble and meta header."""
    for file in classic(folder, HEART).iterdir():
        ds = pydicom.dcmread(file)
        if syntax == ExplicitVRBigEndian:
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        ds.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", b"\0" * 20_000)
        bare = pydicom.Dataset()
        bare.update(ds)
        if named:
            bare.file_meta = ds.file_meta
            bare.file_meta.TransferSyntaxUID = syntax
            bare.save_as(file, enforce_file_format=True)
        else:
            bare.save_as(file, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return folder


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_order_of_bytes_is_that_of_the_header(
    syntax: pydicom.uid.UID, named: bool, tmp_path: Path, decoder: Decoder
) -> None:
    """Also behind a header of more than 16 kB."""
    all_see_the_same(written(syntax, named, tmp_path / "PAT-1"), decoder)


def scaled(ds: Dataset) -> None:
    """Give each frame a scale of its own."""
    stored = np.frombuffer(ds.PixelData, "<u2").reshape(-1, ds.Rows, ds.Columns)
    frames = []
    for number, (group, one) in enumerate(zip(ds.PerFrameFunctionalGroupsSequence, stored, strict=True)):
        scale = pydicom.Dataset()
        scale.RescaleSlope, scale.RescaleIntercept = 0.5 + number % 3, -20
        group.PixelValueTransformationSequence = [scale]
        frames.append(np.rint((one + 20.0) / scale.RescaleSlope).astype("<u2"))
    ds.PixelData = np.stack(frames).tobytes()


def twelve_bits(ds: Dataset) -> None:
    ds.BitsStored, ds.HighBit = 12, 13
    shown = np.frombuffer(ds.PixelData, "<u2").astype(np.uint32)
    ds.PixelData = ((shown << 2) | 0xC001).astype("<u2").tobytes()


@pytest.mark.parametrize("change", [scaled, twelve_bits])
def test_frames_of_one_object_are_read_likewise(
    change: Callable[[Dataset], None], tmp_path: Path, decoder: Decoder
) -> None:
    path = enhanced(tmp_path / "PAT-1", HEART, phases_first=True) / "x.dcm"
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path)
    cine, study = all_see_the_same(path.parent, decoder)
    assert cine.frames[0].image.frame == study.frames[0].image.frame == 0
