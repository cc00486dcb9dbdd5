"""Write a kept record into a tracking store: the one way by which a finished training gets there.

Every step first looks whether it is done, so a record may be published again after an interruption, by
another process, or beside a live run that already holds most of it.
"""

import csv
import json
from pathlib import Path

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag

from lvseg.core.hashes import tree_hash
from tracking.model.package import log_model
from tracking.runs import mlflow_runs
from tracking.runs.record import Record, read
from tracking.runs.store import Store
from tracking.server.mlflow_internals import DATASET_CONTEXT, GIT_COMMIT, patience

BATCH = 1000  # MLflow takes no more metrics in one call
_ORIGIN = ("lvseg.git_commit", "lvseg.git_dirty", GIT_COMMIT, "lvseg.flow_run")


def publish(folder: Path, store: Store) -> str:
    """Complete the run of a kept record in `store`; return the id of the run, which may be an older one."""
    record = read(folder)
    mlflow_runs.mark_dead(store)  # a run whose process ended during an outage still says RUNNING
    run = (
        mlflow_runs.find(store, record.fingerprint, record.weights_hash)
        or mlflow_runs.find_open(store, record.fingerprint)
        or mlflow_runs.create(store, record)
    )
    run_id = str(run.info.run_id)
    if run.data.tags.get("lvseg.git_dirty") == "true" and _from_a_commit(record):
        # The same weights once more, now from what a commit holds: from here on they lead back to it.
        mlflow_runs.set_tags(store, run_id, {key: record.tags[key] for key in _ORIGIN if key in record.tags})
    with patience():
        if run.data.tags.get("lvseg.complete") != record.weights_hash:
            _training(folder, record, store, run)
        if (folder / "evaluation").is_dir():
            _evaluation(folder / "evaluation", store, run_id)
        if (folder / "report").is_dir():
            _report(folder / "report", store, run_id)
    return run_id


def _from_a_commit(record: Record) -> bool:
    """Return whether a training was seen to end whose code and parameters a commit holds."""
    return record.ended_ms is not None and record.tags["lvseg.git_dirty"] == "false"


def _training(folder: Path, record: Record, store: Store, run: Run) -> None:
    """Log everything that the training left: params, tags, epochs, data set, files, model, end."""
    client, run_id = store.client, run.info.run_id
    summary = json.loads((folder / "model" / "run.json").read_text(encoding="utf-8"))
    params = {**record.params, "parameters": str(summary["parameters"])}
    tags = {**record.tags, "lvseg.weights_hash": record.weights_hash}
    client.log_batch(
        run_id,
        params=[Param(key, value) for key, value in params.items() if key not in run.data.params],
        tags=[RunTag(key, value) for key, value in tags.items() if key not in run.data.tags],
    )
    _epochs(folder, record, store, run_id)
    timing = folder / "training" / "timing.json"
    if timing.is_file() and "train_seconds" not in run.data.metrics:
        facts = json.loads(timing.read_text(encoding="utf-8"))
        client.log_metric(run_id, "train_seconds", facts["seconds"])
        client.set_tag(run_id, "lvseg.device", facts["device"])
    # A folder that DVC tracks, named by its path in the repository and its hash.
    data = Dataset(
        record.dataset["name"],
        record.dataset["digest"],
        source_type="dvc",
        source=json.dumps(record.dataset["source"]),
    )
    client.log_inputs(run_id, [DatasetInput(data, [InputTag(DATASET_CONTEXT, "training")])])
    for name in ("run.json", "history.csv"):
        client.log_artifact(run_id, str(folder / "model" / name), "training")
    client.log_artifacts(run_id, str(folder / "training"), "training")
    model = log_model(folder / "model", record, store, run_id, summary["epochs"])
    mlflow_runs.set_tags(
        store, run_id, {"lvseg.model_uri": model.model_uri, "lvseg.complete": record.weights_hash}
    )
    client.set_terminated(run_id, "FINISHED", end_time=record.ended_ms or mlflow_runs.now_ms())


def _epochs(folder: Path, record: Record, store: Store, run_id: str) -> None:
    """Log the epochs of `history.csv` that the run does not have yet."""
    known = mlflow_runs.logged_epochs(store, run_id)
    batch: list[Metric] = []
    with (folder / "model" / "history.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            number = int(row.pop("epoch"))
            values = {key: float(value) for key, value in row.items() if value}  # empty: undefined
            if number not in known:
                when = record.epochs_ms.get(str(number)) or record.ended_ms or mlflow_runs.now_ms()
                batch += mlflow_runs.epoch_metrics(number, values, when)
    for start in range(0, len(batch), BATCH):
        store.client.log_batch(run_id, metrics=batch[start : start + BATCH])


def _evaluation(folder: Path, store: Store, run_id: str) -> None:
    """Log scores and tables of the evaluation, unless the run has exactly these."""
    content = tree_hash(folder)
    run = store.client.get_run(run_id)
    if run.data.tags.get("lvseg.evaluation") == content:
        return
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    model_id = run.data.tags["lvseg.model_uri"].removeprefix("models:/")
    now = mlflow_runs.now_ms()
    metrics = [
        Metric(key, value, now, 0, model_id=model_id, run_id=run_id)
        for key, value in scores["metrics"].items()
        if run.data.metrics.get(key) != value
    ]
    store.client.log_batch(run_id, metrics=metrics)
    store.client.log_artifacts(run_id, str(folder / "files"))
    mlflow_runs.set_tags(store, run_id, {"lvseg.test_hash": scores["test_hash"], "lvseg.evaluation": content})


def _report(folder: Path, store: Store, run_id: str) -> None:
    """Log page and pictures, unless the run has exactly these."""
    content = tree_hash(folder)
    if store.client.get_run(run_id).data.tags.get("lvseg.report") != content:
        store.client.log_artifacts(run_id, str(folder))
        mlflow_runs.set_tags(store, run_id, {"lvseg.report": content})
