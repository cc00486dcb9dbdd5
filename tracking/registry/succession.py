"""Who is champion after whom, and the way back."""

import json
from typing import TYPE_CHECKING, Any

from filelock import BaseFileLock, FileLock

from lvseg.core.errors import UserError
from lvseg.core.paths.places import state_home
from tracking.registry import last_decision
from tracking.registry.champion_run import mark_champion
from tracking.registry.living_run import living_run
from tracking.registry.versions import CHALLENGER, CHAMPION, DECISION, MODEL, alias_of, number_of, versions
from tracking.runs.store import Store, warn

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

FORMER = "lvseg.former_champions"  # tag of the registered model: versions in the order of their reigns
ROLLED_BACK = "lvseg.rolled_back"  # tag of a version


def alone() -> BaseFileLock:
    """Let one process of this machine change the registry at a time."""
    state_home().mkdir(parents=True, exist_ok=True)
    return FileLock(state_home() / "promotion.lock")


def crown(store: Store, version: "ModelVersion", champion: "ModelVersion | None") -> None:
    """Make a version champion; the old one stays, and is noted as the one to go back to."""
    if champion:
        _remember(store, [*_former(store), number_of(champion)])
    for same in _alike(store, version):
        if same.tags.get(ROLLED_BACK):
            store.client.delete_model_version_tag(MODEL, number_of(same), ROLLED_BACK)
    store.client.set_registered_model_alias(MODEL, CHAMPION, number_of(version))
    store.client.delete_registered_model_alias(MODEL, CHALLENGER)
    mark_champion(store)
    last_decision.forget()


def succeed_itself(store: Store, version: "ModelVersion") -> None:
    """Make a version champion that is the same model as the champion, whose own was deleted."""
    store.client.set_registered_model_alias(MODEL, CHAMPION, number_of(version))
    last_decision.forget()


def was_rolled_back(store: Store, version: "ModelVersion") -> bool:
    """Return whether these weights were rolled back, as this version or as that of other code with the same result."""
    return any(same.tags.get(ROLLED_BACK) for same in _alike(store, version))


def roll_back(store: Store) -> "tuple[ModelVersion, ModelVersion | None]":
    """Make the champion before the present one champion again; return both, the present one first.

    Champions that were deleted or rolled back themselves are passed over. Where there is none to go back to and no run
    is left of the present one, which nothing could be compared with any more, there is no champion afterwards.

    Raises:
        UserError: there is no champion, or none before it.
    """
    with alone():
        champion = alias_of(store, CHAMPION)
        if champion is None:
            raise UserError(f"{MODEL} has no champion yet: `lvseg promote` makes one")
        former = _former(store)
        known = {number_of(version): version for version in versions(store)}
        refused = {_weights(version) for version in known.values() if version.tags.get(ROLLED_BACK)}
        refused.add(_weights(champion))
        while former and (former[-1] not in known or _weights(known[former[-1]]) in refused):
            former.pop()
        if not former and living_run(store, champion) is None:
            store.client.delete_registered_model_alias(MODEL, CHAMPION)
            last_decision.forget()
            return champion, None
        if not former:
            raise UserError(
                f"v{number_of(champion)} is the first champion of {MODEL}, or all before it are deleted or rolled "
                "back: there is none to go back to"
            )
        back = known[former.pop()]
        # In this order: whoever is cut off in between may simply do it again.
        store.client.set_model_version_tag(MODEL, number_of(champion), ROLLED_BACK, "true")
        store.client.set_registered_model_alias(MODEL, CHAMPION, number_of(back))
        _remember(store, former)
        mark_champion(store)
        last_decision.forget()
        gone, here = number_of(champion), number_of(back)
        _note(store, champion, {"promoted": False, "reason": f"rolled back, v{here} took its place again"})
        _note(store, back, {"promoted": True, "reason": f"v{gone} was rolled back", "champion_before": gone})
        return champion, back


def _note(store: Store, version: "ModelVersion", facts: dict[str, Any]) -> None:
    """Write what a rollback made of a version where the decision of a promotion stands; then its card."""
    from tracking.registry.card import write_card

    said = json.loads(version.tags.get(DECISION, "{}")) | facts
    store.client.set_model_version_tag(MODEL, number_of(version), DECISION, json.dumps(said))
    try:
        write_card(store, version)
    except UserError as error:  # the way back is open all the same
        warn(f"the card of v{number_of(version)} is not written: {error}")


def _former(store: Store) -> list[str]:
    """Return the numbers of former champions, the last one last."""
    return str(store.client.get_registered_model(MODEL).tags.get(FORMER, "")).split()


def _remember(store: Store, former: list[str]) -> None:
    """Note the former champions."""
    store.client.set_registered_model_tag(MODEL, FORMER, " ".join(former))


def _alike(store: Store, version: "ModelVersion") -> "list[ModelVersion]":
    """Return the versions with the weights of this one, itself among them."""
    return [other for other in versions(store) if _weights(other) == _weights(version)]


def _weights(version: "ModelVersion") -> str:
    return str(version.tags["lvseg.weights_hash"])
