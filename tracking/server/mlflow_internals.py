"""What we use of MLflow although MLflow does not promise to keep it: names of tags, pages, modules, settings.

All of it is here, and `tests/tracking/server/test_mlflow_internals.py` says what broke when a new MLflow changes it.
MLflow itself is imported only where it is called: what trains a model reads these names, too.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

# Tags that MLflow's pages show in a place of their own.
RUN_NAME = "mlflow.runName"
DESCRIPTION = "mlflow.note.content"
SOURCE_TYPE = "mlflow.source.type"
SOURCE_NAME = "mlflow.source.name"
GIT_COMMIT = "mlflow.source.git.commit"
LOGGED_TABLES = "mlflow.loggedArtifacts"
DATASET_CONTEXT = "mlflow.data.context"
_SHARED_VIEW = "mlflow.sharedViewState."

SYSTEM_MEMORY = "system/system_memory_usage_megabytes"  # the metric of the system monitor

# What MLflow itself would wait for a silent server is about ten minutes. A user's own setting wins.
QUICK = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds without a byte
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
# A server that stores an upload elsewhere answers only when that is done.
PATIENT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "120", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}

_patience_lock = threading.Lock()
_patient_blocks = 0  # under way now, in any thread
_raised: dict[str, str] = {}  # the settings that the first of them changed


@contextmanager
def patience() -> Iterator[None]:
    """Give the uploads of the block the time that they need; settings of the user stay.

    MLflow reads these settings from the environment at each request, and no call of its client that uploads a file
    takes them as arguments; it may upload from threads of its own, which a context variable would not reach. So the
    environment of the process changes, for as long as any thread is in such a block: a request of another thread
    may then wait longer than it would, never shorter. Blocks may overlap and lie within each other.
    """
    global _patient_blocks
    with _patience_lock:
        if _patient_blocks == 0:
            _raised.update(
                {name: value for name, value in PATIENT.items() if os.environ.get(name) == QUICK[name]}
            )
            os.environ.update(_raised)
        _patient_blocks += 1
    try:
        yield
    finally:
        with _patience_lock:
            _patient_blocks -= 1
            if _patient_blocks == 0:
                # What somebody has set meanwhile is theirs.
                quick = {
                    name: QUICK[name] for name, value in _raised.items() if os.environ.get(name) == value
                }
                os.environ.update(quick)
                _raised.clear()


def tables_tag(paths: Sequence[str]) -> dict[str, str]:
    """Return the tag by which MLflow's pages offer tables among the artifacts of runs side by side.

    Args:
        paths: of the tables among the artifacts, as `MlflowClient.log_table` writes them.
    """
    return {LOGGED_TABLES: json.dumps([{"path": path, "type": "table"} for path in paths])}


def run_route(experiment_id: str, run_id: str) -> str:
    """Return the address of the page of a run on any MLflow server, from `#` on."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def picture_address(run_id: str, path: str) -> str:
    """Return where a page of MLflow finds a picture among the artifacts of a run."""
    return f"get-artifact?path={path}&run_uuid={run_id}"


def shared_view(experiment_id: str, key: str, columns: Sequence[str]) -> tuple[str, str, str]:
    """Return how a list of runs is kept as MLflow's own button "share" keeps it, and its address.

    Args:
        experiment_id: of the experiment whose runs are listed.
        key: names the view within its experiment.
        columns: the columns to show, such as "metrics.`loss`"; the runs are ranked by the first, highest first.

    Returns:
        The tag of the experiment, its value, and the address on any server of the store, from `#` on.
    """
    state = {
        "searchFilter": "",
        "orderByKey": columns[0],
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": list(columns),
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runListHidden": False,
        "viewMaximized": False,
        "isAccordionReordered": False,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "globalLineChartConfig": {},
        "runsHiddenMode": "FIRST_10_RUNS",
        "runsVisibilityMap": {},
        "compareRunCharts": [],
        "compareRunSections": [],
        "chartsSearchFilter": "",
    }
    address = f"#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={key}"
    return f"{_SHARED_VIEW}{key}", json.dumps(state), address


def system_monitor(run_id: str, tracking_uri: str) -> Any:
    """Return what logs the load of this machine to a run from `start()` to `finish()`, in a thread of its own."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    return SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=tracking_uri)


def upgrade_database(address: str) -> None:
    """Make MLflow's tables in a database, or bring them to the version of this MLflow."""
    from mlflow.db import commands

    commands.main(["upgrade", address], standalone_mode=False)


def artifact_repository(address: str) -> "ArtifactRepository":
    """Return the store of artifacts at an address, a folder or such as `s3://bucket/folder`."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(address)
