"""A network that was trained for real is built again, from private raw data, and has the same weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.project import Project, working_copy

RAW, MODEL = "data/ours", "lv-segmentation"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A committed project with raw data of its own, whose patients get pseudonyms, and a trained network."""
    project = working_copy(tmp_path_factory.mktemp("reproduce"))
    project.set({"data": {"raw": RAW, "ids_public": False}})
    project.python("-m", "tasks.phantom")
    (project.root / "data/phantom").rename(project.root / RAW)
    project.dvc("add", "--quiet", RAW)
    project.commit("our own data")
    project.dvc("repro", "--quiet", "train-dense")
    return project


@pytest.fixture(scope="module")
def client(project: Project) -> MlflowClient:
    """Two versions of the run, the second with the hash of another split."""
    client = MlflowClient(f"sqlite:///{project.root}/mlflow/mlflow.db")
    (run,) = runs(client)
    tags = {name: value for name, value in run.data.tags.items() if name.startswith("lvseg.")}
    assert tags["lvseg.git_dirty"] == "false"
    client.create_registered_model(MODEL)
    for changed in ({}, {"lvseg.split_hash": "0" * 64}):
        client.create_model_version(MODEL, run.info.artifact_uri, run.info.run_id, tags | changed)
    return client


def runs(client: MlflowClient) -> list:
    return client.search_runs([client.get_experiment_by_name(MODEL).experiment_id])


@pytest.fixture
def temporary(project: Project, client: MlflowClient, tmp_path: Path) -> Iterator[str]:
    """Return the folder for temporary files, and see to it that nothing is left there or elsewhere."""
    yield str(tmp_path)
    assert list(tmp_path.iterdir()) == [] and len(runs(client)) == 1
    assert len(project.run("git", "worktree", "list").splitlines()) == 1


def test_the_same_weights_come_out(project: Project, client: MlflowClient, temporary: str) -> None:
    said = project.python("-m", "tasks.reproduce", "v1", TMPDIR=temporary)
    for stage in ("extract", "split", "train-dense"):
        assert f"Running stage '{stage}'" in said
    weights = client.get_model_version(MODEL, "1").tags["lvseg.weights_hash"]
    assert f"weights  the same   {weights}" in said and said.endswith(f"{MODEL} v1 is the same\n")


def test_what_differs_is_told_and_ends_with_an_error(project: Project, temporary: str) -> None:
    said = project.python("-m", "tasks.reproduce", "2", TMPDIR=temporary, fails=True)
    assert f"split    DIFFERENT  recorded {'0' * 64}, built again " in said
    assert said.endswith(f"error: {MODEL} v2 is DIFFERENT: split\n")
