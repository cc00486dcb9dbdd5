"""The model card of a registered version: in short as its description, in full as a page in its run."""

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.card.card_page import render, summary
from lvseg.card.facts import Facts
from lvseg.core.paths.places import ROOT
from tracking.registry.living_run import required_run
from tracking.registry.version_tags import tags_of
from tracking.runs.store import Store
from tracking.scores.results import result_of
from tracking.server.mlflow_internals import patience, run_route

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

FOLDER = "card"
_PICTURES = {name: f"pictures/{name}.png" for name in ("overlays", "agreement")}


def write_card(store: Store, version: "ModelVersion") -> None:
    """Write the model card of a version; once more gives the same card, or one that tells what changed since.

    Raises:
        UserError: its run was never evaluated, or is gone.
    """
    client = store.client
    version = client.get_model_version(version.name, version.version)  # with the tags that it has by now
    run = required_run(store, version)
    told, page = facts_of(store, version, run), f"v{version.version}.html"
    with tempfile.TemporaryDirectory() as folder, patience():
        path = Path(folder) / page
        path.write_text(render(told, _pictures(store, run, Path(folder))), encoding="utf-8")
        client.log_artifact(run.info.run_id, str(path), FOLDER)
    address = f"{run_route(run.info.experiment_id, run.info.run_id)}/artifacts/{FOLDER}/{page}"
    description = summary(told, f"[{FOLDER}/{page}]({address}) among the artifacts of its run")
    if version.description != description:
        client.update_model_version(version.name, version.version, description)


def facts_of(store: Store, version: "ModelVersion", run: "Run") -> Facts:
    """Return what a version and its run say.

    Raises:
        UserError: the run was never evaluated.
    """
    result = result_of(store, run)
    both = {**run.data.tags, **tags_of(version)}  # what the version says counts
    tags = {name.removeprefix("lvseg."): value for name, value in both.items() if name.startswith("lvseg.")}
    # Of a model out of DVC's cache the run begins when it was logged.
    seen = None if tags.get("restored") == "true" else run.info.start_time / 1000
    return Facts(
        title=f"{version.name} v{version.version}",
        network=tags["model"],
        dataset=next((str(used.dataset.name) for used in run.inputs.dataset_inputs), ""),
        params=run.data.params,
        tags=tags | {"test_hash": result.test_hash},  # of the figures that are shown
        metrics=run.data.metrics,
        trained=None if seen is None else time.strftime("%Y-%m-%d", time.gmtime(seen)),
        patients=result.patients,
        slices=result.slices,
        decision=json.loads(tags.get("decision", "{}")),
        licence=next((path.name for path in sorted(ROOT.glob("LICEN[CS]E*"))), None),
    )


def _pictures(store: Store, run: "Run", folder: Path) -> dict[str, bytes]:
    """Return those pictures of a run that a card shows."""
    there = [entry.path for entry in store.client.list_artifacts(run.info.run_id, "pictures")]
    return {
        name: Path(store.client.download_artifacts(run.info.run_id, path, str(folder))).read_bytes()
        for name, path in _PICTURES.items()
        if path in there
    }
