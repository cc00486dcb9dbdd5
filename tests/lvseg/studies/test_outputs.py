"""What is written of a study, read back by other programs."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813

from lvseg.core.paths.archives import Item
from lvseg.data.pseudonyms import keyed_uid, pseudonym
from lvseg.dicom.tolerance import tolerant
from lvseg.imaging.outline import area
from lvseg.labels import sunnybrook_text
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs import contours_text, nifti
from lvseg.studies.outputs.dicom import dicom_seg
from tests.lvseg.studies.hearts import Heart, classic, enhanced, predicted
from tests.lvseg.studies.test_study import series_each

HEART = Heart(slices=5, phases=4, end_systole=3, spacing=(1.8, 2.2))
PHASES = [1, 2, 3, 4]
READER = Path(sys.executable).parent / "segimage2itkimage"


@pytest.fixture(scope="module", params=["classic", "enhanced", "a series per slice"])
def result(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model: LoadedModel
) -> StudyResult:
    folder = tmp_path_factory.mktemp("outputs") / "s"
    if request.param == "enhanced":
        return predicted(enhanced(folder, HEART, phases_first=True), model)
    return predicted(classic(folder, HEART, series_each if request.param != "classic" else None), model)


def test_another_reader_finds_every_mask_where_it_was_drawn(result: StudyResult, tmp_path: Path) -> None:
    """Voxel by voxel in the patient's own coordinates, by the reader of dcmqi and ITK."""
    assert dicom_seg.write(tmp_path / "x.dcm", result, PHASES) is None
    command = [
        READER,
        "--inputDICOM",
        tmp_path / "x.dcm",
        "--outputDirectory",
        tmp_path,
        "--outputType",
        "nrrd",
    ]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    for phase in PHASES:
        volume = sitk.ReadImage(str(tmp_path / f"{phase}.nrrd"))
        voxels = sitk.GetArrayFromImage(volume)
        drawn = 0
        for slice_ in range(1, result.cine.slices + 1):
            position = result.cine.at[slice_, phase]
            mask, affine = result.masks[position], result.cine.frames[position].image.affine
            for row, column in zip(*np.nonzero(mask), strict=True):
                place = affine @ (column, row, 0, 1)
                x, y, z = volume.TransformPhysicalPointToIndex(place[:3].tolist())
                assert voxels[z, y, x], (phase, slice_, row, column)
            drawn += int(mask.sum())
        assert drawn == int((voxels > 0).sum()) > 0, "and nothing beside them"


def test_each_frame_refers_to_its_own_image(result: StudyResult, tmp_path: Path) -> None:
    dicom_seg.write(tmp_path / "x.dcm", result, PHASES)
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    places = {
        tuple(np.round(result.cine.frames[result.cine.at[s, 1]].image.position or (), 3)): s
        for s in range(1, result.cine.slices + 1)
    }
    for group in ds.PerFrameFunctionalGroupsSequence:
        slice_ = places[tuple(np.round(group.PlanePositionSequence[0].ImagePositionPatient, 3))]
        phase = PHASES[group.SegmentIdentificationSequence[0].ReferencedSegmentNumber - 1]
        image = result.cine.frames[result.cine.at[slice_, phase]].image
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPInstanceUID == image.sop_uid
        assert source.get("ReferencedFrameNumber") == (None if image.frame is None else image.frame + 1)
    listed = {
        (item.SeriesInstanceUID, one.ReferencedSOPInstanceUID)
        for item in ds.ReferencedSeriesSequence
        for one in item.ReferencedInstanceSequence
    }
    assert listed == {(frame.image.series_uid, frame.image.sop_uid) for frame in result.cine.frames}
    assert {one.ReferencedSOPInstanceUID for one in ds.SourceImageSequence} == {uid for _, uid in listed}


