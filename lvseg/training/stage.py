"""A training stage from examples to `models/<name>`: what `tasks/train_*.py` run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout

from lvseg.core.errors import UserError
from lvseg.core.own_lines import say
from lvseg.core.paths.files import refuse_link
from lvseg.core.paths.places import state_home
from lvseg.data.examples import SHARDS, SPLIT, Example, select_examples
from lvseg.training.fingerprint import training_fingerprint
from lvseg.training.recipe import Recipe

if TYPE_CHECKING:
    from lvseg.params import Params


@dataclass(frozen=True)
class TrainingFacts:
    """What is known of a training before it starts.

    Attributes:
        stage: its name in dvc.yaml, such as `train-unet`.
        model: the name of the network, such as `unet`.
        fingerprint: the input fingerprint.
        inputs: what the fingerprint is a hash of.
    """

    stage: str
    model: str
    fingerprint: str
    inputs: dict[str, Any]


class Observer(Protocol):
    """Who records a training: nothing that it does can change a weight. It is also a `loop.Listener`."""

    def started(self, resumed_from: int, total: int) -> None:
        """Training begins after `resumed_from` of `total` epochs."""

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Epoch `number` (from 1) has ended."""

    def finished(self, weights_hash: str, model: Path, training: Path) -> None:
        """The outs of the training stand in the folders `model` and `training`."""


Observe = Callable[["Params", TrainingFacts], AbstractContextManager[Observer]]


def train_stage(recipe: Recipe, read_params: Callable[[], "Params"], observe: Observe) -> None:
    """Train one network on `data/` and write `models/<name>` and `training/<name>`.

    Args:
        recipe: the network and how it is trained.
        read_params: returns all parameters; it is asked again at the end, because DVC notes parameters and code as
            they are then.
        observe: returns the observer of a training; as a context manager it learns how the training ends.

    Raises:
        UserError: data is missing, an out is a link, or parameters, code or data changed while the network trained.
    """
    from lvseg.training import checkpoints
    from lvseg.training.loop import train, write_outs

    params = read_params()
    model, training = Path("models") / recipe.name, Path("training") / recipe.name
    for out in (model, training):
        refuse_link(out)  # now, not after hours
    learning, held_out = _examples(recipe, params)
    fingerprint, inputs = _fingerprint(recipe, params)
    facts = TrainingFacts(recipe.stage, recipe.name, fingerprint, inputs)
    observation = observe(params, facts)  # before a wait, in which the commit that it notes might change
    with _alone(fingerprint), observation as observer:
        result = train(
            recipe=recipe,
            settings=recipe.settings(params),
            training=learning,
            validation=held_out,
            fingerprint=fingerprint,
            inputs=inputs,
            listener=observer,
        )
        if _fingerprint(recipe, read_params())[0] != fingerprint:
            # DVC notes parameters and code as they are at the end: it would take this model for theirs.
            raise UserError(
                f"{recipe.stage}: parameters, code or data changed while it trained: run it again"
            )
        write_outs(result, model, training)
        observer.finished(result.weights_hash, model, training)
        if not _awaited(fingerprint):  # who waits finds the last epoch there and has nothing left to train
            checkpoints.forget(fingerprint)  # hundreds of megabytes; `dvc repro --force` then trains anew


def _examples(recipe: Recipe, params: "Params") -> tuple[list[Example], list[Example]]:
    """Return the slices to learn from and those to validate on."""
    drop, everything = params.quality.drop_from_training, recipe.learns_everything
    learning = select_examples(SHARDS, SPLIT, "train", drop, everything).examples
    if recipe.learns_from_validation(recipe.settings(params)):
        return learning + select_examples(SHARDS, SPLIT, "validation", drop, everything).examples, []
    return learning, select_examples(SHARDS, SPLIT, "validation", drop).examples


def _fingerprint(recipe: Recipe, params: "Params") -> tuple[str, dict[str, Any]]:
    """Return the fingerprint of the training as params, code and data are now, and what it is a hash of."""
    read_params = {
        **_flat(recipe.settings(params).model_dump(mode="json")),
        "drop_from_training": sorted(params.quality.drop_from_training),
    }
    return training_fingerprint(f"tasks.{recipe.section}", read_params, SHARDS, SPLIT)


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level, with dotted names: a column each where runs are compared."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


@contextmanager
def _alone(fingerprint: str) -> Iterator[None]:
    """Wait until no other process, in this worktree or another, trains from the same inputs."""
    turn = FileLock(_lock_file(fingerprint))
    try:
        turn.acquire(timeout=0)
    except Timeout:
        say("another process trains the same: waiting for it")
        with FileLock(_lock_file(fingerprint, "next")):
            turn.acquire()
    try:
        yield
    finally:
        turn.release()


def _awaited(fingerprint: str) -> bool:
    """Return whether another process waits to train from the same inputs."""
    try:
        with FileLock(_lock_file(fingerprint, "next"), timeout=0):
            return False
    except Timeout:
        return True


def _lock_file(fingerprint: str, kind: str = "turn") -> Path:
    """Return the file of a lock on one training; the kernel frees the lock of a process that died."""
    path = state_home() / "checkpoints" / f"{fingerprint}.{kind}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
