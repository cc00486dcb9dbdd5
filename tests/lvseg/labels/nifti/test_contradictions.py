"""NIfTI files that contradict themselves or the tables beside them: read as they must be meant, and said."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from lvseg.labels.find import find_all
from lvseg.labels.sources.structures import table_of
from lvseg.labels.study import Study
from tests.lvseg.labels.sources import forms
from tests.lvseg.labels.sources.forms import CAVITY, MYOCARDIUM, Form

TABLE = "External code,VendorName,ED,ES\nA0S9V9,Siemens,{},{}\n"


@pytest.fixture(scope="module")
def heart() -> Form:
    return forms.heart()


def read(folder: Path, labels: dict[int | str, str] | None = None) -> tuple[Study, list[str]]:
    """Return the one patient of a folder, and the reasons for what was set aside."""
    (patient,), aside = find_all([folder])
    study = patient.read(1, table_of(labels or {}), all_pixels=True)
    return study, [entry.reason for entry in (*aside, *study.aside)]


def drawn(study: Study, heart: Form) -> None:
    """Check that the larger cavity is end-diastole, and that each phase has what was drawn there."""
    sizes = {
        study.cycle[phase]: sum(
            int((study.maps[f.number].labels == CAVITY).sum()) for f in study.labelled if f.phase == phase
        )
        for phase in {frame.phase for frame in study.labelled}
    }
    assert sizes == {
        name: sum(int((heart.truth[index, phase] == CAVITY).sum()) for index in range(forms.SLICES))
        for phase, name in enumerate(("ED", "ES"))
    }


@pytest.mark.parametrize("info", ["ED: 7\nES: 1", "ED: 2\nES: 8", "ED: 1\nES: 1"])
def test_ends_that_an_info_cfg_names_wrong(tmp_path: Path, heart: Form, info: str) -> None:
    forms.write_acdc(tmp_path, heart)
    (tmp_path / "patient101/Info.cfg").write_text(info)
    study, _ = read(tmp_path)
    drawn(study, heart)
    assert any("by what was drawn they are 1 and 7" in note for note in study.notes)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TABLE.format(3, 7), True),  # counted from 1
        (TABLE.format(6, 2), True),  # exchanged
        (TABLE.format("2.0", "6.0"), False),
        (TABLE.format(2, 6).replace(",", ";"), False),
        (TABLE.format(2, 6).replace(",", "\t"), False),
    ],
)
def test_ends_that_a_table_names_wrong_or_in_its_own_way(
    tmp_path: Path, heart: Form, table: str, said: bool
) -> None:
    forms.write_mnms(tmp_path, heart)
    (tmp_path / "dataset.csv").write_text(table)
    study, reasons = read(tmp_path)
    drawn(study, heart)
    assert (study.vendor, reasons) == ("Siemens", [])
    assert [("by what was drawn they are 3 and 7" in note) for note in study.notes] == [True] * said


def test_of_two_rows_for_one_patient_what_they_differ_in_is_not_believed(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms(tmp_path, heart)
    same, other = "A0S9V9,Siemens,2,6\n", "a0s9v9,Philips,2,4\n"
    (tmp_path / "dataset.csv").write_text(TABLE.format(2, 6) + same)
    study, reasons = read(tmp_path)
    assert (study.vendor, reasons, study.notes) == ("Siemens", [], [])
    (tmp_path / "dataset.csv").write_text(TABLE.format(2, 6) + other)
    study, reasons = read(tmp_path)
    assert reasons == [
        "rows of one patient that differ (A0S9V9: es, vendorname): they are not believed there"
    ]
    assert study.vendor == "" and any("nothing says which phases" in note for note in study.notes)
    drawn(study, heart)


def test_a_table_of_another_data_set_says_nothing_of_a_patient_of_the_same_id(
    tmp_path: Path, heart: Form
) -> None:
    forms.write_mnms(tmp_path / "mnms", heart)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/dataset.csv").write_text(TABLE.format(0, 8).replace("Siemens", "Philips"))
    study, reasons = read(tmp_path)
    assert (study.vendor, reasons, study.notes) == ("Siemens", [], [])


@pytest.mark.parametrize(("first", "notes"), [(0, 0), (1, 0), (2, 2)])
def test_frames_are_the_phases_that_they_show(tmp_path: Path, heart: Form, first: int, notes: int) -> None:
    """Their names count from 0, from 1, or otherwise than the file of all phases does."""
    ed, es = (forms.picture(heart, phase) for phase in (0, 1))
    between = [ed + np.int16(n) for n in range(1, 6)]
    folder = tmp_path / "patient101"
    forms.write_nifti(folder / "patient101_4d.nii.gz", np.stack([ed, *between, es], -1), heart.affine)
    for phase, place in enumerate((0, 6)):
        name = folder / f"patient101_frame{first + place:02d}"
        forms.write_nifti(Path(f"{name}.nii.gz"), (ed, es)[phase], heart.affine)
        forms.write_nifti(Path(f"{name}_gt.nii.gz"), forms.volume(heart, phase, (3, 2, 1)), heart.affine)
    (folder / "Info.cfg").write_text(f"ED: {min(first, 1)}\nES: {min(first, 1) + 6}\n")
    study, _ = read(tmp_path)
    assert {frame.phase for frame in study.labelled} == {1, 7}
    drawn(study, heart)
    assert len(study.notes) == notes == sum("so are their labels" in note for note in study.notes)


def test_cases_that_count_from_0_are_the_phases_of_their_images(tmp_path: Path, heart: Form) -> None:
    labels = {"background": 0, "LVC": 1, "MLV": 2, "RV": 3}
    forms.write_nnunet(tmp_path, heart, labels)
    folder = tmp_path / "Dataset027_Heart"
    for path in [*folder.glob("*Tr/*frame*")]:
        path.unlink()
    for phase in (0, 1):
        name = f"heart_frame{phase:02d}"
        forms.write_nifti(folder / f"imagesTr/{name}_0000.nii.gz", forms.picture(heart, phase), heart.affine)
        forms.write_nifti(folder / f"labelsTr/{name}.nii.gz", forms.volume(heart, phase), heart.affine)
    study, reasons = read(tmp_path)
    assert not reasons
    drawn(study, heart)
    assert study.cycle == {1: "ED", 2: "ES"}
    for number, one in study.maps.items():
        assert (study.pixels[number][one.labels == CAVITY] >= 900).all(), (
            "blood, as in the phase that was drawn"
        )


def test_more_values_than_the_header_declares_are_refused(tmp_path: Path, heart: Form) -> None:
    forms.write_acdc(tmp_path, heart)
    path = tmp_path / "patient101/patient101_frame01_gt.nii.gz"
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content + bytes(8)))  # as some programs end a file
    assert read(tmp_path)[1] == []
    path.write_bytes(gzip.compress(content + content[352:]))  # of a second phase, say
    (reason,) = read(tmp_path)[1]
    assert "more values than its header declares" in reason


def test_of_a_cine_that_was_drawn_as_a_whole_the_largest_and_smallest_cavity_count(
    tmp_path: Path, heart: Form
) -> None:
    forms.write_mnms(tmp_path, heart)
    (tmp_path / "dataset.csv").unlink()
    ed, es = (forms.volume(heart, phase) for phase in (0, 1))
    between = np.concatenate([ed[..., :3], es[..., 3:]], axis=-1)
    labels = np.stack([{2: ed, 6: es}.get(phase, between) for phase in range(9)], axis=-1)
    forms.write_nifti(tmp_path / "Training/A0S9V9/A0S9V9_sa_gt.nii.gz", labels, heart.affine)
    study, _ = read(tmp_path)
    assert len({frame.phase for frame in study.labelled}) == 9
    assert study.cycle == {3: "ED", 7: "ES"}


def second_labels(root: Path, _: Form) -> None:
    forms.write_acdc(root, forms.heart())
    path = root / "patient101/patient101_frame01_gt.nii.gz"
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))


def second_channel(root: Path, heart: Form) -> None:
    forms.write_nnunet(root, heart)
    path = root / "Dataset027_Heart/imagesTr/patient101_frame01_0001.nii.gz"
    forms.write_nifti(path, np.zeros_like(forms.picture(heart, 0)), heart.affine)


def labels_of_the_test_set(root: Path, heart: Form) -> None:
    forms.write_nnunet(root, heart)
    shutil.copytree(root / "Dataset027_Heart/labelsTr", root / "Dataset027_Heart/labelsTs")


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (second_labels, "a second file for one phase"),
        (second_channel, "channel 1: the first is used"),
        (labels_of_the_test_set, "NIfTI file of no layout"),
    ],
)
def test_a_file_too_many_is_set_aside_and_changes_nothing(
    tmp_path: Path, heart: Form, write: Callable[[Path, Form], None], reason: str
) -> None:
    write(tmp_path, heart)
    study, reasons = read(tmp_path)
    assert reasons
    assert all(reason in one for one in reasons)
    assert min(pixels.max() for pixels in study.pixels.values()) > 0
    drawn(study, heart)


def in_unit(unit: str) -> Callable[[nibabel.Nifti1Image], None]:
    return lambda image: image.header.set_xyzt_units(unit)


def larger_form(image: nibabel.Nifti1Image) -> None:
    sizes = image.header["pixdim"].copy()
    image.set_sform(image.affine @ np.diag([1.5, 1.5, 1.5, 1]), 1)
    image.header["pixdim"] = sizes


def of_one_mm(image: nibabel.Nifti1Image) -> None:
    affine = image.affine.copy()
    affine[:3, :3] /= np.linalg.norm(affine[:3, :3], axis=0)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)


@pytest.mark.parametrize(
    ("change", "scale", "note"),
    [
        (in_unit("meter"), 1.0, "metres, which no image of a heart has: taken for millimetres"),
        (in_unit("micron"), 1.0, "micrometres, which no image of a heart has: taken for millimetres"),
        (larger_form, 1.5, "pixels of two sizes"),
        (of_one_mm, None, "pixels of 1 mm in all directions"),
    ],
)
def test_lengths_that_cannot_be_are_said(
    tmp_path: Path, heart: Form, change: Callable[[nibabel.Nifti1Image], None], scale: float, note: str
) -> None:
    forms.write_acdc(tmp_path, heart)
    for path in tmp_path.rglob("*.nii.gz"):
        image = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
        change(image)
        path.write_bytes(gzip.compress(image.to_bytes()))
    study, _ = read(tmp_path)
    drawn(study, heart)
    assert sum(note in one for one in study.notes) == 1
    true = np.linalg.norm(heart.affine[:3, 2])
    assert study.distance_mm == pytest.approx(scale * true if scale else 1.0, rel=1e-4)


def test_labels_that_were_rounded_are_whole(tmp_path: Path, heart: Form) -> None:
    forms.write_acdc(tmp_path, heart)
    for path in tmp_path.rglob("*_gt.nii.gz"):
        image = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
        values = np.asarray(image.dataobj)
        content = bytearray(nibabel.Nifti1Image(values * np.uint8(85), image.affine, image.header).to_bytes())
        content[112:120] = np.array([1 / 85, 0], "<f4").tobytes()  # scl_slope, scl_inter
        path.write_bytes(gzip.compress(bytes(content)))
    study, reasons = read(tmp_path)
    assert not reasons
    drawn(study, heart)


def test_a_number_of_the_user_changes_no_value_that_its_data_set_gives(tmp_path: Path, heart: Form) -> None:
    forms.write_acdc(tmp_path, heart)
    study, reasons = read(tmp_path, {2: "other"})
    assert not reasons
    drawn(study, heart)
    assert any((one.labels == MYOCARDIUM).any() for one in study.maps.values())
    assert any(
        "data.labels calls 2 the other, its layout the myocardium: the layout" in n for n in study.notes
    )


@pytest.mark.parametrize(
    ("numbers", "meaning", "reason"),
    [
        ((1, 2, 3), {1: "cavity", 3: "right_ventricle"}, "right ventricle lies within the myocardium"),
        ((2, 3, 1), {2: "cavity", 3: "myocardium"}, "myocardium lies within the cavity"),
        ((1, 0, 0), {1: "cavity"}, "a right ventricle and no cavity"),
    ],
    ids=["as M&Ms", "exchanged", "the cavity alone"],
)
def test_values_that_cannot_be_those_of_their_layout(
    tmp_path: Path, heart: Form, numbers: tuple[int, int, int], meaning: dict[int | str, str], reason: str
) -> None:
    forms.write_acdc(tmp_path, heart)
    for phase, frame in enumerate((1, 7)):
        path = tmp_path / f"patient101/patient101_frame{frame:02d}_gt.nii.gz"
        forms.write_nifti(path, forms.volume(heart, phase, numbers), heart.affine)
    study, reasons = read(tmp_path)
    assert (study.maps, len(reasons)) == ({}, 2)
    assert all(reason in one for one in reasons)
    study, reasons = read(tmp_path, meaning)
    assert not reasons
    drawn(study, heart)
    assert all("data.labels is believed" in note for note in study.notes)