def test_the_object_says_what_it_is_and_who_drew_it(result: StudyResult, tmp_path: Path) -> None:
    dicom_seg.write(tmp_path / "x.dcm", result, [1, 3])
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    first, second = ds.SegmentSequence
    kind = first.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("FMA9466", "FMA")
    assert first.AnatomicRegionSequence[0].CodeValue == "87878005"
    assert first.SegmentAlgorithmType == "AUTOMATIC"
    named = first.SegmentationAlgorithmIdentificationSequence[0]
    assert named.AlgorithmName == "lvseg bright" and result.model.weights[:12] in named.AlgorithmVersion
    assert first.SegmentLabel.endswith("phase 1 of 4, end-diastole")
    assert second.SegmentLabel.endswith("phase 3 of 4, end-systole")
    assert ds.PatientID == "PAT-1" and ds.StudyInstanceUID == result.cine.frames[0].image.study_uid


def test_the_object_takes_of_the_source_what_it_needs_alone(tmp_path: Path, model: LoadedModel) -> None:
    """docs/predict.md lists what that is."""
    texts = (
        "PatientComments", "AdditionalPatientHistory", "Occupation", "OtherPatientNames", "PatientAddress",
        "EthnicGroup",
        "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "AccessionNumber", "InstitutionName",
        "StudyDescription", "SeriesDescription", "ImageComments", "StationName", "RequestingPhysician", "MedicalAlerts",
    )  # fmt: skip

    def telling(ds: pydicom.Dataset, slice_: int, phase: int) -> None:
        for name in texts:
            setattr(ds, name, "SECRET")
        ds.PatientWeight, ds.PatientAge, ds.PatientSize = "83.25", "077Y", "1.83"
        ds.add_new(0x00910010, "LO", "SECRET")
        ds.add_new(0x00911001, "LO", "SECRET")

    result = predicted(classic(tmp_path / "told", HEART, telling), model)
    assert dicom_seg.write(tmp_path / "x.dcm", result, PHASES) is None
    written = (tmp_path / "x.dcm").read_bytes()
    assert not [word for word in (b"SECRET", b"83.25", b"077Y", b"1.83") if word in written]
    assert b"PAT-1" in written and b"19440123" in written, "whose it is stays"


def test_a_deidentified_object_leads_to_its_patient_by_the_key_alone(
    tmp_path: Path, model: LoadedModel
) -> None:
    """Everything in the source's headers that the basic profile (PS3.15 E.1) removes, empties or replaces."""

    def telling(ds: pydicom.Dataset, slice_: int, phase: int) -> None:
        ds.PatientName, ds.StudyID, ds.AccessionNumber = "Müller^Anna", "STUDY7", "ACC-4711"
        ds.ReferringPhysicianName = "Doktor^Berta"
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20110507"
        ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "081707"

    folder = classic(tmp_path / "told", HEART, telling)
    result = predicted(folder, model)
    source = [pydicom.dcmread(path) for path in folder.rglob("*.dcm")]
    kinds = {"PN", "DA", "TM", "UI", "LO", "SH", "LT", "ST"}
    values = {
        str(element.value)
        for ds in source
        for element in ds
        if element.VR in kinds and element.keyword not in ("SOPClassUID", "Manufacturer")
    }
    values = {value for value in values if len(value) > 3}  # what is shorter comes about by chance
    assert {"PAT-1", "Müller^Anna", "20110507", "081707", "STUDY7", source[0].SOPInstanceUID} <= values
    for name in ("x", "again"):
        assert dicom_seg.write(tmp_path / f"{name}.dcm", result, PHASES, deidentified=True) is None
    written = (tmp_path / "x.dcm").read_bytes()
    assert [value for value in sorted(values) if value.encode() in written] == []
    assert written == (tmp_path / "again.dcm").read_bytes()
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert ds.PatientID == ds.PatientName == pseudonym("PAT-1", public=False)
    assert (ds.PatientBirthDate, ds.PatientSex, ds.StudyID, ds.StudyDate) == ("", "", "", "")
    assert ds.PatientIdentityRemoved == "YES" and ds.LongitudinalTemporalInformationModified == "REMOVED"
    assert ds.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert ds.StudyInstanceUID == keyed_uid(source[0].StudyInstanceUID), "studies stay together"
    for uid in {
        element.value for element in ds.iterall() if element.VR == "UI" and isinstance(element.value, str)
    }:
        assert uid.startswith(("2.25.", "1.2.840.10008.")), uid


