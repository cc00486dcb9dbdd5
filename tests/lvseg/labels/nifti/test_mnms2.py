"""M&Ms-2: the ends of the beat are files of their own, and which phases they are their pixels say."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from lvseg.labels.find import find_all
from lvseg.labels.sources.structures import table_of
from lvseg.labels.study import Study
from tests.lvseg.labels.sources import forms
from tests.lvseg.labels.sources.forms import CAVITY, Form


@pytest.fixture(scope="module")
def heart() -> Form:
    return forms.heart()


def read(folder: Path) -> tuple[Study, list[str]]:
    """Return the one patient of a folder, and the reasons for what was set aside."""
    (patient,), aside = find_all([folder])
    study = patient.read(1, table_of({}), all_pixels=True)
    return study, [entry.reason for entry in (*aside, *study.aside)]


def drawn(study: Study, heart: Form) -> None:
    """Check that each end of the beat has what was drawn there, on the pixels that show it."""
    sizes = dict.fromkeys(study.cycle.values(), 0)
    for frame in study.labelled:
        cavity = study.maps[frame.number].labels == CAVITY
        assert (study.pixels[frame.number][cavity] >= 900).all()
        sizes[study.cycle[frame.phase]] += int(cavity.sum())
    truth = [
        sum(int((heart.truth[index, phase] == CAVITY).sum()) for index in range(forms.SLICES))
        for phase in (0, 1)
    ]
    assert sizes == {"ED": truth[0], "ES": truth[1]}


def renamed(folder: Path, heart: Form, code: str) -> None:
    """Write the patient under another number, in files and table."""
    forms.write_mnms2(folder, heart, with_cine=False)
    for path in (folder / "dataset/027").iterdir():
        path.rename(path.with_name(path.name.replace("027", code)))
    table = folder / "dataset_information.csv"
    table.write_text(table.read_text().replace("27.0", code))


def test_the_ends_are_the_phases_of_the_cine_that_they_show(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms2(tmp_path, heart)
    long_axis = tmp_path / "dataset/027/027_LA_ED.nii.gz"
    forms.write_nifti(long_axis, forms.picture(heart, 0)[:, :, :1], heart.affine)
    study, reasons = read(tmp_path)
    assert (study.cycle, study.phases) == ({3: "ED", 7: "ES"}, 9)
    drawn(study, heart)
    assert (study.notes, reasons) == ([], ["a long axis: of each patient the short axis is used"])
    assert (study.id, study.group, study.vendor, study.official_part) == (
        "027",
        "FALL",
        "Philips",
        "training",
    )


def test_a_cine_that_shows_another_beat_is_not_used(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms2(tmp_path, heart)
    other = np.stack([forms.picture(heart, int(n >= 4)) * 2 for n in range(9)], axis=-1)
    forms.write_nifti(tmp_path / "dataset/027/027_SA_CINE.nii.gz", other, heart.affine)
    study, reasons = read(tmp_path)
    assert (study.cycle, study.phases) == ({1: "ED", 2: "ES"}, 2)
    drawn(study, heart)
    assert any("are not two of its phases" in reason for reason in reasons)


def test_a_cine_that_cannot_be_read_leaves_the_ends(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms2(tmp_path, heart)
    (tmp_path / "dataset/027/027_SA_CINE.nii.gz").write_bytes(b"damaged")
    study, reasons = read(tmp_path)
    assert (study.cycle, study.phases, len(reasons)) == ({1: "ED", 2: "ES"}, 2, 1)
    drawn(study, heart)


def test_two_ends_that_are_one_picture_are_no_phases(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms2(tmp_path, heart)
    folder = tmp_path / "dataset/027"
    shutil.copy(folder / "027_SA_ED.nii.gz", folder / "027_SA_ES.nii.gz")
    study, reasons = read(tmp_path)
    assert study.phases == 2 and len(study.labelled) == 2 * forms.SLICES, "no end takes the other's place"
    assert any("are not two of its phases" in reason for reason in reasons)


def test_a_damaged_end_costs_itself_alone(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms2(tmp_path, heart)
    damaged = tmp_path / "dataset/027/027_SA_ES.nii.gz"
    damaged.write_bytes(gzip.compress(gzip.decompress(damaged.read_bytes())[:9000]))
    study, reasons = read(tmp_path)
    assert (study.cycle, study.phases, {frame.phase for frame in study.labelled}) == ({3: "ED"}, 9, {3})
    assert any("027_SA_ES" in entry.file and "are missing" in entry.reason for entry in study.aside), reasons


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("160", "training"),
        ("161", "validation"),
        ("200", "validation"),
        ("201", "testing"),
        ("361", ""),
        ("27", ""),
    ],
)
def test_the_parts_of_the_challenge_are_known_by_its_numbers(
    tmp_path: Path, heart: Form, code: str, part: str
) -> None:
    renamed(tmp_path, heart, code)
    assert read(tmp_path)[0].official_part == part


def test_a_table_that_does_not_lie_above_a_number_says_nothing_of_it(tmp_path: Path, heart: Form) -> None:
    """Everybody's patients begin with 1."""
    renamed(tmp_path, heart, "160")
    (tmp_path / "challenge").mkdir()
    (tmp_path / "dataset_information.csv").rename(tmp_path / "challenge/dataset_information.csv")
    study, _ = read(tmp_path)
    assert (study.group, study.vendor, study.official_part) == ("", "", "")


def test_a_name_as_it_stands_goes_before_the_same_number(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms2(tmp_path, heart)
    with (tmp_path / "dataset_information.csv").open("a") as table:
        table.write("\n027,HCM,Siemens,Avanto,1.5\n")
    study, reasons = read(tmp_path)
    assert (study.group, study.vendor, reasons) == ("HCM", "Siemens", [])


def test_the_ends_alone(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms2(tmp_path, heart, with_cine=False)
    study, reasons = read(tmp_path)
    assert (study.cycle, study.notes, reasons) == ({1: "ED", 2: "ES"}, [], [])
    drawn(study, heart)
