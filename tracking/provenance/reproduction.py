"""Build a version of the registered model once more, from nothing but its chain, and compare the hashes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from lvseg.core import kernels
from lvseg.core.code.git import read_file
from lvseg.core.errors import UserError
from lvseg.core.hashes import file_hash, tree_hash
from lvseg.core.paths.places import ROOT, state_home
from lvseg.data.examples import SHARDS, SPLIT
from tracking.provenance.checkout import temporary_worktree, undisturbed
from tracking.provenance.dvc_command import dvc, dvc_environment
from tracking.provenance.raw_data import Raw, ids_public, raw_data, write_pointer
from tracking.registry.trust.recorded import recorded
from tracking.registry.version_tags import tags_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

KEY = "pseudonym.key"
LOCK = "requirements/runtime.lock"
# All stages up to the target, whatever DVC knows of them, and nothing of it into the cache.
_REPRO = ("repro", "--force", "--no-run-cache", "--no-commit")
_GRACE = 10.0  # seconds between the request to end and the end by force


@dataclass(frozen=True)
class Plan:
    """What a version says of how it was made.

    Attributes:
        stage, model: `train-cnn`, `cnn`.
        raw: the places of its raw data.
        raw_hashes: DVC's hash of each; none if they were not recorded.
        ids_public: whether the ids of patients are stored as they are.
        recorded: the hashes to compare, by name: shards, split, inputs (the fingerprint), weights.
        device: what it was trained on, in words.
        surroundings: the environment variables that are part of its fingerprint.
        processor: the kind that it was trained on; empty for a version from before that was recorded.
        other_libraries: whether the commit asks for other versions than this checkout.
    """

    commit: str
    stage: str
    model: str
    raw: tuple[Raw, ...]
    raw_hashes: tuple[str, ...]
    ids_public: bool
    recorded: dict[str, str]
    device: str
    surroundings: dict[str, str]
    processor: str
    other_libraries: bool


@dataclass(frozen=True)
class Compared:
    """A hash that a version recorded, and the one of what was built again."""

    name: str
    recorded: str
    rebuilt: str

    @property
    def same(self) -> bool:
        """Return whether they are equal."""
        return self.recorded == self.rebuilt


def plan(version: "ModelVersion", summary: Mapping[str, Any], root: Path = ROOT) -> Plan:
    """Return how a version is built again.

    Args:
        summary: `run.json` of its training.

    Raises:
        UserError: its chain is broken where nothing can be built without it.
    """
    tags = tags_of(version)
    wanted = {
        "shards": "shards_hash", "split": "split_hash", "inputs": "fingerprint", "weights": "weights_hash",
    }  # fmt: skip
    needed = {f"lvseg.{name}" for name in ("git_commit", "stage", "model", *wanted.values())}
    if lacking := sorted(needed - tags.keys()):
        raise UserError(
            f"v{version.version} does not say where it comes from: it has no {', '.join(lacking)}"
        )
    if tags.get("lvseg.git_dirty") != "false":
        raise UserError(
            f"v{version.version} was trained from code or parameters that no commit holds: it cannot be built "
            "again; commit and train anew"
        )
    commit = recorded(tags, "git_commit")
    raw, public = raw_data(commit, root), ids_public(commit, root)
    hashes = tuple(filter(None, recorded(tags, "dvc.raw", "").split(",")))
    if not public and not (state_home() / KEY).is_file():
        raise UserError(
            f"{state_home() / KEY} is missing: without the key the patients get other pseudonyms than in "
            f"v{version.version}; bring back your copy"
        )
    return Plan(
        commit=commit,
        stage=recorded(tags, "stage"),
        model=recorded(tags, "model"),
        raw=raw,
        raw_hashes=hashes if len(hashes) == len(raw) else (),
        ids_public=public,
        recorded={name: tags[f"lvseg.{tag}"] for name, tag in wanted.items()},
        device=tags.get("lvseg.device", "unknown"),
        surroundings=summary.get("inputs", {}).get("surroundings", {}),
        processor=summary.get("kernels", {}).get("processor", ""),
        other_libraries=read_file(commit, LOCK, root) != (root / LOCK).read_text(encoding="utf-8"),
    )


def build_again(plan: Plan, tell: Callable[[Compared], None], root: Path = ROOT) -> list[Compared]:
    """Build and return the comparisons; `tell` gets each as soon as it is made. Other data ends it.

    The stages run in a temporary worktree, with a state folder and a tracking store that are as temporary: no
    checkpoint, no cached patient and no run of before takes part. What they print is not held back.

    Raises:
        UserError: raw data cannot be had, or a stage stopped.
    """
    with temporary_worktree(plan.commit, root) as place:
        home = place.with_name("home")
        home.mkdir()
        if not plan.ids_public:
            shutil.copy(state_home() / KEY, home)  # with its mode: for the owner alone
        # A commit of before may heed what ours leaves out, `keras.json` among it.
        environment = kernels.as_recorded(dvc_environment(), plan.surroundings) | {
            "KERAS_HOME": str(home / "keras"),
            "LVSEG_HOME": str(home),
            "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db",
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),
            "PYTHONUNBUFFERED": "1",
        }
        for number, raw in enumerate(plan.raw):
            if raw.stage is None:
                value = plan.raw_hashes[number] if plan.raw_hashes else ""
                _bring(Path(raw.path), value, plan.commit, place, environment)
        _run(("split",), place, environment)
        compared = _compare(plan, tell, shards=tree_hash(place / SHARDS), split=file_hash(place / SPLIT))
        if all(one.same for one in compared):
            _run(("--single-item", plan.stage), place, environment)
            made = json.loads((place / "models" / plan.model / "run.json").read_text(encoding="utf-8"))
            compared += _compare(plan, tell, inputs=made["fingerprint"], weights=made["weights_hash"])
        return compared


def _compare(plan: Plan, tell: Callable[[Compared], None], **rebuilt: str) -> list[Compared]:
    """Compare some hashes with the recorded ones."""
    compared = [Compared(name, plan.recorded[name], value) for name, value in rebuilt.items()]
    for one in compared:
        tell(one)
    return compared


def _bring(raw: Path, value: str, commit: str, place: Path, environment: Mapping[str, str]) -> None:
    """Put a place of raw data into a worktree, out of DVC's cache or remote; `value` is its hash, if that is known."""
    pointers = [path.with_name(f"{path.name}.dvc") for path in (raw, *raw.parents) if path.name]
    pointer = next((path for path in pointers if (place / path).is_file()), pointers[0])
    if not (place / pointer).is_file():  # it was never committed
        if not value:
            raise UserError(f"{commit[:12]} does not say which {raw}: {pointer} is not in the commit")
        write_pointer(place / pointer, raw.name, value)
    try:
        dvc("checkout", str(pointer), root=place, **environment)
    except UserError:  # not in the cache
        try:
            dvc("pull", str(pointer), root=place, **environment)
        except UserError as error:
            raise UserError(
                f"{raw}: the raw data is in neither DVC's cache nor its remote ({error})"
            ) from None


def _run(target: tuple[str, ...], place: Path, environment: Mapping[str, str]) -> None:
    """Run stages; whatever ends this ends them, too.

    Raises:
        UserError: one of them stopped.
    """
    command = [sys.executable, "-m", "dvc", *_REPRO, *target]
    process = subprocess.Popen(command, cwd=place, env=environment, stdin=subprocess.DEVNULL)
    try:
        if process.wait() != 0:
            raise UserError(f"it cannot be built again: the stage {target[-1]} stopped, see above")
    finally:
        if process.poll() is None:
            with undisturbed():
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a command: DVC passes no signal on to the stage that it runs."""
    with suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid)
        left = [*started.children(recursive=True), started]
        for each in left:
            with suppress(psutil.NoSuchProcess):
                each.terminate()
        for each in psutil.wait_procs(left, timeout=_GRACE)[1]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
    process.wait()
