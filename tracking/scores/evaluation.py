"""Add scores and report of each model to its run; a model whose run is missing from this store gets one."""

import csv
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lvseg import params
from tracking.provenance.training_origin import training_record
from tracking.runs.delivery import record_training
from tracking.runs.store import open_store

RENAMED = {"dice_slice_mean": "dice", "ef_mae_pp": "ef_mae"}  # the first ranks models
TABLES = ("per_slice.csv", "per_patient.csv")
REPORT = "report.html"


def log_scores(models: Mapping[str, Path], reports: Path) -> None:
    """Log scores and tables of every model, as far as the tracking store can be reached.

    Args:
        models: the folder of each model, `models/<name>`.
        reports: the folder with `metrics.json` and the tables of the evaluation.

    Raises:
        UserError: the store is out of reach and `tracking.required` is set.
    """
    from tracking.scores.description import describe, pipeline_of

    settings = params.load()
    results = json.loads((reports / "metrics.json").read_text(encoding="utf-8"))
    summaries = {name: _summary(folder) for name, folder in models.items()}
    weights = {name: summary["weights_hash"] for name, summary in summaries.items()}
    pipeline = pipeline_of(weights, results["test"]["hash"])
    for name, folder in models.items():
        with tempfile.TemporaryDirectory() as temporary:
            evaluation = Path(temporary)
            scores = {
                "metrics": _flat(results["models"][name]),
                "test_hash": results["test"]["hash"],
            }
            (evaluation / "scores.json").write_text(json.dumps(scores, sort_keys=True), encoding="utf-8")
            _tables(name, reports, evaluation / "files" / "evaluation")
            run_id = _add(settings, folder, summaries[name], {"evaluation": evaluation})
        if run_id:
            store, data = open_store(settings.tracking.experiment), settings.data.name
            describe(store, run_id, results["models"][name], results["test"], pipeline, data)


def log_report(models: Mapping[str, Path], page: Path, pictures: Mapping[str, Sequence[Path]]) -> None:
    """Log the page and each model's pictures, as far as the tracking store can be reached.

    Args:
        models: the folder of each model, `models/<name>`.
        page: the report.
        pictures: the files to show with each model's run.

    Raises:
        UserError: the store is out of reach and `tracking.required` is set.
    """
    settings = params.load()
    for name, folder in models.items():
        with tempfile.TemporaryDirectory() as temporary:
            report = Path(temporary)
            for part in ("evaluation", "pictures"):
                (report / part).mkdir()
            shutil.copyfile(page, report / "evaluation" / REPORT)
            for picture in pictures[name]:
                shutil.copyfile(picture, report / "pictures" / picture.name)
            _add(settings, folder, _summary(folder), {"report": report})


def _summary(model: Path) -> dict[str, Any]:
    """Return `run.json` of a model."""
    summary: dict[str, Any] = json.loads((model / "run.json").read_text(encoding="utf-8"))
    return summary


def _add(
    settings: params.Params, model: Path, summary: dict[str, Any], parts: Mapping[str, Path]
) -> str | None:
    """Add parts to the run of a model, which is made if this store lacks it; return its id, None if it waits."""
    record = training_record(settings, summary)
    # Only a run that this very record creates gets the tag: one that exists keeps the tags it has.
    record = replace(record, tags={**record.tags, "lvseg.restored": "true"})
    training = Path("training") / str(summary["model"])
    return record_training(record, model, training, parts, required=settings.tracking.required)


def _flat(scores: dict[str, Any], prefix: str = "test") -> dict[str, float]:
    """Return nested scores as metrics `test/...`; what is undefined (null, NaN) is left out."""
    metrics: dict[str, float] = {}
    for key, value in scores.items():
        name = f"{prefix}/{RENAMED.get(key, key)}"
        if isinstance(value, dict):
            metrics.update(_flat(value, name))
        elif isinstance(value, int | float) and value == value:
            metrics[name] = value
    return metrics


def _tables(model: str, reports: Path, target: Path) -> None:
    """Write a model's rows of the tables of the evaluation."""
    target.mkdir(parents=True)
    for name in TABLES:
        with (
            (reports / name).open(newline="", encoding="utf-8") as source,
            (target / name).open("w", newline="", encoding="utf-8") as file,
        ):
            rows = csv.DictReader(source)
            table = csv.DictWriter(file, rows.fieldnames or [])
            table.writeheader()
            table.writerows(row for row in rows if row.get("model", model) == model)
        _as_table(target / name)


def _as_table(path: Path) -> None:
    """Write a table beside itself in the form of MLflow's `log_table`, whose pages put runs side by side."""
    import pandas as pd

    table = pd.read_csv(path, dtype={"patient": str, "group": str}, keep_default_na=False, na_values=[""])
    text = table.to_json(orient="split", index=False)
    path.with_suffix(".json").write_text(text, encoding="utf-8")
