"""The pipeline as people use it: real DVC, real git, a tiny phantom as raw data of one's own.

The tests go on from one another, so that the networks are trained once: first run, second run, a colleague's
clone, one more patient, an experiment. The patients' ids are not public.
"""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project import Project, working_copy

RAW = "data/sunnybrook"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project as it lies here, with a phantom of five patients added as raw data and everything run."""
    folder = tmp_path_factory.mktemp("pipeline")
    project = working_copy(folder)
    project.set({"data": {"raw": RAW, "ids_public": False}})
    project.python("-m", "tasks.phantom")
    (project.root / "data/phantom").rename(project.root / RAW)
    move_first_patient(project.root / RAW, folder / "held-back")
    project.dvc("add", "--quiet", RAW)
    project.dvc("remote", "add", "--default", "--quiet", "store", str(folder / "remote"))
    project.python("-m", "tasks.repro")
    project.commit("our own data")
    project.dvc("push", "--quiet")
    return project


def move_first_patient(source: Path, target: Path) -> None:
    """Move the folders of one patient: images and contours, under whichever of his two ids."""
    table = next(source.rglob("*patientdata.csv"))
    with table.open(newline="", encoding="utf-8-sig") as file:
        patient = next(csv.DictReader(file))
    found = [path for key in ("PatientID", "OriginalID") for path in source.rglob(patient[key])]
    assert len(found) >= 2, f"images and contours of {patient}"
    for path in found:
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        path.rename(target / path.relative_to(source))


@pytest.fixture
def params_kept(owner: Project) -> Iterator[None]:
    before = (owner.root / "params.yaml").read_text()
    yield
    (owner.root / "params.yaml").write_text(before)


def test_first_run_compares_the_models(owner: Project) -> None:
    metrics = owner.metrics()
    assert set(metrics["models"]) == {"cnn", "dense", "unet"}
    for scores in metrics["models"].values():
        assert {
            "loss",
            "accuracy",
            "dice_smoothed",
            "dice_slice_mean",
            "dice_slice_median",
            "dice_patient_mean",
            "parameters",
        } <= set(scores)
        assert 0 <= scores["dice_slice_mean"] <= 1
    assert {"patients", "slices", "hash", "left_out"} <= set(metrics["test"])
    assert not (owner.root / "data/phantom").exists(), "a run on real data makes no phantom"
    assert (owner.root / "reports/index.html").stat().st_size > 1000


def test_models_are_compared_on_one_page_and_only_committed_ones_can_be_champion(owner: Project) -> None:
    said = owner.python("-m", "tasks.compare")
    assert "minus" in said and all(name in said for name in ("cnn", "dense", "unet"))
    page = (owner.root / "comparison.html").read_text()
    assert page.count("data:image/png;base64,") == 2, "patients, and slices on which the models differ"
    assert "no commit holds" in owner.python("-m", "tasks.promote")


def test_nothing_that_is_stored_or_shown_tells_of_a_patient(owner: Project) -> None:
    said = owner.python("-m", "tasks.privacy")
    values, kinds = re.search(r"looked for ([\d,]+) values \((.*)\)", said).groups()  # type: ignore[union-attr]
    assert int(values.replace(",", "")) > 150 and len(kinds.split(", ")) == 9  # all kinds of values
    assert "FOUND" not in said and "MLflow, all runs: " in said
    (owner.root / "reports/note.txt").write_text("PH-HF-NI-01 was scanned twice")
    assert "1 finds" in owner.python("-m", "tasks.privacy", fails=True)
    (owner.root / "reports/note.txt").unlink()


def test_second_run_does_nothing_and_imports_little(owner: Project) -> None:
    said = owner.python("-m", "tasks.repro", PYTHONPROFILEIMPORTTIME="1")
    assert "Running stage" not in said
    assert "Tested on" in said and "reports/index.html" in said
    imported = {line.split("|")[-1].strip() for line in said.splitlines() if line.startswith("import time:")}
    assert {"dvc", "lvseg.params"} <= imported
    assert not imported & {"tensorflow", "keras", "mlflow", "prefect", "pandas", "matplotlib"}


def test_metrics_plots_and_tables_of_dvc(owner: Project) -> None:
    shown = json.loads(owner.dvc("metrics", "show", "--json"))
    assert "dice_slice_mean" in json.dumps(shown)
    owner.dvc("plots", "show", "--out", str(owner.home / "plots"))
    assert (owner.home / "plots/index.html").is_file()


def test_a_colleague_gets_the_same_table_without_training(owner: Project) -> None:
    colleague = owner.clone("colleague")
    assert "dvc pull" in colleague.python("-m", "tasks.repro", fails=True)
    colleague.dvc("pull", "--quiet")
    said = colleague.python("-m", "tasks.repro")
    assert "Running stage" not in said
    assert colleague.metrics() == owner.metrics()
    assert colleague.run("git", "status", "--porcelain") == ""


@pytest.mark.usefixtures("params_kept")
def test_untracked_raw_data_is_refused_with_the_command(owner: Project) -> None:
    (owner.root / "data/mine").mkdir()
    owner.set({"data": {"raw": "data/mine"}})
    said = owner.python("-m", "tasks.repro", fails=True)
    assert said.startswith("error: data.raw: data/mine is not tracked by DVC: run `dvc add data/mine`")
    assert said.count("\n") == 1


def test_one_more_patient_redoes_only_what_depends_on_it(owner: Project) -> None:
    site = owner.clone("site")
    site.dvc("pull", "--quiet")
    (site.root / ".lvseg").mkdir()
    shutil.copy(
        owner.root / ".lvseg/pseudonym.key", site.root / ".lvseg"
    )  # or all would get other pseudonyms
    before = site.shards()
    shutil.copytree(owner.root.parent / "held-back", site.root / RAW, dirs_exist_ok=True)
    site.dvc("add", "--quiet", RAW)
    said = site.dvc("repro", "split")
    assert "Running stage 'extract'" in said and "Running stage 'split'" in said
    after = site.shards()
    assert len(after) == len(before) + 1
    assert {name: after[name] for name in before} == before
    waiting = json.loads(site.dvc("status", "--json"))
    assert {"train-cnn", "train-dense", "train-unet"} <= set(waiting)


def test_an_experiment_trains_only_the_changed_network(owner: Project) -> None:
    owner.run("git", "config", "user.name", "A")
    owner.run("git", "config", "user.email", "a@b.c")
    said = owner.dvc("exp", "run", "--name", "longer", "-S", "train_cnn.epochs=2", "train-cnn")
    assert "Running stage 'train-cnn'" in said and "Running stage 'train-dense'" not in said
    assert json.loads((owner.root / "models/cnn/run.json").read_text())["epochs"] == 2
    assert "longer" in owner.dvc("exp", "show", "--csv")
