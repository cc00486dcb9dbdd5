"""What people do to a registry in MLflow's own pages and commands: whatever it was, there is a way on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run

from lvseg.core.errors import UserError
from tests.tracking.registry.test_promotion import champion, promoted
from tracking.provenance import chain
from tracking.registry import champion as in_use
from tracking.registry import last_decision
from tracking.registry.succession import roll_back
from tracking.registry.versions import CHAMPION, MODEL, alias_of, version_of, versions
from tracking.runs.store import Store


def collect(store: Store, run: Run) -> None:
    """Delete a run and all that `mlflow gc` would remove of it, as `mlflow gc` does."""
    store.client.delete_run(run.info.run_id)
    internal: Any = store.client._tracking_client.store
    internal._hard_delete_run(run.info.run_id)


def again(evaluated: Callable[..., Run], store: Store, run: Run, dice: float = 0.9) -> Run:
    """Log the same training once more, as `evaluate` does where its run is missing."""
    new = evaluated(dice, weights="again")
    for tag in ("lvseg.fingerprint", "lvseg.weights_hash"):
        store.client.set_tag(new.info.run_id, tag, run.data.tags[tag])
    return store.client.get_run(new.info.run_id)


def test_the_registry_is_asked_whether_a_decision_still_holds(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    here, run = Path(), evaluated(0.9)
    last_decision.keep(here, promoted(store, run))
    assert last_decision.confirmed_decision(here) == last_decision.last_decision(here) is not None
    store.client.delete_registered_model_alias(MODEL, CHAMPION)
    assert last_decision.confirmed_decision(here) is None
    decision = promoted(store, run)
    assert decision.promoted and champion(store) == "1", "the alias comes back"
    last_decision.keep(here, decision)
    store.client.delete_run(run.info.run_id)
    assert last_decision.confirmed_decision(here) is None
    store.client.restore_run(run.info.run_id)
    assert last_decision.confirmed_decision(here)
    store.client.delete_model_version(MODEL, "1")
    assert last_decision.confirmed_decision(here) is None
    assert promoted(store, run).promoted and champion(store) == "2"


def test_a_deleted_run_of_the_champion_is_restored_or_the_champion_goes(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    run, better = evaluated(0.85), evaluated(0.95)
    promoted(store, run)
    store.client.delete_run(run.info.run_id)
    with pytest.raises(UserError, match=rf"mlflow runs restore --run-id {run.info.run_id}.*lvseg rollback"):
        promoted(store, better)
    collect(store, run)
    with pytest.raises(UserError, match=r"is gone from this store: .*--single-item evaluate.*lvseg rollback"):
        promoted(store, better)
    link = chain._run(store, version_of(store, CHAMPION))[1]
    assert link.state == chain.MISSING and "--single-item evaluate" in link.remark
    assert roll_back(store)[1] is None and champion(store) == ""
    assert promoted(store, better).promoted and champion(store) == "2"


def test_a_version_finds_the_run_of_the_same_training(store: Store, evaluated: Callable[..., Run]) -> None:
    run = evaluated(0.9)
    promoted(store, run)
    collect(store, run)
    new = again(evaluated, store, run)
    found = promoted(store, new)
    assert found.promoted and found.version == champion(store) == "1"
    version = version_of(store, CHAMPION)
    assert "card/v1.html" in [entry.path for entry in store.client.list_artifacts(new.info.run_id, "card")]
    assert chain._run(store, version)[1].state == chain.OK
    assert not promoted(store, evaluated(0.7)).promoted, "it is compared with, too"


def test_a_model_that_was_deleted_gives_its_place_to_the_same_one(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    run = evaluated(0.9)
    promoted(store, run)
    collect(store, run)
    store.client.delete_logged_model(version_of(store, CHAMPION).source.removeprefix("models:/"))
    with pytest.raises(UserError, match=r"of lv-segmentation v1 is gone .*lvseg rollback"):
        in_use.fetched()
    new = again(evaluated, store, run)
    found = promoted(store, new)
    assert found.promoted and "the same model" in found.reason and champion(store) == "2"
    assert alias_of(store, CHAMPION) is not None and len(versions(store)) == 2
    assert version_of(store, CHAMPION).source == new.data.tags["lvseg.model_uri"]
