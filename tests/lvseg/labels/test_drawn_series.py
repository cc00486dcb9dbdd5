"""The series is chosen by evidence: numbers held, ventricle under the contours."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from lvseg.labels.inspection import inspect
from tests.lvseg.labels.scd import ED, ES, Cine, write_contour, write_image, write_layout

CINE = Cine()


def images(root: Path, folder: str, cine: Cine, numbers: range, **options: object) -> None:
    """Write a further series of the patient in layout C."""
    for number, slice_, phase in cine.numbers():
        if number in numbers:
            path = root / f"SCD_IMAGES_01/SCD0000101/{folder}/IM-0007-{number:04d}.dcm"
            write_image(path, cine.pixels(slice_, phase), number, slice_, **options)


def only(root: Path) -> dict[str, Any]:
    facts: dict[str, Any]
    (facts,) = inspect([root], first_pixel=1, workers=1)["patients"]
    return facts


def test_a_decoy_with_all_numbers_but_another_place_loses(tmp_path: Path) -> None:
    write_layout(tmp_path, "C", CINE)
    images(tmp_path, "CINESAX_299", Cine(centre=(48.0, 14.0)), range(1, 16), uid="1.2.9")
    facts = only(tmp_path)
    assert facts["series"] == "CINESAX_300/IM-0003"
    assert facts["other_series"] == {"CINESAX_299/IM-0007": 15}
    assert facts["flags"] == {}


def test_the_folder_named_like_a_cine_loses_to_the_one_that_holds_the_numbers(tmp_path: Path) -> None:
    write_layout(tmp_path, "C", CINE)
    base = tmp_path / "SCD_IMAGES_01/SCD0000101"
    (base / "CINESAX_300").rename(base / "unnamed_4")
    images(tmp_path, "CINESAX_300", Cine(centre=(44.0, 20.0)), range(1, 11))  # one series UID for both
    facts = only(tmp_path)
    assert facts["series"] == "unnamed_4/IM-0003"
    assert facts["contours_joined"] == 6


def test_a_flat_folder_of_all_series_is_divided_by_the_prefix(tmp_path: Path) -> None:
    write_layout(tmp_path, "A", CINE)
    for number, slice_, phase in CINE.numbers():
        decoy = Cine(centre=(16.0, 16.0)).pixels(slice_, phase)
        write_image(
            tmp_path / f"challenge_training/SC-HF-I-1/IM-0003-{number:04d}.dcm", decoy, number, slice_
        )
    assert only(tmp_path)["series"] == "SC-HF-I-1/IM-0004"


def test_a_cine_that_spans_two_series_is_joined(tmp_path: Path) -> None:
    write_layout(tmp_path, "C", CINE)
    base = tmp_path / "SCD_IMAGES_01/SCD0000101"
    for number in range(11, 16):
        shutil.move(base / f"CINESAX_300/IM-0003-{number:04d}.dcm", base / f"IM-0003-{number:04d}.dcm")
    facts = only(tmp_path)
    assert facts["contours_joined"] == 6
    assert facts["slices"] == 3


def test_a_cine_with_a_series_uid_per_slice_is_one_series(tmp_path: Path) -> None:
    write_layout(tmp_path, "A", CINE)
    for number, slice_, phase in CINE.numbers():
        path = tmp_path / f"challenge_training/SC-HF-I-1/IM-0004-{number:04d}.dcm"
        write_image(path, CINE.pixels(slice_, phase), number, slice_, uid=f"1.2.{slice_}")
    facts = only(tmp_path)
    assert (facts["frames"], facts["other_series"]) == (15, {})


def test_uncontoured_slices_of_a_cine_that_goes_on_in_another_series_belong_to_it(tmp_path: Path) -> None:
    write_layout(tmp_path, "C", CINE)
    for number in range(16, 21):
        path = tmp_path / f"SCD_IMAGES_01/SCD0000101/CINESAX_301/IM-0007-{number:04d}.dcm"
        write_image(path, CINE.pixels(2, number - 15), number, 3, uid="1.2.8")
    facts = only(tmp_path)
    assert (facts["frames"], facts["slices"]) == (20, 4)


def test_a_series_at_one_position_is_no_short_axis_stack_however_well_it_fits(tmp_path: Path) -> None:
    write_layout(tmp_path, "C", CINE)
    smooth = Cine(scale=1.1)
    for number, slice_, phase in CINE.numbers():
        path = tmp_path / f"SCD_IMAGES_01/SCD0000101/CINELAX_299/IM-0007-{number:04d}.dcm"
        write_image(path, smooth.pixels(slice_, phase), number, 0, oblique=True, uid="1.2.7")
    assert only(tmp_path)["series"] == "CINESAX_300/IM-0003"


def test_a_slice_scanned_twice_keeps_its_phases(tmp_path: Path) -> None:
    write_layout(tmp_path, "A", CINE)
    for number, _, phase in CINE.numbers()[5:10]:
        path = tmp_path / f"challenge_training/SC-HF-I-1/IM-0004-{number:04d}.dcm"
        write_image(path, CINE.pixels(1, phase), number, 0)  # the second slice lies where the first does
    facts = only(tmp_path)
    assert (facts["slices"], facts["phases"], facts["ed_phase"], facts["es_phase"]) == (3, 5, ED, ES)


def test_a_long_axis_series_is_not_added(tmp_path: Path) -> None:
    write_layout(tmp_path, "C", CINE)
    base = tmp_path / "SCD_IMAGES_01/SCD0000101/CINESAX_300"
    for number in range(11, 16):
        (base / f"IM-0003-{number:04d}.dcm").unlink()
    images(tmp_path, "CINELAX_301", CINE, range(11, 16), oblique=True, uid="1.2.7")
    facts = only(tmp_path)
    assert facts["contours_joined"] == 4
    assert facts["flags"]["no-image"] == [12, 15]


@pytest.mark.parametrize("shift", [(14.0, -12.0), (-16.0, 3.0)])
def test_contours_of_another_series_are_found_sound_ones_not(
    tmp_path: Path, shift: tuple[float, float]
) -> None:
    moved = Cine(centre=(CINE.centre[0] + shift[0], CINE.centre[1] + shift[1]))
    write_layout(tmp_path, "A", CINE)
    sound = Cine("SC-N-02", "SCD0000202", (28.0, 30.0))
    write_layout(tmp_path, "A", sound)
    folder = tmp_path / "Sunnybrook Cardiac MR Database ContoursPart3/TrainingDataContours/SC-HF-I-01"
    for number, slice_, phase in CINE.numbers():
        if phase in (ED, ES):
            name = f"contours-manual/IRCCI-expert/IM-0001-{number:04d}-icontour-manual.txt"
            write_contour(folder / name, moved.contour(slice_, phase))
    flags = {
        facts["id"]: facts["flags"] for facts in inspect([tmp_path], first_pixel=1, workers=1)["patients"]
    }
    assert set(flags["SC-HF-I-01"]) == {"off-anatomy"}
    assert len(flags["SC-HF-I-01"]["off-anatomy"]) == 6
    assert flags["SC-N-02"] == {}
