"""What `lvseg inspect` says of patients whose images and labels are NIfTI files."""

from pathlib import Path

from lvseg.labels.inspection import inspect
from lvseg.labels.patient_summary import describe, shared_notes, totals
from tests.lvseg.labels.scd import Cine, write_layout, zip_folder
from tests.lvseg.labels.sources import forms
from tests.lvseg.labels.sources.forms import SLICES


def test_nifti_and_dicom_side_by_side_in_an_archive_and_a_folder(tmp_path: Path) -> None:
    heart = forms.heart()
    forms.write_acdc(tmp_path / "acdc", heart)
    forms.write_mnms(tmp_path / "mnms", heart)
    forms.write_nnunet(tmp_path / "nnunet", heart, {"background": 0, "Kammer": 1, "MLV": 2, "LVC": 3})
    zip_folder(tmp_path / "acdc", tmp_path / "acdc.zip")
    write_layout(tmp_path / "scd", "A", Cine())
    found = inspect([tmp_path], first_pixel=1, workers=1, table={})
    by_form = {facts["why"].rpartition(" ")[2]: facts for facts in found["patients"]}
    acdc, mnms, nnunet = by_form["ACDC"], by_form["M&Ms"], by_form["nnU-Net"]
    assert len({facts["id"] for facts in found["patients"]}) == 4, "one id in two forms is two patients"
    for facts, phases in ((acdc, [1, 7]), (mnms, [3, 7])):
        assert (facts["phases_drawn"], facts["unmapped"]) == (phases, {})
        assert [facts["ed_phase"], facts["es_phase"]] == phases
        assert set(facts["structures"].values()) == {2 * SLICES}
    assert (acdc["frames"], mnms["frames"], acdc["group"]) == (2 * SLICES, 9 * SLICES, "DCM")
    assert (nnunet["phases_drawn"], list(nnunet["unmapped"])) == ([], ["1 (Kammer)"])
    assert "unmapped    label 1 (Kammer), " in describe(nnunet)
    *_, unmapped = totals(found["patients"])
    assert unmapped.startswith("unmapped: label 1 (Kammer), ") and "of 1 patient" in unmapped
    assert "`--label 1=STRUCTURE`" in unmapped and "`data: labels: {1: STRUCTURE}`" in unmapped
    assert "Siemens" in describe(mnms)
    assert [entry["reason"].partition(":")[0][-22:] for entry in found["set_aside"]] == [
        "mapped to no structure"
    ] * 2
    scd = next(facts for facts in found["patients"] if facts["id"].startswith("SC-"))
    assert scd["structures"] == {"cavity": 6, "myocardium": 0, "right_ventricle": 0}


def test_a_patient_of_the_same_id_in_another_form_gets_no_file_of_the_other(tmp_path: Path) -> None:
    """As where two hospitals count from 1: contours as text from one, volumes in the layout of ACDC from the other."""
    write_layout(tmp_path / "one", "A", Cine("patient-101"))
    forms.write_acdc(tmp_path / "two", forms.heart())
    (tmp_path / "two/patient101").rename(tmp_path / "two/patient-101")
    found = inspect([tmp_path / "one", tmp_path / "two"], first_pixel=1, workers=1, table={})
    assert found["set_aside"] == []
    assert {(facts["id"], facts["collection"]) for facts in found["patients"]} == {
        ("patient-101", "one"), ("patient101", "two")
    }  # fmt: skip


def test_the_patients_of_acdc(real_data: Path) -> None:
    found = inspect([real_data / "acdc-60-patients.zip"], first_pixel=1, workers=2, table={})
    assert (len(found["patients"]), found["set_aside"]) == (60, [])
    for facts in found["patients"]:
        assert facts["phases_drawn"] == [facts["ed_phase"], facts["es_phase"]]
        assert facts["structures"] == dict.fromkeys(facts["structures"], facts["frames"])
        assert any("says nothing of the patient" in note for note in facts["notes"])
    (note,) = shared_notes(found["patients"])["acdc-60-patients"]
    assert note not in describe(found["patients"][0], [note])
    assert sum(note in line for line in totals(found["patients"])) == 1
    assert sorted({facts["group"] for facts in found["patients"]}) == ["DCM", "HCM", "MINF", "NOR", "RV"]
