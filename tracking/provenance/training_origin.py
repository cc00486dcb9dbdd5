"""Where a training comes from: commit, data and code, as facts of its record."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lvseg.core.code.git import git_state
from lvseg.core.paths.places import ROOT
from lvseg.data.examples import SHARDS, SPLIT
from lvseg.params import Params
from tracking.runs.record import Record
from tracking.server import mlflow_internals


def training_record(params: Params, summary: dict[str, Any]) -> Record:
    """Return the record of the training that `run.json` describes, or will describe when it has ended."""
    inputs, fingerprint, raw = summary["inputs"], summary["fingerprint"], params.data.places
    return Record(
        experiment=params.tracking.experiment,
        model=summary["model"],
        stage=summary["stage"],
        fingerprint=fingerprint,
        weights_hash=summary.get("weights_hash", ""),
        params={key: str(value) for key, value in inputs["params"].items()},
        tags=lineage_tags(summary["stage"], summary["model"], fingerprint, inputs, raw),
        dataset=dataset(raw, inputs),
    )


def lineage_tags(
    stage: str, model: str, fingerprint: str, inputs: dict[str, Any], raw: Sequence[Path]
) -> dict[str, str]:
    """Return the tags by which a run leads back to code and data.

    Args:
        inputs: what the fingerprint is a hash of, as `run.json` holds it.
        raw: the places of the raw data, relative to the repository.
    """
    git = git_state(ROOT)
    tags = {
        "lvseg.fingerprint": fingerprint,
        "lvseg.stage": stage,
        "lvseg.model": model,
        "lvseg.git_commit": git.commit or "none",
        "lvseg.git_dirty": str(git.dirty).lower(),
        **{f"lvseg.{name}_hash": inputs[name] for name in ("shards", "split", "code")},
        **{f"lvseg.dvc.{name}": value for name, value in dvc_hashes(raw).items()},
        mlflow_internals.SOURCE_TYPE: "JOB",
        mlflow_internals.SOURCE_NAME: f"dvc repro {stage}",
    }
    if git.commit:
        tags[mlflow_internals.GIT_COMMIT] = git.commit
    if flow_run := os.environ.get("PREFECT__FLOW_RUN_ID"):  # set where a flow started the stage
        tags["lvseg.flow_run"] = flow_run
    return tags


def dataset(raw: Sequence[Path], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return name, digest and source of the data set behind a training, without opening it."""
    source = {"path": SHARDS.as_posix(), "raw": ",".join(map(_public, raw)), **dvc_hashes(raw)}
    # MLflow takes digests of 36 characters at most; the tag lvseg.shards_hash holds the whole.
    name = " + ".join(place.name for place in raw)
    return {"name": name, "digest": inputs["shards"][:36], "source": source}


def dvc_hashes(raw: Sequence[Path]) -> dict[str, str]:
    """Return DVC's hashes of `raw`, `shards` and `split`, as far as DVC has written them down.

    Those of several places of raw data are one text, separated by commas, in their order.
    """
    known: dict[str, str] = {}
    # Outs alone: while a stage runs, what the lock says of its deps is that of the run before.
    for stage in (_yaml(Path("dvc.lock")).get("stages") or {}).values():
        _collect(stage.get("outs", []), known)
    for place in raw:
        for out in _yaml(place.with_name(f"{place.name}.dvc")).get("outs", []):
            _collect([{**out, "path": place.as_posix()}], known)
    wanted = {"shards": SHARDS.as_posix(), "split": SPLIT.as_posix()}
    hashes = {name: known[path] for name, path in wanted.items() if path in known}
    places = [known[place.as_posix()] for place in raw if place.as_posix() in known]
    return {"raw": ",".join(places), **hashes} if len(places) == len(raw) else hashes


def _collect(entries: list[dict[str, Any]], known: dict[str, str]) -> None:
    """Note the hash of every entry of a DVC file that has one."""
    for entry in entries:
        value = entry.get(entry.get("hash", "md5"))
        if value:
            known[str(entry["path"]).rstrip("/")] = str(value)


def _yaml(path: Path) -> dict[str, Any]:
    """Return the content of a DVC file; an absent one is empty."""
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {}


def _public(place: Path) -> str:
    """Return a path that tells nothing of this machine."""
    return place.name if place.is_absolute() else place.as_posix()
