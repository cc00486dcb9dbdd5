"""`lvseg predict` as people run it: many studies, bad ones among them, killed and started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lvseg.core.hashes import tree_hash
from lvseg.core.paths.places import ROOT
from lvseg.shipped import VERSION
from tests.lvseg.studies.hearts import Heart, bright_model, classic, enhanced
from tests.modes import others_may_read

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"slices": 5, "phases": 4, "end_systole": 3}


class Lab:
    """A folder with studies and a model, and the surroundings of the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = bright_model(folder / "bright")
        self.environment = {**os.environ, "LVSEG_HOME": str(folder / "home")}

    def command(self, out: str, *arguments: str | Path) -> list[str]:
        known = [
            sys.executable,
            "-m",
            "tasks.predict",
            "--out",
            str(self.folder / out),
            "--model",
            str(self.model),
        ]
        return [*known, *map(str, arguments)]

    def run(self, out: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(out, *arguments),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            umask=0o022,
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("predict")
    made = Lab(folder)
    for number in range(1, 5):
        classic(folder / f"study-{number}", Heart(patient=f"LEAKPAT{number}", widest=24.0 + number, **SMALL))
    enhanced(folder / "study-5", Heart(patient="LEAKPAT5", **SMALL))
    mixed = classic(folder / "mixed", Heart(patient="LEAKPAT6", **SMALL))
    classic(mixed / "other", Heart(patient="LEAKPAT7", **SMALL))
    (folder / "empty").mkdir()
    listed = [str(folder / f"study-{number}") for number in (4, 5)] + [str(folder / "gone")]
    (folder / "list.txt").write_text("\n".join([*listed, ""]))
    return made


OPTIONS = ("--workers", "2", "--nifti", "--contours")


def all_studies(lab: Lab) -> list[Path]:
    """Return the good ones, those that cannot be read, and a list of two more."""
    names = ("study-1", "study-2", "study-3", "mixed", "empty", "list.txt")
    return [lab.folder / name for name in names]


@pytest.fixture(scope="module")
def first(lab: Lab) -> tuple[Path, str]:
    """Return the output folder of a run over all of them, and what it said."""
    done = lab.run("out", *all_studies(lab), *OPTIONS)
    assert done.returncode == 3, done.stderr
    return lab.folder / "out", done.stdout


def test_the_good_are_done_and_the_bad_are_named(first: tuple[Path, str]) -> None:
    out, said = first
    assert "8 studies in" in said and "5 ok, 0 look at it, 3 failed" in said, said
    assert said.count("series 300: 5 slices x 4 phases") == 5
    assert "2 studies of 2 patients (LEAKPAT6, LEAKPAT7)" in said
    lines = {line.split("  ")[0]: line for line in said.splitlines()}
    table = pd.read_csv(out / "private" / "sources.csv")
    assert all(
        f"  {Path(path).name}: " in lines[study]
        for study, path in zip(table["study"], table["input"], strict=True)
    ), said
    table = pd.read_parquet(out / "measurements.parquet")
    assert list(table["verdict"]).count("ok") == 5 and len(table) == 8
    assert len(pd.read_csv(out / "measurements.csv")) == 8
    sources = pd.read_csv(out / "private" / "sources.csv")
    assert set(sources["patient"].dropna()) == {f"LEAKPAT{n}" for n in range(1, 6)}
    unread = sources[sources["study"].str.startswith("unread-")]
    assert {Path(path).name for path in unread["input"]} == {"mixed", "empty", "gone"}
    study = next(iter(out.glob("S*")))
    assert {path.name for path in study.iterdir()} == {
        "cine.webp", "contours", "measurements.json", "report.html", "segmentation.nii.gz",
    }  # fmt: skip
    assert (out / "private" / study.name / "segmentation.dcm").is_file()
    assert oct((out / "private").stat().st_mode)[-3:] == "700"


def test_nothing_that_is_written_is_for_other_users(first: tuple[Path, str]) -> None:
    assert others_may_read(first[0]) == []
    assert first[0].stat().st_mode & 0o777 == 0o700


def test_a_typing_error_is_refused_before_anything_is_written(lab: Lab) -> None:
    done = lab.run("typo", lab.folder / "study-1", lab.folder / "studdy-2")
    assert done.returncode == 1 and done.stderr == (
        f"error: {lab.folder / 'studdy-2'}: there is no such file or folder; nothing was written\n"
    )
    assert not (lab.folder / "typo").exists()


def test_a_folder_of_studies_is_told_how_to_take_them(lab: Lab) -> None:
    shelf = lab.folder / "the shelf"
    for number in (1, 2):
        shutil.copytree(lab.folder / f"study-{number}", shelf / str(number))
    done = lab.run("whole", shelf)
    assert done.returncode == 3
    command = f"lvseg predict --out {lab.folder / 'whole'} '{shelf}'/*"
    assert (
        "the shelf: 2 studies of 2 patients (LEAKPAT1, LEAKPAT2)" in done.stdout
        and f"`{command}`" in done.stdout
    )
    each = lab.run("each", *sorted(shelf.iterdir()))
    assert each.returncode == 0 and "2 ok" in each.stdout


def test_nothing_outside_the_private_folder_names_a_patient(first: tuple[Path, str]) -> None:
    out, _ = first
    for path in out.rglob("*"):
        if path.is_file() and "private" not in path.relative_to(out).parts:
            assert b"LEAK" not in path.read_bytes() and "LEAK" not in str(path.relative_to(out)), path


def test_the_same_again_does_only_what_changed(lab: Lab, first: tuple[Path, str]) -> None:
    again = shutil.copytree(first[0], lab.folder / "again")
    before = {path: path.stat().st_mtime_ns for path in again.glob("S*/measurements.json")}
    studies = [lab.folder / f"study-{number}" for number in (1, 2, 3)]
    victim = max(studies[0].iterdir())
    content = victim.read_bytes()
    victim.unlink()
    try:
        done = lab.run("again", *studies, "--nifti", "--contours")
    finally:
        victim.write_bytes(content)
    assert done.stdout.count("as before") == 2, done.stderr
    changed = [path for path, written in before.items() if path.stat().st_mtime_ns != written]
    assert len(before) == 5 and len(changed) == 1


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(lab: Lab, first: tuple[Path, str]) -> None:
    running = subprocess.Popen(
        lab.command("killed", *all_studies(lab), *OPTIONS),
        cwd=ROOT, env=lab.environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    out = lab.folder / "killed"
    deadline = time.monotonic() + 120
    while not list(out.glob("private/done/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = {path.name for path in out.glob("S*")}
    assert done and all((out / name / "measurements.json").is_file() for name in done)
    after = lab.run("killed", *all_studies(lab), *OPTIONS)
    assert after.returncode == 3, after.stderr
    assert after.stdout.count("as before") >= 1
    whole, _ = first
    for path in whole.glob("S*"):
        assert tree_hash(path) == tree_hash(out / path.name), path.name
    assert (out / "measurements.csv").read_bytes() == (whole / "measurements.csv").read_bytes()


def test_names_may_begin_with_ids_and_one_study_in_two_places_is_refused(lab: Lab) -> None:
    copy = lab.folder / "copy-of-1"
    shutil.copytree(lab.folder / "study-1", copy)
    done = lab.run("named", lab.folder / "study-1", copy, "--with-ids", "--phases", "ed-es")
    assert done.returncode == 3
    assert "the same study as" in done.stdout and "one folder" in done.stdout
    (study,) = (lab.folder / "named").glob("LEAKPAT1-S*")
    facts = json.loads((study / "measurements.json").read_text())
    assert facts["verdict"] == "ok" and facts["segmentation_missing"] is None


def test_names_of_files_may_be_of_any_bytes_and_the_caller_anywhere(lab: Lab) -> None:
    odd = Path(os.fsdecode(os.fsencode(lab.folder) + b"/caf\xe9 \xc3\xbc"))
    shutil.copytree(lab.folder / "study-1", odd)
    first = min(odd.iterdir())
    first.rename(os.fsdecode(os.fsencode(odd) + b"/im\xe9"))
    Path(os.fsdecode(os.fsencode(odd) + b"/note\xe9")).write_text("no image")
    (lab.folder / "odd.txt").write_bytes(b"\xef\xbb\xbf" + os.fsencode(odd) + b"\r\n/gone/\xe9\r\n")
    command = lab.command("odd", lab.folder / "odd.txt")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lvseg")), "predict", *command[3:]],
        cwd=lab.folder, env=lab.environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 3 and "1 ok, 0 look at it, 1 failed" in done.stdout, done.stderr
    assert "/gone/\\xe9: there is no such" in done.stdout
    out = lab.folder / "odd" / "private"
    assert list(pd.read_csv(out / "sources.csv")["patient"].dropna()) == ["LEAKPAT1"]
    assert "note" in (out / "set_aside.csv").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_ends_the_run_with_one_line(lab: Lab) -> None:
    blocked = lab.folder / "blocked"
    blocked.write_text("a file, no folder")
    done = lab.run("blocked/out", lab.folder / "study-1")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr and "--out" in done.stderr
    assert "Traceback" not in done.stderr
    full = ["bash", "-c", 'ulimit -f 8; exec "$@"', "-", *lab.command("full", lab.folder / "study-1")]
    done = subprocess.run(full, cwd=ROOT, env=lab.environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "cannot be written (File too large)" in done.stderr and "goes on after" in done.stderr, done.stderr
    assert not list((lab.folder / "full").glob("[!p]*")), "nothing is left half-written"


def test_without_a_champion_the_model_that_comes_along_is_taken_and_named(lab: Lab) -> None:
    command = [
        sys.executable,
        "-m",
        "tasks.predict",
        "--out",
        str(lab.folder / "none"),
        str(lab.folder / "study-1"),
    ]
    store = f"sqlite:///{lab.folder / 'empty.db'}"
    surroundings = {**lab.environment, "MLFLOW_TRACKING_URI": store}
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=120)
    assert "no champion is registered here" in done.stdout and VERSION in done.stdout, done.stderr
    assert len(list((lab.folder / "none").glob("S*/report.html"))) == 1
    asked = [*command, "--version", "7"]
    done = subprocess.run(asked, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "lvseg promote" in done.stderr and "--model models/unet" in done.stderr, done.stderr
    wrong = lab.run("wrong", "--model", lab.folder / "empty", lab.folder / "study-1")
    assert wrong.returncode == 1 and "model.keras and run.json" in wrong.stderr