def test_the_same_result_gives_the_same_bytes(result: StudyResult, tmp_path: Path) -> None:
    for name in ("a", "b"):
        dicom_seg.write(tmp_path / f"{name}.dcm", result, PHASES)
        nifti.write(tmp_path / f"{name}.nii.gz", result)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy is not installed (Debian: dicom3tools)")
def test_the_object_follows_the_standard(result: StudyResult, tmp_path: Path) -> None:
    for phases in (PHASES, [1, 3]):
        dicom_seg.write(tmp_path / "x.dcm", result, phases)
        said = subprocess.run(["dciodvfy", "-new", str(tmp_path / "x.dcm")], capture_output=True, text=True)
        assert "Error" not in said.stdout + said.stderr, said.stderr
        assert "Segmentation" in said.stdout + said.stderr


def test_sources_without_place_or_with_nothing_drawn_give_no_object(
    tmp_path: Path, model: LoadedModel
) -> None:
    def placeless(ds: pydicom.Dataset, slice_: int, phase: int) -> None:
        del ds.ImagePositionPatient

    def flat(ds: pydicom.Dataset, slice_: int, phase: int) -> None:
        ds.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]

    for change in (placeless, flat):
        result = predicted(classic(tmp_path / change.__name__, HEART, change), model)
        assert "where the images lie" in str(dicom_seg.write(tmp_path / "x.dcm", result, PHASES))
        assert nifti.write(tmp_path / "x.nii.gz", result) is None, "which is read as lying anywhere"
    empty = predicted(classic(tmp_path / "b", Heart(widest=0.0)), model)
    assert dicom_seg.write(tmp_path / "x.dcm", empty, PHASES) == "there is no mask"
    assert not (tmp_path / "x.dcm").exists()


def test_dates_of_zeros_do_not_stand_in_the_way(tmp_path: Path, model: LoadedModel) -> None:
    def zeros(ds: pydicom.Dataset, slice_: int, phase: int) -> None:
        with tolerant():
            ds.PatientBirthDate = ds.StudyDate = "00000000"

    result = predicted(classic(tmp_path / "a", HEART, zeros), model)
    assert dicom_seg.write(tmp_path / "x.dcm", result, [1]) is None
    assert pydicom.dcmread(tmp_path / "x.dcm").ContentDate, "which an object must have"


def test_nifti_lies_on_the_patient_and_in_time(result: StudyResult, tmp_path: Path) -> None:
    assert nifti.write(tmp_path / "x.nii.gz", result) is None
    image = sitk.ReadImage(str(tmp_path / "x.nii.gz"))  # ITK gives coordinates as DICOM does
    assert image.GetSize() == (64, 64, 5, 4)
    assert image.GetSpacing()[3] == pytest.approx(result.cine.beat_ms / 4 / 1000)
    volume = image[:, :, :, 0]
    voxels = sitk.GetArrayFromImage(volume)
    for slice_ in range(1, 6):
        position = result.cine.at[slice_, 1]
        affine = result.cine.frames[position].image.affine
        assert (voxels[slice_ - 1] == result.masks[position]).all()
        place = volume.TransformIndexToPhysicalPoint((20, 11, slice_ - 1))
        assert np.allclose(place, (affine @ (20, 11, 0, 1))[:3], atol=1e-3)


def test_contours_as_text_come_back(result: StudyResult, tmp_path: Path) -> None:
    contours_text.write(tmp_path / "c", result)
    drawn = {
        f.number: line
        for f, line in zip(result.cine.frames, result.contours, strict=True)
        if line is not None
    }
    files = sorted((tmp_path / "c").iterdir())
    assert [file.name for file in files] == [f"IM-0001-{n:04d}-icontour-auto.txt" for n in sorted(drawn)]
    for file in files:
        item = Item(str(file.parent), file.name, file.stat().st_size, -1, 0)
        (read,) = sunnybrook_text.read(item, first_pixel=1)
        contour = drawn[int(file.name.split("-")[2])]
        assert abs(area(read)) == pytest.approx(abs(area(contour)), rel=0.002)
        assert max(np.abs(contour - point).max(axis=1).min() for point in read) <= 0.006
