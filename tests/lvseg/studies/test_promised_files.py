"""The masks are written whatever the header lacks or breaks, and where they cannot be, everyone says so."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from lvseg.dicom.tolerance import tolerant
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.cohort import cohort
from lvseg.studies.cohort.order import Order, model_facts
from lvseg.studies.outputs.dicom import dicom_seg
from lvseg.studies.outputs.study_folder import Outputs
from lvseg.studies.outputs.study_record import read_record
from tests.lvseg.dicom.odd_headers import ACROSS, DOWN, tags
from tests.lvseg.studies.hearts import Change, Heart, classic, predicted

HEART = Heart(slices=5, phases=4, end_systole=3)
TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "ReferringPhysicianName", "StudyID",
)  # fmt: skip


def damaged(**given: object) -> Change:
    """Set what the standard forbids."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        with tolerant():
            tags(**given)(ds, slice_, phase)

    return change


def raw_name(ds: Dataset, slice_: int, phase: int) -> None:
    """A name of eight bits that says it is of seven."""
    ds.SpecificCharacterSet = "ISO_IR 6"
    ds[0x00100010] = pydicom.DataElement(0x00100010, "PN", b"M\xfcller^J\xf6rg")


HEADERS: Mapping[str, tuple[Change, str | None]] = {
    **{f"without {name}": (tags(**{name: None}), None) for name in TYPE_2},
    "without any": (tags(**dict.fromkeys(TYPE_2)), ""),
    "Japanese": (
        tags(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう"),
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "Korean": (tags(SpecificCharacterSet=["", "ISO 2022 IR 149"], PatientName="Hong^Gildong=洪^吉洞=홍^길동"), None),
    "Cyrillic": (tags(SpecificCharacterSet="ISO_IR 144", PatientName="Люкceмбypг"), "Люкceмбypг"),
    "an unknown character set": (damaged(SpecificCharacterSet="ISO_IR 999"), None),
    "a name of other bytes": (raw_name, None),
    "odd name": (damaged(PatientName="^^=\\A^^^^^^B"), None),
    "dates that are none": (
        damaged(PatientBirthDate="1944-01-23", StudyDate="20011332", StudyTime="25:61", PatientSex="W"), None,
    ),
    "long texts": (damaged(PatientID="P" * 100, PatientName="A" * 200, StudyID="x" * 40), None),
    "UIDs that are none": (
        damaged(SOPInstanceUID=lambda s, p: f"no.{s}.{p}", StudyInstanceUID="1.02.3", FrameOfReferenceUID="x"), None,
    ),
    "without UIDs": (
        tags(SOPInstanceUID=None, StudyInstanceUID=None, SeriesInstanceUID=None, FrameOfReferenceUID=None), None,
    ),
    "one UID for all": (tags(SOPInstanceUID="1.2.3"), None),
    "another sixth digit": (
        tags(ImageOrientationPatient=lambda s, _: [*np.round(ACROSS + 1e-6 * s, 8), *np.round(DOWN, 8)]), None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_the_object_is_written(
    name: str, tmp_path: Path, model: LoadedModel, caplog: pytest.LogCaptureFixture
) -> None:
    change, patient = HEADERS[name]
    with tolerant():
        folder = classic(tmp_path / "s", HEART, change)
    result = predicted(folder, model)
    assert result.assessment.verdict == "ok", result.assessment.reasons
    assert dicom_seg.write(tmp_path / "x.dcm", result, result.measurements.ed_and_es) is None
    assert not caplog.records, "they hold UIDs"
    with tolerant():
        ds = pydicom.dcmread(tmp_path / "x.dcm")
        assert ds.pixel_array.any() and all(tag in ds for tag in TYPE_2) and ds.StudyInstanceUID
        if patient is not None:
            assert str(ds.PatientName or "") == patient
        for item in ds.get("ReferencedSeriesSequence", []):
            assert all(one.ReferencedSOPInstanceUID for one in item.ReferencedInstanceSequence)


@pytest.mark.slow
def test_an_object_that_cannot_be_written_is_named_everywhere(
    tmp_path: Path, bright: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slices that all lie at one place have none in an object."""
    piled = tags(ImagePositionPatient=[10.0, -20, 30], SliceLocation=lambda slice_, _: f"{8.0 * slice_}")
    folder = classic(tmp_path / "s", HEART, piled)
    order = Order(
        tmp_path / "out", bright, model_facts(bright), 2, None, Outputs(False, False, False), with_ids=False
    )
    summary = cohort.predict([folder], order, workers=1)
    why = "There is no segmentation.dcm: the files give several slices one position."
    assert summary.incomplete == 1 and why in capsys.readouterr().out
    assert "1 without a file that was asked for" in cohort.words(summary, order.out)
    (report,) = (tmp_path / "out").glob("*/report.html")
    record = read_record(report.parent)
    assert why in report.read_text() and why in record["reasons"] and record["verdict"] == "look at it"
