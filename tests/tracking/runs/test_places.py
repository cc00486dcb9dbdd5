"""Where a store lies: the same one from every worktree, also after the checkout was moved or copied."""

import os
import shutil
from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from lvseg.core.paths import places
from tests.tracking import stub
from tests.tracking.conftest import EXPERIMENT, all_runs
from tracking.model.package import downloaded
from tracking.runs import store as store_module
from tracking.runs.store import open_store, tracking_uri


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("sqlite:///a.db", "sqlite:///{main}/a.db"),
        ("sqlite:///./b/a.db", "sqlite:///{main}/b/a.db"),
        ("mlruns", "{main}/mlruns"),
        ("./mlruns", "{main}/mlruns"),
        ("file:mlruns", "file:{main}/mlruns"),
        ("sqlite:////x/a.db", "sqlite:////x/a.db"),
        ("file:///x", "file:///x"),
        ("/x", "/x"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("postgresql+psycopg:///", "postgresql+psycopg:///"),
        ("databricks", "databricks"),
    ],
)
def test_a_relative_address_starts_at_the_main_worktree(
    given: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # as the workspace of a flow run, or of an experiment of DVC
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert tracking_uri() == wanted.format(main=places.main_worktree())
    monkeypatch.setenv("LVSEG_HOME", "state")
    assert places.state_home() == places.main_worktree().resolve() / "state"


def test_a_path_that_no_address_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(store_module, "main_worktree", lambda: Path("/data/what?/lvseg"))
    with pytest.raises(UserError, match=r"what\?.*move the checkout"):
        tracking_uri()
    monkeypatch.setattr(store_module, "main_worktree", lambda: Path("/data/a #b%20/lvseg"))
    assert tracking_uri() == "sqlite:////data/a #b%20/lvseg/mlflow/mlflow.db"


@pytest.mark.parametrize("kept", [True, False], ids=["copied", "moved"])
def test_a_checkout_elsewhere_writes_and_finds_its_files_there(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stub.run_stage(1)
    before = sorted((project / "mlflow/artifacts").rglob("*"))
    there = tmp_path / "elsewhere #1"
    (shutil.copytree if kept else shutil.move)(project, there)
    monkeypatch.chdir(there)
    monkeypatch.setenv("LVSEG_HOME", str(there / ".lvseg"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{there}/mlflow/mlflow.db")
    store = open_store(EXPERIMENT)
    assert capfd.readouterr().err.count("the addresses of its runs' files follow it") == 1
    assert open_store(EXPERIMENT) and capfd.readouterr().err == ""
    (run,) = all_runs(store)
    assert run.info.artifact_uri.startswith((there / "mlflow/artifacts").as_uri())
    if kept:
        shutil.rmtree(project / "mlflow/artifacts")
    assert (downloaded(run.data.tags["lvseg.model_uri"], tmp_path / "model") / "run.json").is_file()
    stub.run_stage(2)
    assert not (project / "mlflow/artifacts").exists(), "the old place got files"
    assert len(before) < len(list((there / "mlflow/artifacts").rglob("*")))


def test_artifacts_that_somebody_keeps_elsewhere_stay_there(project: Path, tmp_path: Path) -> None:
    import mlflow

    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    client.create_experiment(EXPERIMENT, artifact_location=(tmp_path / "disk/lvseg").as_uri())
    store = open_store(EXPERIMENT)
    assert store.client.get_experiment(store.experiment_id).artifact_location.endswith("disk/lvseg")


@pytest.mark.parametrize("out", ["models/cnn", "training/cnn"])
def test_a_link_in_place_of_an_out_is_refused_before_the_training(
    project: Path, tmp_path: Path, out: str
) -> None:
    (tmp_path / "disk").mkdir()
    (project / out).parent.mkdir()
    (project / out).symlink_to(tmp_path / "disk")
    with pytest.raises(UserError, match=f"{out} is a link to .*disk.*dvc cache dir"):
        stub.run_stage(1)
    assert stub.calls == [] and all_runs() == []
