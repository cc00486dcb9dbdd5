"""Whatever MLflow holds of a run is looked at: a telling value planted in any of its corners fails the command."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from mlflow import MlflowClient

from lvseg.core.errors import UserError
from lvseg.phantom.dataset import Size, generate
from lvseg.privacy.search import Search
from lvseg.privacy.values import Kind, Value
from tasks.privacy import main
from tests.tracking import stub
from tests.tracking.conftest import EXPERIMENT, all_runs
from tracking.registry.versions import MODEL
from tracking.runs.store import Store, open_store
from tracking.server.contents import days_of, shown_in


@pytest.fixture
def store(project: Path) -> Store:
    """Return the store of a project with a phantom as raw data and one training in it."""
    generate(project / "data" / "phantom", 7, Size(patients=1, slices=3, phases=2, matrix=64), workers=1)
    stub.run_stage()
    return open_store(EXPERIMENT)


def test_every_corner_of_a_run_is_looked_at(store: Store, tmp_path: Path) -> None:
    client, (run,) = store.client, all_runs(store)
    run_id, model_id = run.info.run_id, run.data.tags["lvseg.model_uri"].removeprefix("models:/")
    planted: list[str] = []

    def leak() -> str:
        planted.append(f"LEAK planted {len(planted):03d}")
        return planted[-1]

    client.create_registered_model(MODEL, tags={"note": leak()}, description=leak())
    source = run.data.tags["lvseg.model_uri"]
    version = client.create_model_version(MODEL, source, run_id, tags={"from": leak()}, description=leak())
    client.set_registered_model_alias(MODEL, leak().replace(" ", "-"), version.version)
    client.set_experiment_tag(store.experiment_id, "mlflow.note.content", leak())
    client.set_tag(run_id, "mlflow.note.content", leak())
    client.set_tag(run_id, leak(), "a key")
    client.log_param(run_id, "reader", leak())
    client.log_param(run_id, leak(), "a key")
    client.log_metric(run_id, f"test/{leak()}", 1)
    client.log_text(run_id, f"<b>{leak()}</b>", "evaluation/deep/page.html")
    client.log_text(run_id, "a name", f"pictures/{leak()}.txt")
    client.set_logged_model_tags(model_id, {"from": leak()})
    folder = Path(client.get_logged_model(model_id).artifact_location.removeprefix("file://"))
    (folder / "note.txt").write_text(leak())
    client.update_run(run_id, name=leak())

    search = Search(Value(Kind.NUMBER, text) for text in planted)
    assert search.looked_for.total() == len(planted) == 16
    found = set()
    for place, content in shown_in(store):
        found |= search.find(content) | search.find(place.encode())
    assert {value.text for value in found} == set(planted)


def test_the_command_fails_on_a_find_and_names_it_by_no_value(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    main(None)
    clean = capsys.readouterr().out
    assert re.search(r"looked for \d\d values .*name \d", clean) and "MLflow, all runs:" in clean
    (run,) = all_runs(store)
    store.client.set_tag(run.info.run_id, "reader", "Dr. LEAKDOCTOR PHA0000101")
    Path("reports/LEAKACC00001").mkdir(parents=True)
    Path("reports/LEAKACC00001/page.html").write_text("<p>born on 1927-02-02</p>")
    with pytest.raises(UserError, match="3 finds"):
        main(run.info.run_name)
    said = capsys.readouterr().out
    assert re.search(rf"FOUND name L\.\.\. \(P\w+\) in run {run.info.run_id}/data/tags/reader\n", said)
    assert re.search(r"FOUND date 1\.\.\. \(P\w+\) in reports/L\.\.\./page.html\n", said)
    assert "LEAK" not in said and "1927-02" not in said


def test_deleted_runs_count_until_they_are_gone(store: Store) -> None:
    (run,) = all_runs(store)
    store.client.set_tag(run.info.run_id, "reader", "LEAK planted")
    store.client.delete_run(run.info.run_id)
    search = Search([Value(Kind.NUMBER, "LEAK planted")])
    assert any(search.find(content) for _, content in shown_in(store))


def test_a_registered_version_outlives_its_run(store: Store) -> None:
    (run,) = all_runs(store)
    store.client.create_registered_model(MODEL)
    source = run.data.tags["lvseg.model_uri"]
    store.client.create_model_version(MODEL, source, run_id="f" * 32, description="LEAK planted")
    search = Search([Value(Kind.NUMBER, "LEAK planted")])
    places = {place for place, content in shown_in(store) if search.find(content)}
    assert f"version 1 of {MODEL}/description" in places


def test_a_store_that_falls_silent_is_no_proof(store: Store, closed_port: str) -> None:
    gone = replace(store, client=MlflowClient(closed_port), uri=closed_port)
    with pytest.raises(UserError, match="does not show all that it holds"):
        list(shown_in(gone))


def test_the_day_of_a_run_is_no_patients_date(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = all_runs(store)
    today = time.strftime("%Y%m%d", time.gmtime(run.info.start_time / 1000))
    search = Search([Value(Kind.DATE, today)])
    assert any(search.find(content) for _, content in shown_in(store, run)), "MLflow writes it into MLmodel"
    assert today in days_of(store, run)
    frame = next(Path("data/phantom").rglob("*.dcm"))
    header = pydicom.dcmread(frame)
    header.StudyDate = today
    header.save_as(frame)
    main(None)
    assert "FOUND" not in capsys.readouterr().out


def test_without_the_raw_data_or_the_store_nothing_is_proved(
    project: Path, closed_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"data/phantom is not on this disk: run `dvc pull`"):
        main(None)
    (project / "data" / "phantom").mkdir()
    with pytest.raises(UserError, match="nothing to look for"):
        main(None)
    generate(project / "data" / "phantom", 7, Size(patients=1, slices=3, phases=2, matrix=64), workers=1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", closed_port)
    with pytest.raises(UserError, match="tracking store"):
        main(None)
