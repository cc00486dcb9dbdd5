"""What cannot be read says why, each file for itself."""

import gzip
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from lvseg.labels.layouts import find_patients
from lvseg.studies.cohort import inputs
from tests.lvseg.dicom.odd_headers import tags
from tests.lvseg.studies.hearts import Change, Heart, classic

HEART = Heart(slices=3, phases=4, end_systole=3, rows=32, columns=32)


def enhanced_one_frame(ds: Dataset, slice_: int, phase: int) -> None:
    """Geometry in functional groups alone, of a file of one frame."""
    group = Dataset()
    for sequence, names in {
        "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
        "PlanePositionSequence": ("ImagePositionPatient",),
        "PlaneOrientationSequence": ("ImageOrientationPatient",),
    }.items():
        item = Dataset()
        for name in names:
            setattr(item, name, ds[name].value)
            delattr(ds, name)
        setattr(group, sequence, Sequence([item]))
    item = Dataset()
    item.NominalCardiacTriggerDelayTime = float(ds.TriggerTime)
    group.CardiacSynchronizationSequence = Sequence([item])
    del ds.TriggerTime, ds.SpacingBetweenSlices
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = Sequence([]), Sequence([group])
    ds.NumberOfFrames = 1
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"


def test_an_enhanced_object_of_one_frame_says_how_large_a_pixel_is(tmp_path: Path) -> None:
    (study,) = inputs.studies(classic(tmp_path / "s", HEART, enhanced_one_frame))
    assert len(study.images) == 12 and not study.set_aside
    for image in study.images:
        assert (image.spacing, image.thickness) == ((2.0, 2.0), 8.0) and image.trigger_time is not None
    assert len({image.position for image in study.images}) == 3


def lut(ds: Dataset, slice_: int, phase: int) -> None:
    ds.ModalityLUTSequence = Sequence([Dataset()])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lut, "look-up table"),
        (tags(PhotometricInterpretation="RGB"), "colour picture"),
        (tags(BitsStored=17), "17 bits stored up to bit 15 of 16"),
        (tags(BitsStored=12, HighBit=5), "12 bits stored up to bit 5 of 16"),
        (tags(PixelRepresentation=2), "PixelRepresentation 2"),
        (tags(PixelData=b"\0" * 100), "truncated: 100 bytes of pixel data for 32 x 32 pixels"),
        (tags(PixelData=b"\0" * 2112), "contradicts itself: 2,112 bytes of pixel data for 32 x 32 pixels"),
        (tags(Modality="CT"), "CT, not MR"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused(change: Change, reason: str, tmp_path: Path) -> None:
    with pytest.raises(inputs.RefusedError, match="no readable MR image among 12 files") as refused:
        inputs.studies(classic(tmp_path / "s", HEART, change))
    assert reason in str(refused.value)


def test_a_few_bytes_behind_the_pixels_do_no_harm(tmp_path: Path) -> None:
    folder = classic(tmp_path / "s", HEART, lambda ds, *_: setattr(ds, "PixelData", ds.PixelData + bytes(62)))
    (study,) = inputs.studies(folder)
    assert len(study.images) == 12


def test_of_several_reasons_each_is_told_with_its_count(tmp_path: Path) -> None:
    def bad(ds: Dataset, slice_: int, phase: int) -> None:
        (tags(PixelRepresentation=2) if slice_ else tags(PhotometricInterpretation="RGB"))(ds, slice_, phase)

    with pytest.raises(inputs.RefusedError, match=r"8 x its header says.*; 4 x colour picture"):
        inputs.studies(classic(tmp_path / "s", HEART, bad))


def test_a_header_that_is_not_what_it_says_is_no_dicomdir(tmp_path: Path) -> None:
    for file in classic(tmp_path / "s", HEART).iterdir():
        ds = pydicom.dcmread(file)
        bare = Dataset()
        bare.update(ds)
        bare.save_as(file, implicit_vr=False, little_endian=False)
        head = BytesIO()
        write_file_meta_info(head, ds.file_meta)
        file.write_bytes(bytes(128) + b"DICM" + head.getvalue() + file.read_bytes())
    with pytest.raises(inputs.RefusedError, match="in another encoding than it says"):
        inputs.studies(tmp_path / "s")


def test_compressed_pixels_without_a_word_are_called_so(tmp_path: Path) -> None:
    for file in classic(tmp_path / "s", HEART).iterdir():
        ds = pydicom.dcmread(file)
        ds.compress(RLELossless, generate_instance_uid=False)
        bare = Dataset()
        bare.update(ds)
        bare.save_as(file, implicit_vr=False, little_endian=True)
    with pytest.raises(inputs.RefusedError, match="compressed, and its header does not say how"):
        inputs.studies(tmp_path / "s")


def test_an_archive_inside_an_archive_is_called_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as inner:
        inner.writestr("x.dcm", b"x")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(tmp_path / "inner.zip", "inner.zip")
    with pytest.raises(inputs.RefusedError, match="an archive inside an archive: unpack it"):
        inputs.studies(tmp_path / "outer.zip")


def test_images_that_lost_the_id_of_their_patient_stay_in_their_study(tmp_path: Path) -> None:
    def lost(ds: Dataset, slice_: int, phase: int) -> None:
        if slice_ == 1:
            ds.PatientID = ""

    (study,) = inputs.studies(classic(tmp_path / "s", HEART, lost))
    assert (study.patient, len(study.images)) == ("PAT-1", 12)


def test_a_nifti_file_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "SC-N-01").mkdir()
    (tmp_path / "SC-N-01/heart.nii.gz").write_bytes(gzip.compress(b"x" * 400))
    _, aside = find_patients([tmp_path])
    assert len(aside) == 1 and "NIfTI" in aside[0].reason and "archive" not in aside[0].reason


def test_a_large_header_without_preamble_is_whole(tmp_path: Path) -> None:
    """As scanners write them whose private elements are longer than what is read at first."""
    for file in classic(tmp_path / "s", HEART).iterdir():
        ds = pydicom.dcmread(file)
        ds.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", b"\0" * 60_000)
        bare = Dataset()
        bare.update(ds)
        bare.save_as(file, implicit_vr=True, little_endian=True)
    (study,) = inputs.studies(tmp_path / "s")
    assert len(study.images) == 12 and not study.set_aside
    assert np.isfinite(study.images[0].affine).all()
