"""Add the evaluation of each model to its run; a model whose run is missing from this store gets one."""

import csv
import json
import shutil
import tempfile
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


def log_evaluation(models: dict[str, Path], reports: Path, pictures: dict[str, list[Path]]) -> None:
    """Log scores, tables and pictures of every model, as far as the tracking store can be reached.

    Args:
        models: the folder of each model, `models/<name>`.
        reports: the folder with `metrics.json`, `index.html` and the tables of the evaluation.
        pictures: the files to show with each model's run.

    Raises:
        UserError: the store is out of reach and `tracking.required` is set.
    """
    from tracking.runs.description import describe, pipeline_of

    settings = params.load()
    results = json.loads((reports / "metrics.json").read_text(encoding="utf-8"))
    summaries = {
        name: json.loads((folder / "run.json").read_text(encoding="utf-8")) for name, folder in models.items()
    }
    weights = {name: summary["weights_hash"] for name, summary in summaries.items()}
    pipeline = pipeline_of(weights, results["test"]["hash"])
    for name, folder in models.items():
        summary = summaries[name]
        record = training_record(settings, summary)
        # Only a run that this very record creates gets the tag: one that exists keeps the tags it has.
        record = replace(record, tags={**record.tags, "lvseg.restored": "true"})
        with tempfile.TemporaryDirectory() as temporary:
            evaluation = Path(temporary)
            scores = {
                "metrics": _flat(results["models"][name]),
                "test_hash": results["test"]["hash"],
            }
            (evaluation / "scores.json").write_text(json.dumps(scores, sort_keys=True), encoding="utf-8")
            _files(name, reports, pictures.get(name, []), evaluation / "files")
            training = Path("training") / name
            run_id = record_training(
                record, folder, training, evaluation, required=settings.tracking.required
            )
        if run_id:
            store, data = open_store(record.experiment), Path(settings.data.raw).name
            describe(store, run_id, results["models"][name], results["test"], pipeline, data)


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


def _files(model: str, reports: Path, pictures: list[Path], target: Path) -> None:
    """Lay out the artifacts of the evaluation: the report, this model's rows of the tables, and the pictures."""
    for folder in ("evaluation", "pictures"):
        (target / folder).mkdir(parents=True)
    for name in TABLES:
        with (
            (reports / name).open(newline="", encoding="utf-8") as source,
            (target / "evaluation" / name).open("w", newline="", encoding="utf-8") as file,
        ):
            rows = csv.DictReader(source)
            table = csv.DictWriter(file, rows.fieldnames or [])
            table.writeheader()
            table.writerows(row for row in rows if row.get("model", model) == model)
        _as_table(target / "evaluation" / name)
    shutil.copyfile(reports / "index.html", target / "evaluation" / REPORT)
    for picture in pictures:
        shutil.copyfile(picture, target / "pictures" / picture.name)


def _as_table(path: Path) -> None:
    """Write a table beside itself in the form of MLflow's `log_table`, whose pages put runs side by side."""
    import pandas as pd

    table = pd.read_csv(path, dtype={"patient": str, "group": str}, keep_default_na=False, na_values=[""])
    text = table.to_json(orient="split", index=False)
    path.with_suffix(".json").write_text(text, encoding="utf-8")
