"""Runs of MLflow, found by tag: who owns one, which one continues, which one died without a word."""

import os
import socket
import time

import psutil
from mlflow.entities import Metric, Run, RunTag

from tracking.runs.record import Record
from tracking.runs.store import Store

CLOCK_TOLERANCE = 2.0  # seconds; the start time of a process is derived from the clock and shifts with it


def now_ms() -> int:
    """Return Unix time in milliseconds, as MLflow wants it."""
    return int(time.time() * 1000)


def owner_tags() -> dict[str, str]:
    """Return the tags that tell which process writes a run."""
    return {
        "lvseg.host": socket.gethostname(),
        "lvseg.pid": str(os.getpid()),
        "lvseg.pid_started": f"{psutil.Process().create_time():.2f}",
    }


def find(store: Store, fingerprint: str, weights_hash: str) -> Run | None:
    """Return the run of a training that has ended with these weights, the oldest if there were several."""
    return next(iter(_search(store, fingerprint, weights_hash)), None)


def find_open(store: Store, fingerprint: str) -> Run | None:
    """Return the run of a training of these inputs that has not ended and that no other process writes."""
    me = owner_tags().items()
    open_runs = [
        run
        for run in _search(store, fingerprint)
        if "lvseg.weights_hash" not in run.data.tags
        and (run.info.status != "RUNNING" or me <= run.data.tags.items())
    ]
    return open_runs[-1] if open_runs else None


def create(store: Store, record: Record) -> Run:
    """Create the run of a training that starts, or started when the record says so."""
    return store.client.create_run(
        store.experiment_id,
        start_time=record.started_ms or now_ms(),
        tags={**record.tags, **owner_tags()},
        run_name=record.title,
    )


def set_tags(store: Store, run_id: str, tags: dict[str, str]) -> None:
    """Set several tags in one call."""
    store.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])


def logged_epochs(store: Store, run_id: str) -> set[int]:
    """Return the epochs that a run has; the metrics of an epoch arrive in one call, so one metric tells."""
    return {entry.step for entry in _losses(store, run_id)}


def epoch_metrics(number: int, metrics: dict[str, float], timestamp_ms: int) -> list[Metric]:
    """Return the metrics of one epoch as MLflow takes them, by the names of `_metric`."""
    return [Metric(_metric(key), value, timestamp_ms, number) for key, value in metrics.items()]


def _metric(name: str) -> str:
    """Return what a metric of `history.csv` is called in MLflow: `train/dice`, `validation/dice`.

    Not by its bare name: MLflow's pages sort names, and would put the Dice of the training first, by which an
    overfitted model leads.
    """
    return f"validation/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}"


def _losses(store: Store, run_id: str) -> list[Metric]:
    """Return the losses of the epochs of a run; runs of old have them under the bare name."""
    return [
        entry for name in (_metric("loss"), "loss") for entry in store.client.get_metric_history(run_id, name)
    ]


def mark_dead(store: Store) -> list[str]:
    """Mark as KILLED what still says RUNNING though its process on this host is gone; return the run ids."""
    running = store.client.search_runs(
        [store.experiment_id],
        f"attributes.status = 'RUNNING' and tags.`lvseg.host` = '{socket.gethostname()}'",
        max_results=1000,
    )
    dead = [run for run in running if not _alive(run.data.tags)]
    for run in dead:
        # The end is when it last spoke, not when it was found.
        spoke = [entry.timestamp for entry in _losses(store, run.info.run_id)]
        store.client.set_terminated(run.info.run_id, "KILLED", end_time=max([run.info.start_time, *spoke]))
    return [run.info.run_id for run in dead]


def _search(store: Store, fingerprint: str, weights_hash: str | None = None) -> list[Run]:
    """Return the runs with a fingerprint, and with a weights hash where one is given, oldest first."""
    query = f"tags.`lvseg.fingerprint` = '{fingerprint}'"
    if weights_hash is not None:
        query += f" and tags.`lvseg.weights_hash` = '{weights_hash}'"
    return list(
        store.client.search_runs([store.experiment_id], query, order_by=["attributes.start_time ASC"])
    )


def _alive(tags: dict[str, str]) -> bool:
    """Return whether the process that owns a run still exists; a later one with its number is another."""
    try:
        process = psutil.Process(int(tags["lvseg.pid"]))
        same = abs(process.create_time() - float(tags["lvseg.pid_started"])) <= CLOCK_TOLERANCE
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
