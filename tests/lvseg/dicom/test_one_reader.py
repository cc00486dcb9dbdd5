"""Training data, inspection, prediction and the service see the same, however odd the header."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from lvseg.core.paths.archives import UnreadableError
from lvseg.dicom.sandbox import Decoder
from lvseg.dicom.stacks import short_axis
from lvseg.dicom.stacks.cine import Cine
from lvseg.dicom.stacks.stacking import stacked
from lvseg.labels.inspection import inspect
from lvseg.labels.layouts import find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.study import Study
from lvseg.studies.cohort import inputs
from tests.lvseg.dicom.odd_headers import HEADERS, PIXELS, store, stored, tags, values
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
    assert cine.beat_ms == pytest.approx(HEART.beat) and not np.any(np.abs(cine.times_ms) > HEART.beat)
    return cine, study


def study_slices(study: Study) -> int:
    return len({frame.slice for frame in study.frames})


@pytest.mark.parametrize("name", ODD)
def test_all_see_the_same(name: str, tmp_path: Path, decoder: Decoder) -> None:
    cine, study = all_see_the_same(classic(tmp_path / "PAT-1", HEART, ODD[name]), decoder)
    assert set(study.notes) <= {*cine.notes, *cine.doubts}


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (800, []),
        (None, ["told by the times of its phases"]),
        (800_000, ["which no heart has", "told by the times of its phases"]),
    ],
)
def test_what_tells_how_long_a_beat_takes_is_said(
    interval: int | None, said: list[str], tmp_path: Path
) -> None:
    cine = as_predicted(classic(tmp_path / "s", HEART, tags(NominalInterval=interval)))
    assert cine.beat_ms == 800 and len(cine.notes) == len(said)
    assert all(words in note for words, note in zip(said, cine.notes, strict=True))


def test_a_beat_that_is_shorter_than_its_phases_is_not_believed(tmp_path: Path) -> None:
    cine = as_predicted(classic(tmp_path / "s", HEART, tags(NominalInterval=500)))
    (note,) = cine.notes
    assert np.isnan(cine.beat_ms)
    assert note.startswith("The files state a heart beat of 500 ms and show phases up to 640 ms")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({1: -1.0}, "Slice 3: the time of one image contradicts its number"),
        ({1: 320.0, 2: 160.0}, "Slice 3: its times order the images otherwise than in other slices"),
    ],
)
def test_times_that_contradict_the_numbers_of_one_slice_are_said(
    wrong: dict[int, float], said: str, tmp_path: Path
) -> None:
    def time(slice_: int, phase: int) -> float:
        return wrong.get(phase, 160.0 * phase) if slice_ == 2 else 160.0 * phase

    cine = as_predicted(classic(tmp_path / "s", HEART, tags(TriggerTime=time)))
    assert [note[: len(said)] for note in cine.notes] == [said]
    assert len(cine.doubts) == len(wrong) - 1


@pytest.mark.parametrize("name", ["RescaleSlope", "RescaleIntercept"])
def test_a_scale_that_cannot_be_is_left_out_and_said(name: str, tmp_path: Path, decoder: Decoder) -> None:
    def damaged(ds: Dataset, slice_: int, phase: int) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = "0", "-1024"
        if name == "RescaleIntercept":
            ds.RescaleSlope = "2"
            ds[Tag(name)] = RawDataElement(Tag(name), "DS", 4, b"none", 0, False, True)

    cine, study = all_see_the_same(classic(tmp_path / "PAT-1", HEART, damaged), decoder)
    for notes in (cine.notes, study.notes):
        assert any("30 images with a rescale slope of 0 or a damaged one" in note for note in notes), notes


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


def compressed(syntax: pydicom.uid.UID, bits: int, high: int, folder: Path) -> Path:
    """Write the study in a transfer syntax, all 16 bits of a pixel given to the coder, of which some are its own."""
    for file in classic(folder, HEART, stored(bits, high, signed=True)).iterdir():
        ds = pydicom.dcmread(file)
        ds.BitsStored, ds.HighBit = 16, 15
        if syntax.is_encapsulated:
            ds.compress(syntax, generate_instance_uid=False)
        else:
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        plain = pydicom.Dataset()
        plain.update(ds)
        plain.file_meta, plain.BitsStored, plain.HighBit = ds.file_meta, bits, high
        plain.file_meta.TransferSyntaxUID = syntax
        plain.save_as(file, enforce_file_format=True)
    return folder


@pytest.mark.parametrize("high", [11, 13, 15])
@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, RLELossless])
def test_bits_are_those_of_the_header_however_they_are_written(
    syntax: pydicom.uid.UID, high: int, tmp_path: Path, decoder: Decoder
) -> None:
    all_see_the_same(compressed(syntax, 12, high, tmp_path / "PAT-1"), decoder)


def test_upper_bits_of_a_compressed_picture_are_refused(tmp_path: Path) -> None:
    """A coder may have moved them down or not."""
    folder = compressed(JPEGLSLossless, 12, 15, tmp_path / "PAT-1")
    with pytest.raises(UnreadableError, match=r"none of its images can be read \(.*into upper bits"):
        as_predicted(folder)
    assert not as_extracted(folder).frames


def test_a_sign_of_which_the_header_does_not_know_is_refused(tmp_path: Path) -> None:
    """Values below zero would be the brightest."""
    large = Heart(slices=3, phases=4, end_systole=3)  # the coder takes nothing smaller
    folder = classic(tmp_path / "s", large, lambda ds, *_: store(ds, values(ds) - 400, 12, 11, signed=True))
    for file in folder.iterdir():
        ds = pydicom.dcmread(file)
        ds.compress(JPEG2000Lossless, generate_instance_uid=False)
        ds.PixelRepresentation = 0
        ds.save_as(file)
    with pytest.raises(UnreadableError, match="coded with a sign"):
        as_predicted(folder)


@pytest.mark.parametrize("said", [RLELossless, JPEG2000Lossless])
def test_what_is_not_compressed_is_read_whatever_is_said(said: str, tmp_path: Path, decoder: Decoder) -> None:
    """Of compressed pixels no length is stated (PS3.5 A.4)."""
    for file in classic(tmp_path / "PAT-1", HEART).iterdir():
        as_said(file, said)
    all_see_the_same(tmp_path / "PAT-1", decoder)


def test_an_order_of_bytes_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    """A private syntax of GE's has its pixels the other way round than its header."""
    for file in classic(tmp_path / "s", HEART).iterdir():
        as_said(file, "1.2.840.113619.5.2")
    with pytest.raises(UnreadableError, match="none of its images can be read"):
        as_predicted(tmp_path / "s")


