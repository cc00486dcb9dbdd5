"""Which tracking store records the runs, and how it is opened.

`MLFLOW_TRACKING_URI` decides; without it, it is a SQLite database with an artifact folder in `mlflow/` of the
main worktree. What is out of reach must be found out in seconds: nobody waits minutes to hear it.
"""

import logging
import os
import re
import shlex
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from lvseg.core.environment import reach_loopback
from lvseg.core.errors import UserError
from lvseg.core.own_lines import say
from lvseg.core.paths.places import absolute, main_worktree
from tracking.runs.moved import move_addresses, moved_from
from tracking.server.mlflow_internals import QUICK

if TYPE_CHECKING:
    from mlflow import MlflowClient

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@dataclass(frozen=True)
class Store:
    """An open tracking store and the experiment in it that holds our runs."""

    client: "MlflowClient"
    experiment_id: str
    uri: str


def tracking_uri() -> str:
    """Return the address of the tracking store; a relative path in it starts at the main worktree.

    Raises:
        UserError: the path of the checkout cannot be part of an address.
    """
    chosen = os.environ.get("MLFLOW_TRACKING_URI")
    if chosen:
        relative = re.match(
            r"(sqlite:///(?!/|:memory:)|file:(?!/)|(?![/~]|[\w+.-]+:|databricks))(?=.)", chosen
        )
        if not relative:
            return chosen
        return f"{relative[0]}{absolute(Path(chosen[relative.end() :])).as_posix()}"
    database = main_worktree() / "mlflow" / "mlflow.db"
    if "?" in str(database):
        raise UserError(
            f"{database}: in the address of a database the path ends at `?`: move the checkout, or name a store in "
            "MLFLOW_TRACKING_URI"
        )
    return f"sqlite:///{database.as_posix()}"


def shown(uri: str) -> str:
    """Return an address as it may be printed: without the credentials it may hold."""
    return re.sub(r"//[^/@]*@", "//", uri)


def mlflow_command(uri: str, command: str) -> str:
    """Return a command of MLflow's as a person can type it: it knows nothing of our store unless it is told."""
    return f"`MLFLOW_TRACKING_URI={shlex.quote(shown(uri))} .venv/bin/mlflow {command}`"


def open_store(experiment: str) -> Store:
    """Open the tracking store; create its database and the experiment where they are missing.

    Raises:
        Exception: whatever MLflow raises when the store is out of reach or refuses; see `reason`.
    """
    for name, value in {**QUIET, **QUICK}.items():
        os.environ.setdefault(name, value)
    reach_loopback(os.environ)
    uri = tracking_uri()
    import mlflow

    _hush()
    mlflow.set_tracking_uri(uri)  # what MLflow does beyond the client, such as saving a model, asks this
    database = _database(uri)
    if database:
        database.parent.mkdir(parents=True, exist_ok=True)
    # Processes that meet a fresh database would migrate it at the same time, and all but one would fail.
    with FileLock(f"{database}.lock") if database else nullcontext():
        client = mlflow.MlflowClient(uri)
        experiment_id = _experiment_id(client, experiment, database)
        if database and (old := moved_from(client, experiment_id, database)):
            move_addresses(database, old, _artifacts(database))
            warn(f"{database.parent} was {old} before: the addresses of its runs' files follow it")
        return Store(client, experiment_id, uri)


def _database(uri: str) -> Path | None:
    """Return the file of a SQLite store, or None for another kind of store."""
    match = re.match(r"sqlite:///([^?]+)", uri)
    return Path(match[1]).absolute() if match and match[1] != ":memory:" else None


def _artifacts(database: Path) -> str:
    """Return the address of the folder of artifacts beside a database."""
    return (database.parent / "artifacts").as_uri()


def _experiment_id(client: "MlflowClient", name: str, database: Path | None) -> str:
    """Return the id of the experiment `name`, made if it is missing."""
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        # Beside the database, by absolute path: MLflow's own default follows the current directory.
        artifacts = _artifacts(database) if database else None
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException as error:  # on a server another process may have been faster
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            experiment = client.get_experiment_by_name(name)
    if experiment.lifecycle_stage == "deleted":
        restore = mlflow_command(client.tracking_uri, f"experiments restore -x {experiment.experiment_id}")
        raise RuntimeError(f"the experiment {name} was deleted; bring it back with {restore}")
    return str(experiment.experiment_id)


def _hush() -> None:
    """Keep to our own one-line warnings: silence the notes and retries of the libraries below."""
    for name, level in {
        "mlflow": logging.WARNING,
        "mlflow.system_metrics": logging.CRITICAL,
        "alembic": logging.WARNING,
        "urllib3.connectionpool": logging.ERROR,
    }.items():
        logging.getLogger(name).setLevel(level)


def warn(message: str) -> None:
    """Print one line to stderr."""
    say(f"warning: {message}", sys.stderr)


def reason(error: BaseException) -> str:
    """Return the heart of an error of MLflow in one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    cause = re.search(r"Caused by \w+\((.*)\)\)", text)
    if cause:
        text = str(cause[1]).rpartition(": ")[2].strip("'\"")
    return text if len(text) <= 200 else text[:197] + "..."
