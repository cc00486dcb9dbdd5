"""What the last promotion of a pipeline run said, for whoever asks without MLflow."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from lvseg import params
from lvseg.core.hashes import canonical_json, file_hash, sha256_text
from lvseg.core.paths.files import atomic_path
from lvseg.core.paths.places import state_home
from tracking.runs.store import open_store, tracking_uri


@dataclass(frozen=True)
class LastDecision:
    """What became of a candidate.

    Attributes:
        title: of its run.
        version: its number in the registry.
        promoted: whether it is champion.
        reason: one sentence.
        champion: title and version of the champion; empty if there is none.
        champion_version: its number; empty if there is none.
    """

    title: str
    version: str
    promoted: bool
    reason: str
    champion: str
    champion_version: str

    @property
    def words(self) -> str:
        """Return all of it in a sentence or two."""
        verdict = "is champion" if self.promoted else "is not champion"
        others = "" if self.promoted else f" Champion: {self.champion or 'none yet'}."
        return f"{self.title} (v{self.version}) {verdict}: {self.reason}.{others}"


def keep(workspace: Path, decision: LastDecision) -> None:
    """Note what was decided about the models of a workspace as they are."""
    path = _path(workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as unfinished:
        unfinished.write_text(json.dumps(asdict(decision), indent=2), encoding="utf-8")


def last_decision(workspace: Path) -> LastDecision | None:
    """Return what was decided about exactly these scores, by these rules, in this store; None if nothing was."""
    try:
        return LastDecision(**json.loads(_path(workspace).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def confirmed_decision(workspace: Path) -> LastDecision | None:
    """Return the last decision if the registry still says the same: people change it by hand, in its pages too.

    None also where the store cannot be asked: whoever decides anew will say so.
    """
    from tracking.registry.living_run import living_run
    from tracking.registry.versions import CHAMPION, alias_of, number_of, versions

    decision = last_decision(workspace)
    if decision is None:
        return None
    try:
        store = open_store(params.load(workspace / "params.yaml").tracking.experiment)
        champion = alias_of(store, CHAMPION)
        there = decision.version in {number_of(version) for version in versions(store)}
        alive = champion is None or living_run(store, champion) is not None
    except Exception:
        return None
    same = decision.champion_version == (number_of(champion) if champion else "")
    return decision if there and alive and same else None


def forget() -> None:
    """Drop all notes: another model is champion now."""
    shutil.rmtree(_folder(), ignore_errors=True)


def _folder() -> Path:
    return state_home() / "promotion"


def _path(workspace: Path) -> Path:
    """Return where the decision on a workspace's models is noted."""
    rules = params.load(workspace / "params.yaml").promotion.model_dump(mode="json")
    scores = workspace / "reports" / "metrics.json"
    known = [file_hash(scores) if scores.is_file() else "", rules, tracking_uri()]
    return _folder() / f"{sha256_text(canonical_json(known))[:32]}.json"
