"""Promotion in a real store: spoiled, equal and better models, other test sets, and the way back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import Timeout
from mlflow.entities import Run

from lvseg import params
from lvseg.core.errors import UserError
from tests.tracking.conftest import SPREAD, all_runs
from tracking.registry import last_decision
from tracking.registry.champion_run import mark_champion
from tracking.registry.promotion import candidate, promote
from tracking.registry.succession import alone, roll_back
from tracking.registry.version_tags import tags_of
from tracking.registry.versions import CHALLENGER, CHAMPION, MODEL, alias_of, number_of, version_of, versions
from tracking.runs.store import Store
from tracking.scores.results import find_run, result_of


def never(store: Store, run: Run, test_hash: str) -> pd.DataFrame:
    raise AssertionError("scored again without need")


def promoted(
    store: Store, run: Run, rescored: Any = never, *, named: bool = False
) -> last_decision.LastDecision:
    return promote(store, run, params.load().promotion, rescored, Path("models"), named=named)


def marked(store: Store) -> dict[str, str]:
    """Return the runs that are marked in the list of runs, each with its mark."""
    runs = {run.info.run_id: run.data.tags.get("lvseg.champion") for run in all_runs(store)}
    return {run_id: mark for run_id, mark in runs.items() if mark}


def on_other_patients(store: Store, run: Run, test: str) -> Run:
    """Evaluate a run on another test set, with the same scores."""
    store.client.set_tag(run.info.run_id, "lvseg.test_hash", test * 64)
    return store.client.get_run(run.info.run_id)


def champion(store: Store) -> str:
    found = alias_of(store, CHAMPION)
    return number_of(found) if found else ""


def test_spoiled_equal_and_better_models_against_the_champion(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    first = promoted(store, evaluated(0.90))
    assert first.promoted and first.version == champion(store) == "1"
    assert alias_of(store, CHALLENGER) is None
    spoiled = promoted(store, evaluated(0.70))
    assert not spoiled.promoted and champion(store) == "1"
    assert number_of(version_of(store, CHALLENGER)) == "2"
    equal = promoted(store, evaluated(0.90))
    assert not equal.promoted and champion(store) == "1"
    better_run = evaluated(0.93, spread=SPREAD[::-1] / 4)
    better = promoted(store, better_run)
    assert better.promoted and champion(store) == better.version == "4" and "better: Dice" in better.reason
    version = alias_of(store, CHAMPION)
    assert version is not None and version.run_id == better_run.info.run_id
    for tag in (
        "fingerprint",
        "weights_hash",
        "git_commit",
        "shards_hash",
        "split_hash",
        "dvc.shards",
        "test_hash",
    ):
        assert tags_of(version)[f"lvseg.{tag}"] == better_run.data.tags[f"lvseg.{tag}"]
    assert len(version.tags) <= 8, f"a person finds nothing among {sorted(version.tags)}"
    assert marked(store) == {better_run.info.run_id: "v4"}
    said = json.loads(version.tags["lvseg.decision"])
    assert said["promoted"] and said["champion_before"] == "1"
    page = Path(store.client.download_artifacts(version.run_id, "promotion/v4-against-v1.md")).read_text()
    assert "| good contours, % | 100.0 | at least 90 | yes |" in page and "| HYP |" in page
    assert "Promoted to champion" in version.description


def test_the_run_of_the_champion_is_marked_whoever_moves_the_alias(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    runs = [evaluated(dice, spread=SPREAD / 4) for dice in (0.85, 0.95)]
    for number, run in enumerate(runs, 1):
        assert promoted(store, run).promoted
        assert marked(store) == {run.info.run_id: f"v{number}"}
    roll_back(store)
    assert marked(store) == {runs[0].info.run_id: "v1"}
    store.client.set_registered_model_alias(MODEL, CHAMPION, "2")  # as the pages do
    mark_champion(store)
    assert marked(store) == {runs[1].info.run_id: "v2"}
    store.client.delete_registered_model_alias(MODEL, CHAMPION)
    mark_champion(store)
    assert marked(store) == {}


def test_a_version_of_old_says_the_same_by_a_tag_for_each_fact(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    run = evaluated(0.9)
    facts = {name: value for name, value in run.data.tags.items() if name.startswith("lvseg.")}
    store.client.create_registered_model(MODEL)
    store.client.create_model_version(MODEL, facts["lvseg.model_uri"], run.info.run_id, facts)
    assert tags_of(version_of(store, "1")) == facts
    again = promoted(store, run)
    assert again.version == "1" and again.promoted, "it is recognised"
    assert tags_of(version_of(store, "1")).items() >= facts.items()


def test_the_same_again_changes_nothing(store: Store, evaluated: Callable[..., Run]) -> None:
    best, worse = evaluated(0.90), evaluated(0.80)
    once = [promoted(store, best), promoted(store, worse)]
    before = [(number_of(version), version.aliases, version.tags) for version in versions(store)]
    assert promoted(store, best).champion == once[1].champion
    assert promoted(store, worse) == once[1]
    assert [(number_of(version), version.aliases, version.tags) for version in versions(store)] == before
    assert champion(store) == "1"


def test_what_no_commit_holds_is_never_promoted(store: Store, evaluated: Callable[..., Run]) -> None:
    for flaw in ({"git_dirty": "true"}, {"git_commit": "none"}):
        found = promoted(store, evaluated(0.9, **flaw))
        assert not found.promoted and "no commit holds" in found.reason and not champion(store)


def test_a_champion_of_another_test_set_is_scored_again(store: Store, evaluated: Callable[..., Run]) -> None:
    old = evaluated(0.95)
    promoted(store, old)
    asked = []

    def rescored(store: Store, run: Run, test_hash: str) -> pd.DataFrame:
        asked.append((run.info.run_id, test_hash))
        with pytest.raises(Timeout), alone().acquire(timeout=0):
            pass  # another promotion would not have to wait
        table = result_of(store, run).patients
        return table.assign(dice_mean=table["dice_mean"] - 0.10)

    def refused(store: Store, run: Run, test_hash: str) -> pd.DataFrame:
        raise UserError("data/ holds other patients")

    run = evaluated(0.90, test="u")
    with pytest.raises(UserError, match="other patients"):
        promoted(store, run, refused)
    assert len(versions(store)) == 1 and alias_of(store, CHALLENGER) is None
    new = promoted(store, run, rescored)
    assert asked == [(old.info.run_id, "u" * 64)]
    assert new.promoted and "+0.05" in new.reason


def test_rollback_brings_back_champion_after_champion_until_a_person_says_otherwise(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    runs = [evaluated(dice, spread=SPREAD / 4) for dice in (0.85, 0.90, 0.95)]
    for run in runs:
        assert promoted(store, run).promoted
    here = Path()
    last_decision.keep(here, promoted(store, runs[2]))
    gone, back = roll_back(store)
    assert (number_of(gone), number_of(back), champion(store)) == ("3", "2", "2")
    assert last_decision.last_decision(here) is None
    for version, said in (
        ("3", "Not promoted: rolled back"),
        ("2", "Promoted to champion: v3 was rolled back"),
    ):
        assert said in version_of(store, version).description
    assert not promoted(store, runs[2]).promoted and champion(store) == "2"
    roll_back(store)
    assert champion(store) == "1"
    with pytest.raises(UserError, match="v1 is the first champion"):
        roll_back(store)
    assert promoted(store, runs[2], named=True).promoted and champion(store) == "3"
    assert number_of(roll_back(store)[1]) == "1"


def test_a_rollback_counts_for_weights_whatever_code_made_them(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    for dice, weights in ((0.85, "old"), (0.95, "new")):
        assert promoted(store, evaluated(dice, spread=SPREAD / 4, weights=weights)).promoted
    roll_back(store)
    same = evaluated(0.95, spread=SPREAD / 4, weights="new")
    again = promoted(store, same)
    assert again.version == "3" and not again.promoted and champion(store) == "1"
    assert "rolled back" in again.reason
    assert promoted(store, same, named=True).promoted and champion(store) == "3"
    assert not [version for version in versions(store) if "lvseg.rolled_back" in version.tags]


def test_rollback_passes_over_what_was_rolled_back_or_deleted(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    runs = [evaluated(dice, spread=SPREAD / 4) for dice in (0.80, 0.85, 0.90)]
    for run in runs:
        assert promoted(store, run).promoted
    # On other patients the second is the best again: 1, 2, 3, 2.
    poor = lambda store, run, test: result_of(store, run).patients.assign(dice_mean=0.5)  # noqa: E731
    assert promoted(store, on_other_patients(store, runs[1], "u"), poor).promoted and champion(store) == "2"
    assert number_of(roll_back(store)[1]) == "3"
    assert number_of(roll_back(store)[1]) == "1", "the second was rolled back a moment ago"
    with pytest.raises(UserError, match="none to go back to"):
        roll_back(store)
    fourth = promoted(store, evaluated(0.95, spread=SPREAD / 4))
    fifth = promoted(store, evaluated(0.99, spread=SPREAD / 16))
    assert fourth.promoted and fifth.promoted
    store.client.delete_model_version(MODEL, fourth.version)
    assert number_of(roll_back(store)[1]) == "1"


def test_a_champion_made_by_hand_is_not_rolled_back_to_itself(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    for dice in (0.85, 0.95):
        assert promoted(store, evaluated(dice, spread=SPREAD / 4)).promoted
    store.client.set_registered_model_alias(MODEL, CHAMPION, "1")  # as the pages do
    with pytest.raises(UserError, match="none to go back to"):
        roll_back(store)
    assert not [version for version in versions(store) if "lvseg.rolled_back" in version.tags]


def test_a_version_says_on_which_test_set_its_run_was_scored_last(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    best, worse = evaluated(0.9), evaluated(0.7)
    same = lambda store, run, test: result_of(store, run).patients  # noqa: E731
    for run in (best, worse):
        promoted(store, run)
    for run in (best, worse):
        promoted(store, on_other_patients(store, run, "u"), same)
    assert [version.tags["lvseg.test_hash"] for version in versions(store)] == ["u" * 64] * 2


def test_the_candidate_is_the_best_model_of_the_pipeline(store: Store, evaluated: Callable[..., Run]) -> None:
    with pytest.raises(UserError, match="make repro"):
        candidate(store, Path("models"), Path("reports"))
    run = evaluated(0.9)
    Path("reports").mkdir()
    scores = {"cnn": {"dice_patient_mean": 0.7}, "dense": {"dice_patient_mean": None}}
    for test in ("u", "t"):  # the last evaluation waits to be logged; then it is there
        Path("reports/metrics.json").write_text(json.dumps({"models": scores, "test": {"hash": test * 64}}))
        if test == "u":
            with pytest.raises(UserError, match="lvseg log"):
                candidate(store, Path("models"), Path("reports"))
    assert candidate(store, Path("models"), Path("reports")).info.run_id == run.info.run_id
    assert find_run(store, run.info.run_id[:8]).info.run_id == run.info.run_id
    store.client.delete_run(run.info.run_id)
    with pytest.raises(UserError, match="lvseg log"):
        candidate(store, Path("models"), Path("reports"))
    shutil.rmtree("models/cnn")
    with pytest.raises(UserError, match="missing or damaged"):
        candidate(store, Path("models"), Path("reports"))


def test_two_rollbacks_need_a_champion(store: Store) -> None:
    with pytest.raises(UserError, match=f"{MODEL} has no champion yet"):
        roll_back(store)
