"""One patient goes from everywhere, also after a command that was broken off, and the rest works on."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvseg.core.hashes import file_hash
from lvseg.erasure.traces import Traces
from tests.project import RAW, Project, working_copy

# A training and its evaluation in MLflow, a study that was predicted, and a record that waits: without the minutes.
STORED = """
import base64, csv, json, os, sys
from pathlib import Path
from lvseg.core.paths.places import state_home
from lvseg.studies.cohort.journal import Journal, JournalEntry
from tracking.provenance.training_origin import dvc_hashes
from tracking.runs.store import open_store

os.umask(0o077)
store = open_store("lv-segmentation")
with open("data/split.csv") as file:
    patients = [row["patient"] for row in csv.DictReader(file)]
tags = {f"lvseg.dvc.{name}": value for name, value in dvc_hashes([Path("data/sunnybrook")]).items()}
run = store.client.create_run(store.experiment_id, run_name="cnn 123456", tags={"lvseg.weights_hash": "w", **tags})
run_id = run.info.run_id
table = "patient,dice\\n" + "".join(f"{patient},0.5\\n" for patient in patients)
store.client.log_text(run_id, table, "evaluation/per_patient.csv")
data = json.dumps({"columns": ["patient", "dice"], "data": [[patient, 0.5] for patient in patients]})
store.client.log_text(run_id, data, "evaluation/per_patient.json")
store.client.log_text(run_id, '<img src="data:image/png;base64,AAAA">', "evaluation/report.html")
store.client.log_text(run_id, "a picture", "pictures/overlays.png")
store.client.log_text(run_id, "loss", "training/history.csv")
store.client.set_tag(run_id, "note", f"look at {sys.argv[1]}")
record = state_home() / "outbox/f-w"
record.mkdir(parents=True)
(record / "per_slice.csv").write_text(table)
journal = Journal(Path("results"))
journal.open()
for number, patient in enumerate(sys.argv[2:]):
    for folder in (f"results/S{number}", f"results/private/S{number}"):
        Path(folder).mkdir()
        Path(folder, "file").write_text(patient if "private" in folder else "")
    journal.claim(f"S{number}", Path(f"/studies/{number}"))
    journal.done(JournalEntry(f"/studies/{number}", "k", patient, [f"S{number}"]))
journal.write_tables()
"""
# A kill in the middle: what DVC's cache and remote hold is still there.
BROKEN_OFF = """
import os, runpy, sys
from lvseg.erasure import raw_files
remove = raw_files.remove
def killed(*arguments):
    remove(*arguments)
    os._exit(9)
raw_files.remove = killed
sys.argv = ["erase", *sys.argv[1:]]
runpy.run_module("tasks.erase", run_name="__main__")
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with raw data of six patients, shards, a remote, a run in MLflow and studies in results/."""
    folder = tmp_path_factory.mktemp("stored")
    project = working_copy(folder)
    project.set({"data": {"raw": RAW, "ids_public": False}})
    project.python("-m", "tasks.phantom")
    (project.root / "data/phantom").rename(project.root / RAW)
    project.dvc("add", "--quiet", RAW)
    project.dvc("remote", "add", "--default", "--quiet", "store", str(folder / "remote"))
    project.dvc("repro", "--quiet", "split")
    project.commit("our own data")
    project.dvc("push", "--quiet")
    people = list(patients(project))
    (name,) = stored_names(project, people[2]["OriginalID"])
    project.python("-c", STORED, name, *(p["PatientID"] for p in people))
    return project


def patients(project: Project) -> Iterator[dict[str, str]]:
    table = next((project.root / RAW).rglob("*patientdata.csv"))
    with table.open(newline="", encoding="utf-8-sig") as file:
        yield from csv.DictReader(file)


def stored_names(project: Project, *ids: str) -> list[str]:
    script = "import sys; from lvseg.data.pseudonyms import pseudonym as p; print(*(p(i, False) for i in sys.argv[1:]))"
    return project.python("-c", script, *ids).split()


def files(folder: Path) -> list[Path]:
    """Return every file below a folder, but for what Python compiles when it imports."""
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of every file below a folder, by its name there."""
    return {str(path.relative_to(folder)): file_hash(path) for path in files(folder)}


def differences(before: tuple[dict[str, str], ...], after: tuple[dict[str, str], ...]) -> list[str]:
    """Return the names of files that came, went or changed."""
    return [
        name
        for one, other in zip(before, after, strict=True)
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


def holding(folder: Path, traces: Traces) -> list[str]:
    """Return what is found of a patient below a folder, by paths and contents; git's own files are compressed."""
    found = []
    for path in files(folder):
        name = path.relative_to(folder).as_posix()
        if name.startswith((".git/", "home/", "owner/.git/")):
            continue
        if traces.in_path(name) or traces.in_content(name, path.read_bytes()):
            found.append(name)
    return found


def test_a_patient_goes_from_everywhere_and_the_rest_works_on(stored: Project) -> None:
    one, folder = list(patients(stored))[2], stored.root.parent
    ids = (one["OriginalID"], one["PatientID"])
    pseudonym, *more = stored_names(stored, *ids)
    traces = Traces([*ids, pseudonym, *more])
    others = {path.stem for path in (stored.root / "data/shards").glob("*.npz")} - {pseudonym}
    before = holding(folder, traces)
    assert len({name.split("/")[1] for name in before} & {".dvc", ".lvseg", "data", "mlflow", "results"}) == 5
    assert any(name.startswith("remote/") for name in before)

    state = contents(stored.root), contents(folder / "remote")
    said = stored.python("-m", "tasks.erase", one["PatientID"])
    assert "nothing was changed" in said and "MODEL cnn 123456" in said
    assert differences(state, (contents(stored.root), contents(folder / "remote"))) == []

    split = (stored.root / "data/split.csv").read_text().splitlines()
    part = {row["patient"]: row["part"] for row in csv.DictReader(split)}[pseudonym]
    stored.python("-c", BROKEN_OFF, one["PatientID"], "--yes", fails=True)
    assert holding(folder, traces), "it was broken off before the end"
    said = stored.python("-m", "tasks.erase", one["OriginalID"], "--yes")
    assert {"train": "learnt from him", "validation": "watched", "test": "tested"}[part] in said
    assert holding(folder, traces) == []

    stored.dvc("repro", "--quiet", "split")
    stored.commit("without one patient")
    stored.dvc("push", "--quiet")
    assert {path.stem for path in (stored.root / "data/shards").glob("*.npz")} == others
    assert holding(folder, traces) == []
    other = stored.clone(folder / "again")
    other.dvc("pull", "--quiet", RAW, "data/shards")
    assert other.shards().keys() == {f"{name}.npz" for name in others}
    left = next((stored.root / "mlflow").rglob("per_patient.csv")).read_text()
    assert len(left.splitlines()) == 1 + len(others), "the rows of the others stay"
    assert len(
        json.loads(next((stored.root / "mlflow").rglob("per_patient.json")).read_text())["data"]
    ) == len(others)
    assert not list((stored.root / "mlflow").rglob("overlays.png")), "a picture may show him"
    assert sorted(path.name for path in (stored.root / "results").glob("S*")) == [
        "S0",
        "S1",
        "S3",
        "S4",
        "S5",
    ]
    shutil.rmtree(folder / "again")

    said = stored.python("-m", "tasks.erase", one["PatientID"], "--yes", fails=True)
    assert "nothing of that name is stored" in said
