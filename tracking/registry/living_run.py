"""The run that stands behind a version of the registered model, whatever became of the one it was registered from."""

import re
from typing import TYPE_CHECKING

from lvseg.core.errors import UserError
from tracking.registry.versions import MODEL, number_of
from tracking.runs import mlflow_runs
from tracking.runs.store import Store, mlflow_command

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

_OR = "; or, if it is champion, `lvseg rollback` takes it out of use"
SAME = (
    "lvseg.fingerprint",
    "lvseg.weights_hash",
)  # ids of runs are addresses: these say which training it was


def own_run(store: Store, version: "ModelVersion") -> "Run | None":
    """Return the run that a version was registered from, deleted or not; None once `mlflow gc` has removed it."""
    from mlflow.exceptions import MlflowException

    if not version.run_id:
        return None
    try:
        return store.client.get_run(version.run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def living_run(store: Store, version: "ModelVersion") -> "Run | None":
    """Return the run of a version or, if that was deleted, another one of the same training with the same weights."""
    run = own_run(store, version)
    if run is not None and run.info.lifecycle_stage == "active":
        return run
    fingerprint, weights = (version.tags.get(tag) for tag in SAME)
    return mlflow_runs.find(store, fingerprint, weights) if fingerprint and weights else None


def required_run(store: Store, version: "ModelVersion") -> "Run":
    """Return the living run of a version.

    Raises:
        UserError: there is none; the message holds the commands that help.
    """
    run = living_run(store, version)
    if run is not None:
        return run
    title, gone = f"{MODEL} v{number_of(version)}", own_run(store, version)
    if gone is not None:
        restore = mlflow_command(store.uri, f"runs restore --run-id {version.run_id}")
        raise UserError(f"the run of {title} was deleted: {restore} brings it back{_OR}")
    commit = version.tags.get("lvseg.git_commit", "none")[:12]
    raise UserError(
        f"the run {version.run_id} of {title} is gone from this store: `dvc repro --force --single-item evaluate` at "
        f"the commit {commit} logs it anew{_OR}"
    )


def has_model(store: Store, version: "ModelVersion") -> bool:
    """Return whether the model that a version points at was not deleted in MLflow."""
    from mlflow.exceptions import MlflowException

    logged = re.fullmatch(r"models:/(m-\w+)", str(version.source))
    if not logged:
        return True
    try:
        store.client.get_logged_model(logged[1])
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


def title_of(store: Store, version: "ModelVersion") -> str:
    """Return the name of the training of a version, also where no run is left of it."""
    run = living_run(store, version)
    if run is not None:
        return str(run.info.run_name)
    return f"{version.tags.get('lvseg.model', 'unknown')} {version.tags.get(SAME[0], '')[:6]}".strip()
