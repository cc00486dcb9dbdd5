"""What a folder of outputs holds, while inputs and options change below it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from lvseg.core.errors import UserError
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.cohort.journal import Journal, JournalEntry
from lvseg.studies.cohort.order import Order
from lvseg.studies.cohort.worker import Outcome, Worker
from lvseg.studies.outputs import measurements_table
from lvseg.studies.outputs.study_folder import Outputs
from tests.lvseg.studies.hearts import Heart, classic

SMALL = Heart(slices=5, phases=3, end_systole=2)
Run = Callable[..., list[Outcome]]


@pytest.fixture
def run(tmp_path: Path, model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what predicts one input into `tmp_path / "out"`, as a worker and its parent do."""
    monkeypatch.setattr(Worker, "_model", model)  # loaded once

    def predict(path: Path, all_phases: bool = True, with_ids: bool = False) -> list[Outcome]:
        out = tmp_path / "out"
        journal = Journal(out)
        journal.open()
        kinds = Outputs(all_phases, nifti=False, contours=False)
        outcomes = Worker(Order(out, tmp_path, model.facts, 2, None, kinds, with_ids)).predict(path)
        journal.write_tables()
        measurements_table.write(out)
        return outcomes

    return predict


def objects(out: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in out.glob("private/*/segmentation.dcm")}


def test_outputs_are_those_of_the_last_command(tmp_path: Path, run: Run) -> None:
    path = classic(tmp_path / "s", replace(SMALL, patient="ONE"))
    run(path)
    first = objects(tmp_path / "out")
    (outcome,) = run(path, all_phases=False, with_ids=True)
    assert list(objects(tmp_path / "out")) == [outcome.study], "its other name is gone"
    assert outcome.study.startswith("ONE-S")
    (outcome,) = run(path)
    assert "as before" not in outcome.words
    assert objects(tmp_path / "out") == first
    (outcome,) = run(path)
    assert "as before" in outcome.words


def test_outputs_are_those_of_the_files_that_are_there(tmp_path: Path, run: Run) -> None:
    out, path = tmp_path / "out", classic(tmp_path / "s", replace(SMALL, patient="ONE"))
    run(path)
    shutil.rmtree(path)
    (outcome,) = run(path)
    assert outcome.verdict == "failed" and outcome.words == "there is no such file or folder"
    verdicts = pd.read_csv(out / "measurements.csv")["verdict"]
    assert len(verdicts) == 2, "an archive may be away: what was made of it stays"
    assert verdicts[0] == "failed" != verdicts[1], "what a person must see comes first"
    broken = classic(path, replace(SMALL, patient="TWO"))
    min(broken.iterdir()).write_bytes(b"no image")
    run(path)
    assert list(pd.read_csv(out / "private" / "sources.csv")["patient"]) == ["TWO"]
    assert len(pd.read_csv(out / "private" / "set_aside.csv")) == 1
    classic(path, replace(SMALL, patient="TWO"))
    run(path)
    assert len(pd.read_csv(out / "private" / "set_aside.csv")) == 0, "the file was mended"
    assert len(pd.read_csv(out / "measurements.csv")) == 1


def test_a_study_that_moved_is_told_of_its_new_place_only(tmp_path: Path, run: Run) -> None:
    path = classic(tmp_path / "s", replace(SMALL, patient="ONE"))
    run(path)
    path.rename(tmp_path / "t")
    run(tmp_path / "t")
    sources = pd.read_csv(tmp_path / "out" / "private" / "sources.csv")
    assert [Path(place).name for place in sources["input"]] == ["t"]


def test_work_that_was_begun_is_not_done(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.open()
    entry = JournalEntry(str(tmp_path / "s"), "key", "ONE", [])
    journal.done(entry)
    assert journal.find(tmp_path / "s", "key") == entry
    journal.begin(tmp_path / "s")
    assert journal.find(tmp_path / "s", "key") is None


def test_a_folder_keeps_to_one_key_for_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal(tmp_path / "out").open()
    Journal(tmp_path / "out").open()
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "another machine"))
    with pytest.raises(UserError, match=r"pseudonym\.key.*--out"):
        Journal(tmp_path / "out").open()
