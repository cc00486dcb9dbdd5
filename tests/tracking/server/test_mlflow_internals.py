"""What we use of MLflow without its promise: each test says what breaks where a new MLflow changed it."""

import inspect
import os
import threading
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Dataset, Experiment
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.utils import mlflow_tags

from tracking.server import migration, mlflow_internals
from tracking.server.mlflow_internals import PATIENT, QUICK, patience

TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("RUN_NAME", "MLFLOW_RUN_NAME"),
        ("DESCRIPTION", "MLFLOW_RUN_NOTE"),
        ("SOURCE_TYPE", "MLFLOW_SOURCE_TYPE"),
        ("SOURCE_NAME", "MLFLOW_SOURCE_NAME"),
        ("GIT_COMMIT", "MLFLOW_GIT_COMMIT"),
        ("LOGGED_TABLES", "MLFLOW_LOGGED_ARTIFACTS"),
        ("DATASET_CONTEXT", "MLFLOW_DATASET_CONTEXT"),
    ],
)
def test_tags_have_the_names_that_the_pages_look_for(ours: str, theirs: str) -> None:
    assert getattr(mlflow_internals, ours) == getattr(mlflow_tags, theirs)


def test_the_pages_know_shared_views_and_how_to_open_one() -> None:
    """Breaks: `make mlflow` opens a list without ranking. The pages are JavaScript: their text must name it."""
    texts = [path.read_text("utf-8") for path in _pages().glob("static/js/**/*.js")]
    for name in (
        "mlflow.sharedViewState.",
        "viewStateShareKey",
        "selectedColumns",
        "orderByKey",
        "get-artifact",
    ):
        assert any(name in text for text in texts), name


def test_uploads_still_read_their_patience_from_the_environment() -> None:
    """Breaks: `patience` changes nothing. Once an upload takes a timeout as an argument, it is of no use."""
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT
    from mlflow.utils.rest_utils import http_request

    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK.items():
            patch.setenv(name, value)
        with patience():
            assert MLFLOW_HTTP_REQUEST_TIMEOUT.get() == 120 and MLFLOW_HTTP_REQUEST_MAX_RETRIES.get() == 2
        assert MLFLOW_HTTP_REQUEST_TIMEOUT.get() == 5 and MLFLOW_HTTP_REQUEST_MAX_RETRIES.get() == 1
    assert inspect.signature(http_request).parameters["timeout"].default is None
    assert "timeout" not in inspect.signature(mlflow.MlflowClient.log_artifact).parameters


def test_patience_lasts_while_any_block_does_and_leaves_users_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "9")  # a user's
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with patience():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with patience():
        thread.start()
        assert inside.wait(10)
        with patience():
            assert os.environ[TIMEOUT] == PATIENT[TIMEOUT]
        assert os.environ[TIMEOUT] == PATIENT[TIMEOUT]
    assert os.environ[TIMEOUT] == PATIENT[TIMEOUT], "the other thread still uploads"
    leave.set()
    thread.join()
    assert os.environ[TIMEOUT] == QUICK[TIMEOUT]
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "9"


def test_patience_ends_with_an_error_and_keeps_what_was_set_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match="gone"), patience():
        raise OSError("gone")
    assert os.environ[TIMEOUT] == QUICK[TIMEOUT]
    with patience():
        os.environ[TIMEOUT] = "77"
    assert os.environ[TIMEOUT] == "77"


def test_the_system_monitor_takes_a_run_and_its_store() -> None:
    """Breaks: no load of the machine beside a training, and no memory in a comparison."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    assert {"run_id", "resume_logging", "tracking_uri"} <= inspect.signature(
        SystemMetricsMonitor
    ).parameters.keys()
    assert callable(SystemMetricsMonitor.start) and callable(SystemMetricsMonitor.finish)
    monitor = CPUMonitor()
    monitor.collect_metrics()
    prefix, _, name = mlflow_internals.SYSTEM_MEMORY.partition("/")
    assert name in monitor.metrics and prefix == "system"


def test_the_tables_have_the_columns_that_a_move_rewrites() -> None:
    """Breaks: `mlflow/to-postgresql` leaves addresses of one machine behind, or what MLflow made at birth."""
    from mlflow.store.tracking.dbmodels.models import Base

    tables = Base.metadata.tables
    for table, columns in migration.LOCATIONS.items():
        assert set(columns) <= set(tables[table].columns.keys()), table
    assert "artifact_location" in tables["experiments"].columns and migration.BIRTH.keys() <= tables.keys()


def test_a_move_finds_the_upgrade_and_the_artifact_store(tmp_path: Path) -> None:
    from mlflow.db import commands

    assert "upgrade" in commands.commands
    repository = mlflow_internals.artifact_repository(str(tmp_path))
    (tmp_path / "file").write_text("four")
    assert [(entry.path, entry.file_size) for entry in repository.list_artifacts(None)] == [("file", 4)]


def test_a_model_is_logged_for_a_named_run_and_without_the_path_of_its_store() -> None:
    """Breaks: `tracking.model.package`, which logs beside an "active" run and hides the store's folder."""
    named = {"artifact_path", "name", "flavor", "run_id", "model_id", "step"}
    assert named <= inspect.signature(Model.log).parameters.keys()
    assert "artifact_path" in inspect.signature(Model).parameters


def test_a_refusal_keeps_its_reason() -> None:
    """Breaks: the answer of a served model repeats what was sent, DICOM header and all."""
    from tracking.model.pyfunc import Refused

    refused = Refused.invalid_parameter_value("frame 1: no pixels")
    refused.message = "Failed to predict data '...'. frame 1: no pixels"
    assert isinstance(refused, MlflowException) and refused.message == "frame 1: no pixels"


def test_facts_of_an_entity_can_be_listed() -> None:
    """Breaks: the search for patients' data sees nothing of experiments, models and versions."""
    experiment = Experiment("1", "name", "file:///place", "active")
    assert dict(experiment)["name"] == "name" and dict(experiment)["artifact_location"] == "file:///place"


def test_a_data_set_is_what_it_was_said_to_be() -> None:
    data = Dataset("phantom", "d" * 36, source_type="dvc", source='{"path": "data/shards"}')
    assert data.to_dictionary() == {
        "name": "phantom",
        "digest": "d" * 36,
        "source_type": "dvc",
        "source": '{"path": "data/shards"}',
        "schema": None,
        "profile": None,
    }


def _pages() -> Path:
    return Path(mlflow.__file__).parent / "server/js/build"
