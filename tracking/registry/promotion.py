"""Promotion in the registry: a run becomes a version, a challenger, and champion if the rules say so."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lvseg.core.errors import UserError
from lvseg.evaluation.promotion.decision import Contender, Decision, decide, in_words
from lvseg.evaluation.promotion.params import PromotionParams
from tracking.registry.last_decision import LastDecision
from tracking.registry.living_run import SAME, has_model, required_run, title_of
from tracking.registry.succession import alone, crown, succeed_itself, was_rolled_back
from tracking.registry.trust import manifest
from tracking.registry.version_tags import version_tags
from tracking.registry.versions import CHALLENGER, CHAMPION, DECISION, MODEL, alias_of, number_of, versions
from tracking.runs import mlflow_runs
from tracking.runs.store import Store, shown
from tracking.scores.results import EvaluatedRun, result_of

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

Rescored = Callable[[Store, "Run", str], pd.DataFrame]


def promote(
    store: Store, run: "Run", rules: PromotionParams, rescored: Rescored, models: Path, *, named: bool
) -> LastDecision:
    """Register an evaluated run, make it challenger, and champion if the rules allow.

    Doing it again with the same models and the same test set changes nothing.

    Args:
        rescored: returns the scores by patient of an older run on the test set of a hash.
        models: the folder of the trainings here.
        named: whether a person asked for this very run: only then may it come back after a rollback.

    Raises:
        UserError: the run was not evaluated, the champion has no run any more or cannot be scored on its test set, or
            the store holds another model than `models`.
    """
    candidate = result_of(store, run)
    with alone():
        champion = alias_of(store, CHAMPION)
        holder = champion and required_run(store, champion)
        table = holder and _patients(store, holder, candidate, rescored)  # may refuse: nothing is written yet
        version = _registered(store, run)
        manifest.attest(store, version, models)
        if champion and number_of(champion) == number_of(version):
            return _outcome(store, version, run, promoted=True, reason="it is the champion already")
        if champion and _same_training(champion, version.tags):
            succeed_itself(store, version)
            reason = (
                f"it takes the place of v{number_of(champion)}, the same model, which was deleted in MLflow"
            )
            return _outcome(store, version, run, promoted=True, reason=reason)
        if not named and was_rolled_back(store, version):
            reason = "it was rolled back: only `lvseg promote` with its name brings it back"
            return _outcome(store, version, run, promoted=False, reason=reason)
        store.client.set_registered_model_alias(MODEL, CHALLENGER, number_of(version))
        decision = decide(
            _contender(candidate.run, candidate.patients),
            None if holder is None or table is None else _contender(holder, table),
            rules,
        )
        _write(store, version, candidate, champion, decision)
        if decision.promoted:
            crown(store, version, champion)
        return _outcome(store, version, run, decision.promoted, decision.reason)


def candidate(store: Store, models: Path, reports: Path) -> "Run":
    """Return the run of the best model of a pipeline run: the highest Dice, mean over patients.

    Raises:
        UserError: nothing was evaluated yet, or this store lacks the best model's run or its present evaluation.
    """
    scores = reports / "metrics.json"
    try:
        evaluated = json.loads(scores.read_text(encoding="utf-8"))
        by_model = evaluated["models"]
        best = max(by_model, key=lambda name: by_model[name]["dice_patient_mean"] or 0)
        summary = json.loads((models / best / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(
            f"{scores} or the models that it names are missing or damaged: run `make repro`, or name a run"
        ) from None
    run = mlflow_runs.find(store, summary["fingerprint"], summary["weights_hash"])
    if run is None or run.data.tags.get("lvseg.test_hash") != evaluated["test"]["hash"]:
        raise UserError(
            f"the evaluation of {best} is not in the tracking store {shown(store.uri)}: `lvseg log` logs what "
            "waits, `dvc repro --force --single-item evaluate` logs it anew"
        )
    return run


def _registered(store: Store, run: "Run") -> "ModelVersion":
    """Return the version of a run, made if it is missing; it says where the run comes from."""
    from mlflow.exceptions import MlflowException

    try:
        store.client.create_registered_model(MODEL)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = version_tags(run.data.tags)
    for version in versions(store):
        if _same_training(version, tags) and has_model(store, version):
            return _in_step(store, version, tags)
    model_uri = run.data.tags["lvseg.model_uri"]
    return store.client.create_model_version(
        MODEL,
        model_uri,
        run_id=run.info.run_id,
        tags=tags,
        model_id=model_uri.removeprefix("models:/"),
    )


def _same_training(version: "ModelVersion", tags: Mapping[str, str]) -> bool:
    """Return whether a version is of the training, with the weights, that tags name."""
    return all(version.tags.get(key) == tags.get(key) for key in SAME)


def _in_step(store: Store, version: "ModelVersion", tags: dict[str, str]) -> "ModelVersion":
    """Return a version that says what its run says by now: it may have been tested anew, on other patients."""
    from tracking.registry.card import write_card

    stale = {key: value for key, value in tags.items() if version.tags.get(key) != value}
    for key, value in stale.items():
        store.client.set_model_version_tag(MODEL, number_of(version), key, value)
    if not stale:
        return version
    version = store.client.get_model_version(MODEL, number_of(version))
    write_card(store, version)
    return version


def _patients(store: Store, holder: "Run", candidate: EvaluatedRun, rescored: Rescored) -> pd.DataFrame:
    """Return the champion's scores by patient on the candidate's test set."""
    if holder.data.tags.get("lvseg.test_hash") == candidate.test_hash:
        return result_of(store, holder).patients
    return rescored(store, holder, candidate.test_hash)


def _contender(run: "Run", patients: pd.DataFrame) -> Contender:
    """Return what the rules need to know of a run."""
    tags, flaw = run.data.tags, ""
    if tags.get("lvseg.git_dirty") != "false" or tags.get("lvseg.git_commit", "none") == "none":
        flaw = (
            "it was made from code or parameters that no commit holds, so nobody could make it again: commit, and "
            f"`dvc repro --force --single-item {tags['lvseg.stage']}`"
        )
    return Contender(str(run.info.run_name), patients, int(run.data.params["parameters"]), flaw)


def _write(
    store: Store,
    version: "ModelVersion",
    candidate: EvaluatedRun,
    champion: "ModelVersion | None",
    decision: Decision,
) -> None:
    """Write a decision on the version, and with its evidence as a page of the run; then the model's card."""
    from tracking.registry.card import write_card

    before = champion and f"v{number_of(champion)}"
    said = {
        "promoted": decision.promoted,
        "reason": decision.reason,
        "champion_before": champion and number_of(champion),
        "test_hash": candidate.test_hash,
    }
    store.client.set_model_version_tag(MODEL, number_of(version), DECISION, json.dumps(said))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, f"v{number_of(version)}-against-{before or 'none'}.md")
        page.write_text(in_words(candidate.title, before, decision), encoding="utf-8")
        page.with_suffix(".json").write_text(
            json.dumps(said | decision.evidence(), indent=2), encoding="utf-8"
        )
        store.client.log_artifacts(candidate.run.info.run_id, folder, "promotion")
    write_card(store, store.client.get_model_version(MODEL, number_of(version)))


def _outcome(store: Store, version: "ModelVersion", run: "Run", promoted: bool, reason: str) -> LastDecision:
    """Return what became of a candidate."""
    champion = alias_of(store, CHAMPION)
    named = f"{title_of(store, champion)}, v{number_of(champion)}" if champion else ""
    return LastDecision(
        title=str(run.info.run_name),
        version=number_of(version),
        promoted=promoted,
        reason=reason,
        champion=named,
        champion_version=number_of(champion) if champion else "",
    )
