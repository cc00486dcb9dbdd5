import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.tracking import stub
from tests.tracking.conftest import EXPERIMENT, all_runs
from tracking.runs.delivery import log_waiting
from tracking.runs.record import waiting
from tracking.runs.store import open_store
from tracking.scores.evaluation import log_report, log_scores

TEST = {"hash": "t" * 64, "slices": 9, "patients": 3, "left_out": {"off-anatomy": 1}, "synthetic": 3}


@pytest.fixture
def reports(project: Path, closed_port: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Train without a store and forget the record, as if DVC's cache had brought the model; evaluate it."""
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", closed_port)
        stub.run_stage()
    shutil.rmtree(project / ".lvseg")
    folder = project / "reports"
    folder.mkdir()
    scores: dict[str, Any] = {
        "loss": 0.25,
        "accuracy": 0.97,
        "dice_slice_mean": 0.5,
        "dice_patient_mean": None,
        "missed": 2,
    }
    scores |= {"ef_mae_pp": 13.42, "patients_with": {"ef_mae_pp": 1}}
    by_phase = {"by_phase": {"ED": {"dice_slice_mean": 0.75}}}
    results: dict[str, Any] = {"models": {"cnn": {**scores, **by_phase}, "dense": {}}, "test": TEST}
    (folder / "metrics.json").write_text(json.dumps(results))
    (folder / "per_slice.csv").write_text("model,patient,dice\ncnn,P-05,0.5\ndense,P-05,0\n")
    (folder / "per_patient.csv").write_text("model,patient,dice_mean\ncnn,P-05,0.5\ndense,P-05,0\n")
    (folder / "index.html").write_text("<p>the report</p>")
    (folder / "curves.svg").write_text("<svg/>")
    return folder


def _evaluate(reports: Path) -> None:
    models = {"cnn": Path("models/cnn")}
    log_scores(models, reports)
    log_report(models, reports / "index.html", {"cnn": [reports / "curves.svg"]})


def test_a_restored_model_gets_a_run_with_its_scores(reports: Path) -> None:
    _evaluate(reports)
    (run,) = all_runs()
    assert run.info.status == "FINISHED" and run.data.tags["lvseg.restored"] == "true"
    tested = {key: value for key, value in run.data.metrics.items() if key.startswith("test/")}
    expected = {"test/loss": 0.25, "test/accuracy": 0.97, "test/dice": 0.5, "test/by_phase/ED/dice": 0.75}
    expected |= {"test/missed": 2, "test/ef_mae": 13.42, "test/patients_with/ef_mae": 1}
    assert tested == expected
    assert run.data.metrics["train/loss"] == 1 / 3
    assert run.data.tags["lvseg.test_hash"] == "t" * 64
    client = open_store(EXPERIMENT).client
    table = Path(client.download_artifacts(run.info.run_id, "evaluation/per_slice.csv"))
    assert table.read_text().split() == ["model,patient,dice", "cnn,P-05,0.5"]
    page = Path(client.download_artifacts(run.info.run_id, "evaluation/report.html"))
    assert page.read_text() == "<p>the report</p>"
    assert [entry.path for entry in client.list_artifacts(run.info.run_id, "pictures")] == [
        "pictures/curves.svg"
    ]
    model = client.get_logged_model(run.data.tags["lvseg.model_uri"].removeprefix("models:/"))
    assert {"test/dice": 0.5}.items() <= {metric.key: metric.value for metric in model.metrics}.items()


def test_evaluating_again_adds_nothing_but_what_changed(reports: Path) -> None:
    _evaluate(reports)
    _evaluate(reports)
    text = (reports / "metrics.json").read_text()
    (reports / "metrics.json").write_text(text.replace("0.25", "0.125"))
    _evaluate(reports)
    (run,) = all_runs()
    client = open_store(EXPERIMENT).client
    losses = [entry.value for entry in client.get_metric_history(run.info.run_id, "test/loss")]
    assert losses == [0.25, 0.125] and run.data.metrics["test/loss"] == 0.125
    assert len(client.get_metric_history(run.info.run_id, "test/dice")) == 1


def test_an_evaluation_without_a_server_waits_like_a_training(
    reports: Path, server: str, closed_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", closed_port)
        stub.run_stage(seed=9)
        _evaluate(reports)
    assert len(waiting()) == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    log_waiting()
    (run,) = [run for run in all_runs() if run.data.tags["lvseg.fingerprint"] == stub.calls[-1]]
    assert run.data.metrics["test/dice"] == 0.5
    assert "lvseg.restored" not in run.data.tags  # its training was recorded, only late


def test_the_page_of_a_run_says_what_it_is(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _evaluate(reports)
    (first,) = all_runs()
    note = first.data.tags["mlflow.note.content"]
    assert "| 0.500 |" in note and "9 contoured slices of 3 patients" in note and "missed 2 contours" in note
    assert "| 13.4 (1 of 3) |" in note and note.startswith("**All test patients are synthetic")
    assert first.data.tags["lvseg.synthetic"] == "3"
    assert first.data.tags["lvseg.dvc.shards"] in note and "- `seed`: 1 instead of 7" in note
    assert first.data.tags["lvseg.data"] == "phantom"
    stub.run_stage(seed=7)
    _evaluate(reports)
    second = max(all_runs(), key=lambda run: run.info.start_time)
    assert "Parameters: those of `params.yaml` as committed." in second.data.tags["mlflow.note.content"]
    store = open_store(EXPERIMENT)
    table = store.client.load_table(store.experiment_id, "evaluation/per_patient.json", [first.info.run_id])
    assert table["patient"].tolist() == ["P-05"]


def test_a_cached_training_belongs_to_every_pipeline_run_that_used_it(reports: Path) -> None:
    _evaluate(reports)
    text = (reports / "metrics.json").read_text()
    (reports / "metrics.json").write_text(text.replace("t" * 64, "u" * 64))
    _evaluate(reports)
    (run,) = all_runs()
    pipelines = [key.rpartition(".")[2] for key in run.data.tags if key.startswith("lvseg.pipeline.")]
    assert len(pipelines) == 2 and run.data.tags["lvseg.pipeline"] in pipelines
    client, experiment = open_store(EXPERIMENT).client, run.info.experiment_id
    for pipeline in pipelines:
        assert client.search_runs([experiment], f"tags.`lvseg.pipeline.{pipeline}` = 'true'")