def as_said(file: Path, syntax: str) -> None:
    """Write another transfer syntax into a file of explicit little endian, and nothing else."""
    ds = pydicom.dcmread(file)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    head = DicomBytesIO()
    write_file_meta_info(head, ds.file_meta)
    content = file.read_bytes()
    own = content.index(b"\x08\x00\x08\x00CS", 132)  # Image Type, the first of the study's elements
    file.write_bytes(content[:132] + head.getvalue() + content[own:])


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


def all_at_the_top(ds: Dataset) -> None:
    """As converters leave it: what is the same for all frames stands in no functional group."""
    shared = ds.SharedFunctionalGroupsSequence[0]
    for name in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        ds.update(shared[name].value[0])
        del shared[name]
    for group in ds.PerFrameFunctionalGroupsSequence:
        heart = group.CardiacSynchronizationSequence[0]
        heart.TriggerTime = heart.NominalCardiacTriggerDelayTime
        del heart.NominalCardiacTriggerDelayTime


@pytest.mark.parametrize("change", [scaled, twelve_bits, all_at_the_top])
def test_frames_of_one_object_are_read_likewise(
    change: Callable[[Dataset], None], tmp_path: Path, decoder: Decoder
) -> None:
    path = enhanced(tmp_path / "PAT-1", HEART, phases_first=True) / "x.dcm"
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path)
    cine, study = all_see_the_same(path.parent, decoder)
    assert cine.frames[0].image.frame == study.frames[0].image.frame == 0
    assert cine.spacing_mm == HEART.spacing and np.isfinite(cine.times_ms).all()


def test_frames_of_one_object_without_a_possible_scale_say_so(tmp_path: Path, decoder: Decoder) -> None:
    path = enhanced(tmp_path / "PAT-1", HEART) / "x.dcm"
    ds = pydicom.dcmread(path)
    ds.RescaleSlope, ds.RescaleIntercept = "0", "-1024"
    ds.save_as(path)
    cine, _ = all_see_the_same(path.parent, decoder)
    assert any("30 images with a rescale slope of 0" in note for note in cine.notes), cine.notes
