"""Files of runs: no server reads or writes beside its own folder, whatever its store says."""

from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.server import handlers
from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR
from mlflow.store.artifact import artifact_repository_registry as repositories

from tracking.server.artifact_places import is_own, keep_to_own


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a server, which this process is for the time of the test."""
    for module, name in (
        (repositories, "enforce_server_artifact_uri_host_policy"),
        (handlers, "_validate_experiment_artifact_location"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    folder = tmp_path / "artifacts"
    folder.mkdir()
    monkeypatch.setenv(ARTIFACT_ROOT_ENV_VAR, folder.as_uri())
    keep_to_own()
    return folder


def test_a_link_of_another_user_opens_no_file_of_the_owner(root: Path) -> None:
    """An experiment that was made before servers refused such a place."""
    home = root.parent / "home"
    home.mkdir()
    (home / "id_rsa").write_text("private")
    laid = root.parent / "stranger/0123/artifacts"
    laid.parent.mkdir(parents=True)
    laid.symlink_to(home)
    for address in (laid.as_uri(), str(laid), f"{root.as_uri()}/../home", "file:home", "s3://bucket/run"):
        with pytest.raises(MlflowException, match="reads and writes only below"):
            repositories.get_artifact_repository(address)
    (root / "0123").mkdir()
    (root / "0123/own").write_text("file")
    found = repositories.get_artifact_repository((root / "0123").as_uri()).list_artifacts()
    assert [file.path for file in found] == ["own"]


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("s3://bucket/mlflow/1/0123/artifacts", True),
        ("s3://bucket/other", False),
        ("s3://bucket/mlflow/../other", False),
        ("s3://bucket/mlflow/%2e%2e/other", False),
        ("s3://elsewhere/mlflow", False),
        ("mlflow-artifacts:/1/0123/artifacts", True),
        ("mlflow-artifacts://elsewhere/1", False),
        ("/srv/lvseg/mlflow", False),
        ("models:/m-0123", True),
    ],
)
def test_a_bucket_keeps_to_its_folder(address: str, own: bool) -> None:
    assert is_own(address, ["mlflow-artifacts:/", "s3://bucket/mlflow"]) == own
