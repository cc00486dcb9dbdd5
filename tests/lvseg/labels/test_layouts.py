"""Every layout, zipped or not, once more nested or not, gives the same patient."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from lvseg.imaging.contour_quality import anatomy_fit
from lvseg.labels.inspection import inspect
from lvseg.labels.layouts import find_patients
from lvseg.labels.patient import read_study
from tests.lvseg.labels.scd import ED, ES, PHASES, SLICES, Cine, write_contour, write_layout, zip_folder


@pytest.mark.parametrize("packing", ["folder", "zip", "nested"])
@pytest.mark.parametrize("layout", ["A", "B", "C", "D"])
def test_layout_is_recognised(tmp_path: Path, layout: str, packing: str) -> None:
    root = tmp_path / "raw"
    write_layout(root / "challenge_training" if packing == "nested" else root, layout, Cine())
    if packing == "zip":
        root = zip_folder(root, tmp_path / "raw.zip")
    found = inspect([root], first_pixel=1, workers=1)
    assert found["set_aside"] == []
    (facts,) = found["patients"]
    assert (facts["id"], facts["group"]) == ("SC-HF-I-01", "HF-I")
    assert (facts["frames"], facts["slices"], facts["phases"]) == (SLICES * PHASES, SLICES, PHASES)
    assert (facts["contours"], facts["contours_joined"]) == ({"icontour": 2 * SLICES}, 2 * SLICES)
    assert (facts["ed_phase"], facts["es_phase"], facts["flags"]) == (ED, ES, {})
    assert facts["spacing_mm"] == [1.4, 1.5]


def test_images_and_contours_in_separate_archives_side_by_side(tmp_path: Path) -> None:
    for cine in (Cine(), Cine("SC-N-40", "SCD0004001", (36.0, 28.0))):
        write_layout(tmp_path / "raw", "A", cine)
    raw = tmp_path / "raw"
    zip_folder(raw / "challenge_training", raw / "challenge_training.zip")
    zip_folder(raw / "Sunnybrook Cardiac MR Database ContoursPart3", raw / "ContoursPart3.zip")
    found = inspect([raw], first_pixel=1, workers=2)
    assert [facts["id"] for facts in found["patients"]] == ["SC-HF-I-01", "SC-N-40"]
    assert [facts["contours_joined"] for facts in found["patients"]] == [6, 6]


def test_a_patient_in_two_archives_is_reported_once_and_the_better_copy_kept(tmp_path: Path) -> None:
    rescaled = Cine(scale=0.2)
    write_layout(tmp_path / "raw/a", "A", rescaled)
    for number, _, phase in rescaled.numbers():
        if phase not in (ED, ES):
            (tmp_path / f"raw/a/challenge_training/SC-HF-I-1/IM-0004-{number:04d}.dcm").unlink()
    write_layout(tmp_path / "raw/d", "D", Cine())
    found = inspect([tmp_path / "raw"], first_pixel=1, workers=1)
    (facts,) = found["patients"]
    assert facts["frames"] == SLICES * PHASES
    assert not facts["rescaled_to_8_bit"]
    assert len(facts["duplicates"]) == 2  # its images and its contours
    assert all("same patient" in entry["reason"] for entry in found["set_aside"])


AUTHOR = "Sunnybrook Cardiac MR Database ContoursPart3/TrainingDataContours"


def test_halves_of_a_patient_in_two_places_are_one_patient(tmp_path: Path) -> None:
    write_layout(tmp_path, "A", Cine())
    (tmp_path / "part2/SC-HF-I-01").mkdir(parents=True)
    (tmp_path / "epi/SC-HF-I-1").mkdir(parents=True)
    for number in range(6, 16):
        name = f"IM-0004-{number:04d}.dcm"
        (tmp_path / "challenge_training/SC-HF-I-1" / name).rename(tmp_path / "part2/SC-HF-I-01" / name)
    write_contour(
        tmp_path / f"epi/SC-HF-I-1/IM-0001-{ED:04d}-ocontour-manual.txt", Cine().contour(0, ED, grow=6)
    )
    found = inspect([tmp_path], first_pixel=1, workers=1)
    (facts,) = found["patients"]
    assert (facts["frames"], facts["contours_joined"], found["set_aside"]) == (15, 6, [])
    assert facts["contours"] == {"icontour": 6, "ocontour": 1}


def test_an_archive_named_like_the_patient(tmp_path: Path) -> None:
    write_layout(tmp_path / "raw", "A", Cine())
    zip_folder(tmp_path / "raw/challenge_training/SC-HF-I-1", tmp_path / "raw/SC-HF-I-1.zip")
    (tmp_path / "raw/contours").mkdir()
    zip_folder(tmp_path / f"raw/{AUTHOR}/SC-HF-I-01", tmp_path / "raw/contours/SC-HF-I-01.zip")
    (facts,) = inspect([tmp_path / "raw"], first_pixel=1, workers=1)["patients"]
    assert (facts["id"], facts["contours_joined"]) == ("SC-HF-I-01", 6)


def test_a_mac_and_a_spreadsheet_have_been_at_work(tmp_path: Path) -> None:
    write_layout(tmp_path, "D", Cine())
    (tmp_path / "link.csv").write_text((tmp_path / "link.csv").read_text(), encoding="utf-16")
    for path in list(tmp_path.rglob("*contour-manual.txt")):
        (tmp_path / "__MACOSX" / path.relative_to(tmp_path)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "__MACOSX" / path.relative_to(tmp_path)).write_bytes(b"junk")
    found = inspect([tmp_path], first_pixel=1, workers=1)
    (facts,) = found["patients"]
    assert (facts["id"], facts["contours_joined"], facts["duplicates"]) == ("SC-HF-I-01", 6, [])
    assert len(found["set_aside"]) == 6


def test_contours_without_images_are_all_accounted_for(tmp_path: Path) -> None:
    for place in ("a", "b"):
        write_layout(tmp_path / place, "A", Cine())
        shutil.rmtree(tmp_path / place / "challenge_training")
    found = inspect([tmp_path], first_pixel=1, workers=1)
    assert found["patients"][0]["flags"]["no-image"] == [2, 5, 7, 10, 12, 15]
    assert ["6 files not used" in entry["reason"] for entry in found["set_aside"]] == [True]


def test_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_layout(tmp_path, "A", Cine())
    monkeypatch.chdir(tmp_path / "challenge_training/SC-HF-I-1")
    (facts,) = inspect([Path()], first_pixel=1, workers=1)["patients"]
    assert (facts["id"], facts["frames"]) == ("SC-HF-I-01", 15)


def test_images_below_no_known_folder_are_grouped_by_their_header(tmp_path: Path) -> None:
    write_layout(tmp_path, "D", Cine(original="anything-1", atlas="flat"))
    (tmp_path / "link.csv").unlink()
    found = {
        facts["id"]: facts for facts in inspect([tmp_path / "dicoms"], first_pixel=1, workers=1)["patients"]
    }
    assert found["LEAKID"]["frames"] == SLICES * PHASES


def test_real_archives(real_data: Path) -> None:
    """Other archives may lie beside these four: labels alone, other data sets."""
    parts = ("challenge-training", "challenge-validation", "original-SC-HF-I-1", "original-SC-HF-I-2")
    found = inspect([real_data / f"scd-{part}.zip" for part in parts], first_pixel=1, workers=2)
    assert len(found["patients"]) == 30
    assert sum(facts["contours_joined"] for facts in found["patients"]) == 526
    assert [facts["id"] for facts in found["patients"] if facts["duplicates"]] == ["SC-HF-I-01", "SC-HF-I-02"]
    off = [facts["id"] for facts in found["patients"] if "off-anatomy" in facts["flags"]]
    assert len(off) == 1
    originals = {facts["id"]: facts for facts in found["patients"] if not facts["rescaled_to_8_bit"]}
    assert {name: facts["frames"] for name, facts in originals.items()} == {
        "SC-HF-I-01": 240,
        "SC-HF-I-02": 260,
    }
    assert all(facts["contours"]["ocontour"] == 9 for facts in originals.values())


def test_the_archives_contours_count_pixels_from_1(real_data: Path) -> None:
    """Read so, the cavity inside is brighter than the ring outside more often than when they are read from 0."""
    found, _ = find_patients([real_data / f"scd-original-SC-HF-I-{number}.zip" for number in (1, 2)])
    for files in found:
        fits = []
        for first_pixel in (0, 1):
            study = read_study(files, first_pixel, all_pixels=False)
            fits.append(np.median([anatomy_fit(study.pixels[n], line) for n, line in study.endo.items()]))
        assert fits[1] > fits[0], files.id
