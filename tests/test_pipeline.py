"""The pipeline as people use it: real DVC, real git, a tiny phantom as raw data of one's own.

First run, second run, a colleague's clone, one more patient, an experiment. The patients' ids are not public.
"""

import json
import re
import shutil
from pathlib import Path

from tests.modes import others_may_read
from tests.project import RAW, Project


def test_first_run_compares_the_models(trained: Project) -> None:
    metrics = trained.metrics()
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
    assert not (trained.root / "data/phantom").exists(), "a run on real data makes no phantom"
    assert (trained.root / "reports/index.html").stat().st_size > 1000


def test_models_are_compared_on_one_page_and_only_committed_ones_can_be_champion(trained: Project) -> None:
    said = trained.python("-m", "tasks.compare")
    assert "minus" in said and all(name in said for name in ("cnn", "dense", "unet"))
    page = (trained.root / "comparison.html").read_text()
    assert page.count("data:image/png;base64,") == 2, "patients, and slices on which the models differ"
    assert "no commit holds" in trained.python("-m", "tasks.promote")


def test_nothing_that_is_stored_or_shown_tells_of_a_patient(trained: Project) -> None:
    said = trained.python("-m", "tasks.privacy")
    values, kinds = re.search(r"looked for ([\d,]+) values \((.*)\)", said).groups()  # type: ignore[union-attr]
    assert int(values.replace(",", "")) > 150 and len(kinds.split(", ")) == 9  # all kinds of values
    assert "FOUND" not in said and "MLflow, all runs: " in said


def test_what_a_run_leaves_is_its_owners_alone(trained: Project) -> None:
    """Whatever umask it was started with: outs, kept state, the tracking store; DVC's cache has that of `dvc add`."""
    for name in (
        "data/shards",
        "data/quality",
        "models",
        "training",
        "reports",
        "scores",
        ".lvseg",
        "mlflow/artifacts",
    ):
        assert others_may_read(trained.root / name) == [], name
    single = ("data/index.csv", "data/split.csv", "dvc.lock", "mlflow/mlflow.db", ".lvseg")
    assert [name for name in single if (trained.root / name).stat().st_mode & 0o077] == []


def test_second_run_does_nothing_and_imports_little(trained: Project) -> None:
    said = trained.python("-m", "tasks.repro", PYTHONPROFILEIMPORTTIME="1")
    assert "Running stage" not in said
    assert "Tested on" in said and "reports/index.html" in said
    imported = {line.split("|")[-1].strip() for line in said.splitlines() if line.startswith("import time:")}
    assert {"dvc", "lvseg.params"} <= imported
    assert not imported & {"tensorflow", "keras", "mlflow", "prefect", "pandas", "matplotlib"}


def test_metrics_plots_and_tables_of_dvc(trained: Project, tmp_path: Path) -> None:
    shown = json.loads(trained.dvc("metrics", "show", "--json"))
    assert "dice_slice_mean" in json.dumps(shown)
    trained.dvc("plots", "show", "--out", str(tmp_path / "plots"))
    assert (tmp_path / "plots/index.html").is_file()


def test_a_colleague_gets_the_same_table_without_training(trained: Project, tmp_path: Path) -> None:
    colleague = trained.clone(tmp_path)
    assert "dvc pull" in colleague.python("-m", "tasks.repro", fails=True)
    colleague.dvc("pull", "--quiet")
    said = colleague.python("-m", "tasks.repro")
    assert "Running stage" not in said
    assert colleague.metrics() == trained.metrics()
    left, pulled = (
        {path.name for path in (one.root / "reports").glob("*.*")} for one in (trained, colleague)
    )
    assert pulled == left
    assert colleague.run("git", "status", "--porcelain") == ""


def test_untracked_raw_data_is_refused_with_the_command(trained: Project, tmp_path: Path) -> None:
    other = trained.clone(tmp_path)
    (other.root / "data/mine").mkdir()
    other.set({"data": {"raw": "data/mine"}})
    said = other.python("-m", "tasks.repro", fails=True)
    assert said.startswith("error: data.raw: data/mine is not tracked by DVC: run `dvc add data/mine`")
    assert said.count("\n") == 1


def test_one_more_patient_redoes_only_what_depends_on_it(trained: Project, tmp_path: Path) -> None:
    site = trained.copy(tmp_path)  # another key would give all patients other pseudonyms
    before = site.shards()
    shutil.copytree(trained.root.parent / "held-back", site.root / RAW, dirs_exist_ok=True)
    site.dvc("add", "--quiet", RAW)
    said = site.dvc("repro", "split")
    assert "Running stage 'extract'" in said and "Running stage 'split'" in said
    after = site.shards()
    assert len(after) == len(before) + 1
    assert {name: after[name] for name in before} == before
    waiting = json.loads(site.dvc("status", "--json"))
    assert {"train-cnn", "train-dense", "train-unet"} <= set(waiting)


def test_an_experiment_trains_only_the_changed_network(trained: Project, tmp_path: Path) -> None:
    mine = trained.copy(tmp_path)
    mine.run("git", "config", "user.name", "A")
    mine.run("git", "config", "user.email", "a@b.c")
    said = mine.dvc("exp", "run", "--name", "longer", "-S", "train_dense.epochs=2", "train-dense")
    assert "Running stage 'train-dense'" in said and "Running stage 'train-cnn'" not in said
    assert json.loads((mine.root / "models/dense/run.json").read_text())["epochs"] == 2
    assert "longer" in mine.dvc("exp", "show", "--csv")
