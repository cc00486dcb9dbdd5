"""A network that was trained for real is built again, from private raw data, and has the same weights."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.project import Project

MODEL = "lv-segmentation"


@pytest.fixture(scope="module")
def client(trained: Project) -> MlflowClient:
    """Return the tracking store of the project."""
    return MlflowClient(f"sqlite:///{trained.root}/mlflow/mlflow.db")


@pytest.fixture(scope="module")
def dense(client: MlflowClient) -> Run:
    """Return the run that trained the dense network."""
    (run,) = [run for run in runs(client) if run.data.tags["lvseg.model"] == "dense"]
    return run


def runs(client: MlflowClient) -> list[Run]:
    return list(client.search_runs([client.get_experiment_by_name(MODEL).experiment_id]))


@pytest.fixture
def registered(trained: Project, client: MlflowClient, dense: Run) -> Iterator[Callable[..., str]]:
    """Return what registers the run as if the commit after it had trained it, tags changed; it returns the version."""
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    tags = {name: value for name, value in dense.data.tags.items() if name.startswith("lvseg.")}
    assert tags["lvseg.git_dirty"] == "true", "it was trained before there was a commit"
    commit = trained.run("git", "rev-parse", "HEAD").strip()
    made: list[str] = []

    def register(**changed: str) -> str:
        own = {"git_commit": commit, "git_dirty": "false", **changed}
        all_tags = tags | {f"lvseg.{name}": value for name, value in own.items()}
        version = client.create_model_version(MODEL, dense.info.artifact_uri, dense.info.run_id, all_tags)
        made.append(str(version.version))
        return made[-1]

    yield register
    for version in made:
        client.delete_model_version(MODEL, version)


@pytest.fixture
def temporary(trained: Project, client: MlflowClient, tmp_path: Path) -> Iterator[str]:
    """Return the folder for temporary files, and see to it that nothing is left there or elsewhere."""
    before = [run.info.run_id for run in runs(client)]
    yield str(tmp_path)
    assert list(tmp_path.iterdir()) == [] and [run.info.run_id for run in runs(client)] == before
    assert len(trained.run("git", "worktree", "list").splitlines()) == 1


def test_the_same_weights_come_out(
    trained: Project, dense: Run, registered: Callable[..., str], temporary: str
) -> None:
    version = registered()
    said = trained.python("-m", "tasks.reproduce", f"v{version}", TMPDIR=temporary)
    for stage in ("extract", "split", "train-dense"):
        assert f"Running stage '{stage}'" in said
    weights = dense.data.tags["lvseg.weights_hash"]
    assert f"weights  the same   {weights}" in said and said.endswith(f"{MODEL} v{version} is the same\n")


def test_what_differs_is_told_and_ends_with_an_error(
    trained: Project, registered: Callable[..., str], temporary: str
) -> None:
    version = registered(split_hash="0" * 64)
    said = trained.python("-m", "tasks.reproduce", version, TMPDIR=temporary, fails=True)
    assert f"split    DIFFERENT  recorded {'0' * 64}, built again " in said
    assert said.endswith(f"error: {MODEL} v{version} is DIFFERENT: split\n")
