"""A summary of predicted studies in MLflow: how many, how well, how far from the training data; no study by name."""

from pathlib import Path
from typing import Any

from lvseg.studies.analysis.result import ModelFacts
from tracking.runs.required import required_store
from tracking.server.mlflow_internals import RUN_NAME


def log(out: Path, model: ModelFacts) -> str:
    """Log what a folder of predictions came to, and return the id of the run.

    Raises:
        UserError: the tracking store is out of reach.
    """
    import pandas as pd
    from mlflow.entities import Metric

    table = pd.read_parquet(out / "measurements.parquet")
    store = required_store()
    tags = {
        RUN_NAME: f"predict {model.words}",
        "lvseg.kind": "predictions",
        "lvseg.weights_hash": model.weights,
        "lvseg.model_version": model.version,
    }
    run = store.client.create_run(store.experiment_id, tags=tags)
    numbers = summary(table)
    store.client.log_batch(run.info.run_id, metrics=[Metric(k, v, 0, 0) for k, v in numbers.items()])
    store.client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def summary(table: Any) -> dict[str, float]:
    """Return the figures of a table of predictions by the names of their metrics."""
    verdicts = table["verdict"].value_counts()
    figures = {f"predict/{name.replace(' ', '_')}": float(count) for name, count in verdicts.items()}
    figures["predict/studies"] = float(len(table))
    figures["predict/unlike_training"] = float(
        table["reasons"].map(lambda reasons: any("Unlike" in reason for reason in reasons)).sum()
    )
    for column in ("edv_ml", "esv_ml", "ef_percent", "disagreement_percent"):
        if column in table and table[column].notna().any():
            quantiles = table[column].quantile([0.05, 0.5, 0.95])
            figures |= {
                f"predict/{column}_{q}": float(v) for q, v in zip((5, 50, 95), quantiles, strict=True)
            }
    return figures
