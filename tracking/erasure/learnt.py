"""Which models learnt from a patient, by the shards and the split that their runs recorded."""

import csv
from typing import TYPE_CHECKING

from lvseg.erasure.patient import Patient
from lvseg.labels.layouts import key_of
from tracking.erasure.dvc_history import Entry, State
from tracking.erasure.dvc_objects import Objects
from tracking.erasure.runs import every_run
from tracking.runs.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

_DATA = {"raw": "raw", "shards": "data/shards", "split": "data/split.csv"}
_SAID = {
    "train": "learnt from him",
    "validation": "was watched on him while it learnt (validation), or learnt from him where its preset does",
    "test": "was tested on him",
}
_UNKNOWN = "cannot be said: its split is in neither DVC's cache nor a remote"


def data_state(run: "Run") -> State:
    """Return the data that a run recorded, by DVC's hashes."""
    tags = run.data.tags
    return frozenset(
        Entry(path, oid)
        for name, path in _DATA.items()
        for oid in tags.get(f"lvseg.dvc.{name}", "").split(",")  # raw data may lie in several places
        if oid
    )


def who_learnt(store: Store, objects: Objects, patient: Patient) -> list[str]:
    """Return a line for each trained model that knew the patient, or of which that cannot be said."""
    versions: dict[str, list[str]] = {}
    for version in store.client.search_model_versions(max_results=10_000):
        aliases = "".join(f", {alias}" for alias in version.aliases)
        versions.setdefault(version.run_id, []).append(f"{version.name} v{version.version}{aliases}")
    lines = []
    for run in every_run(store):
        split = run.data.tags.get("lvseg.dvc.split")
        if "lvseg.weights_hash" not in run.data.tags or split is None:
            continue
        part = _part(objects, split, patient)
        if part is not None:
            registered = "; ".join(versions.get(run.info.run_id, []))
            said = f"{run.info.run_name} ({run.info.run_id[:12]}{f'; {registered}' if registered else ''})"
            lines.append(f"{said}: {_SAID.get(part, _UNKNOWN)}")
    return sorted(lines)


def _part(objects: Objects, split: str, patient: Patient) -> str | None:
    """Return the part of a split that a patient is in; "" where that cannot be known, None where he is in none."""
    keys = {key_of(name) for name in patient.names}
    with objects.opened(split) as path:
        if path is None:
            return ""
        with path.open(newline="", encoding="utf-8") as file:
            parts = [row["part"] for row in csv.DictReader(file) if key_of(row["patient"]) in keys]
    return parts[0] if parts else None
