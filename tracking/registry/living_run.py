"""The run that stands behind a version of the registered model, whatever became of the one it was registered from."""

from typing import TYPE_CHECKING

from tracking.runs import mlflow_runs
from tracking.runs.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

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


def title_of(store: Store, version: "ModelVersion") -> str:
    """Return the name of the training of a version, also where no run is left of it."""
    run = living_run(store, version)
    if run is not None:
        return str(run.info.run_name)
    return f"{version.tags.get('lvseg.model', 'unknown')} {version.tags.get(SAME[0], '')[:6]}".strip()
