"""The card of a registered version: in its description and in its run, written again without doubles."""

import json
from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from lvseg.evaluation.summaries import per_patient
from lvseg.evaluation.tables import write_csv
from tests.lvseg.evaluation import scored
from tests.tracking import stub
from tests.tracking.conftest import EXPERIMENT, all_runs
from tracking.registry.card import write_card
from tracking.registry.versions import MODEL
from tracking.runs.store import Store, open_store


@pytest.fixture
def store(project: Path, tmp_path: Path) -> Store:
    """Return a store with a version whose run was trained and evaluated."""
    stub.run_stage()
    store = open_store(EXPERIMENT)
    (run,) = all_runs(store)
    run_id = run.info.run_id
    slices = scored.slices({"P1": ("N", 0.9), "P2": ("", 0.8)})
    write_csv(tmp_path / "per_slice.csv", slices)
    write_csv(tmp_path / "per_patient.csv", per_patient(slices))
    for name in ("per_slice.csv", "per_patient.csv"):
        store.client.log_artifact(run_id, str(tmp_path / name), "evaluation")
    (tmp_path / "overlays.png").write_bytes(b"picture")
    store.client.log_artifact(run_id, str(tmp_path / "overlays.png"), "pictures")
    store.client.set_tag(run_id, "lvseg.test_hash", "t" * 64)
    tags = store.client.get_run(run_id).data.tags
    own = {name: value for name, value in tags.items() if name.startswith("lvseg.")}
    store.client.create_registered_model(MODEL)
    store.client.create_model_version(MODEL, tags["lvseg.model_uri"], run_id, own)
    return store


def card(store: Store) -> tuple[str, str]:
    """Return the description and the page."""
    version = store.client.get_model_version(MODEL, "1")
    assert [entry.path for entry in store.client.list_artifacts(version.run_id, "card")] == ["card/v1.html"]
    page = Path(store.client.download_artifacts(version.run_id, "card/v1.html"))
    return version.description, page.read_text(encoding="utf-8")


def test_a_card_is_made_of_the_run_and_written_once(store: Store) -> None:
    write_card(store, store.client.get_model_version(MODEL, "1"))
    short, page = card(store)
    assert "Dice 0.850" in short and "2 test patients (12 contours) of phantom, a phantom" in short
    assert "artifacts/card/v1.html" in short and "No decision" in short
    assert "data:image/png;base64,cGljdHVyZQ==" in page and "unknown" in page
    (run,) = all_runs(store)
    for tag in ("weights_hash", "git_commit", "shards_hash"):
        assert run.data.tags[f"lvseg.{tag}"] in page
    before = store.client.get_model_version(MODEL, "1").last_updated_timestamp
    write_card(store, store.client.get_model_version(MODEL, "1"))
    assert card(store) == (short, page)
    assert store.client.get_model_version(MODEL, "1").last_updated_timestamp == before


def test_a_decision_and_an_evaluation_since_are_in_the_next_card(store: Store) -> None:
    version = store.client.get_model_version(MODEL, "1")
    decision = {"promoted": True, "reason": "all gates hold", "champion_before": None}
    store.client.set_model_version_tag(MODEL, "1", "lvseg.decision", json.dumps(decision))
    store.client.set_tag(version.run_id, "lvseg.test_hash", "another test")
    write_card(store, version)  # which knows of neither
    for text in card(store):
        assert "Promoted to champion: all gates hold." in text and "another test" in text


def test_without_an_evaluation_there_is_no_card(store: Store) -> None:
    (run,) = all_runs(store)
    store.client.delete_tag(run.info.run_id, "lvseg.test_hash")
    with pytest.raises(UserError, match="was not evaluated"):
        write_card(store, store.client.get_model_version(MODEL, "1"))
    assert not store.client.list_artifacts(run.info.run_id, "card")
