"""What a cohort came to, in MLflow: figures, no study by name."""

from pathlib import Path

import pandas as pd
import pytest

from lvseg.studies.analysis.result import ModelFacts
from tracking.runs.required import required_store
from tracking.scores import predictions


def test_a_cohort_is_logged_in_figures_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    pd.DataFrame(
        {
            "study": ["Sa", "Sb", "Sc"],
            "verdict": ["ok", "look at it", "failed"],
            "reasons": [
                [],
                ["Unlike the training data: pixel size 4 mm, there 1 to 2."],
                ["No left ventricle."],
            ],
            "ef_percent": [60.0, 40.0, None],
        }
    ).to_parquet(tmp_path / "measurements.parquet")
    run_id = predictions.log(tmp_path, ModelFacts("unet", "v3", "ab" * 32, "0.1.0"))
    run = required_store().client.get_run(run_id)
    assert run.data.metrics == {
        "predict/studies": 3.0,
        "predict/ok": 1.0,
        "predict/look_at_it": 1.0,
        "predict/failed": 1.0,
        "predict/unlike_training": 1.0,
        "predict/ef_percent_5": 41.0,
        "predict/ef_percent_50": 50.0,
        "predict/ef_percent_95": 59.0,
    }
    assert run.data.tags["lvseg.model_version"] == "v3" and run.info.status == "FINISHED"
    assert "Sa" not in str(run.to_dictionary())
