"""A training from examples to a recorded run: the body of the train stages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from lvseg.dataset import Example, examples
from lvseg.errors import UserError
from lvseg.identity import state_home, training_fingerprint
from lvseg.params import Params, load
from tracking.delivery import record_training
from tracking.lineage import SHARDS, SPLIT, training_record
from tracking.live import LiveRun

if TYPE_CHECKING:
    from lvseg.recipe import Recipe


def tracked_training(recipe: "Recipe", params: Params) -> None:
    """Train one network on `data/`, write `models/<name>` and `training/<name>`, and record it in MLflow.

    Args:
        recipe: the network and how it is trained.
        params: all parameters.

    Raises:
        UserError: data is missing, or the tracking store is and `tracking.required` is set.
    """
    from lvseg.training import train, write_outs

    stage, name, settings = recipe.stage, recipe.name, recipe.settings(params)
    learning, held_out = _examples(recipe, params)
    fingerprint, inputs = _fingerprint(recipe, params)
    record = training_record(
        params, {"model": name, "stage": stage, "fingerprint": fingerprint, "inputs": inputs}
    )
    model, training = Path("models") / name, Path("training") / name
    required = params.tracking.required
    before = _fingerprint(recipe, load())[0]
    with _alone(fingerprint), LiveRun(record, required) as live:
        result = train(
            recipe=recipe,
            settings=settings,
            training=learning,
            validation=held_out,
            fingerprint=fingerprint,
            inputs=inputs,
            listener=live,
        )
        if _fingerprint(recipe, load())[0] != before:
            # DVC notes parameters and code as they are at the end: it would take this model for theirs.
            raise UserError(f"{stage}: parameters, code or data changed while it trained: run it again")
        write_outs(result, model, training)
        run_id = record_training(live.finished(result.weights_hash), model, training, required=required)
        if run_id:
            live.yield_to(run_id)
        if not _awaited(fingerprint):  # who waits finds the last epoch there and has nothing left to train
            from lvseg import checkpoints

            checkpoints.forget(fingerprint)  # hundreds of megabytes; `dvc repro --force` then trains anew


def _examples(recipe: "Recipe", params: Params) -> tuple[list[Example], list[Example]]:
    """Return the slices to learn from and those to validate on."""
    drop, empty = params.quality.drop_from_training, recipe.learns_empty
    learning = examples(SHARDS, SPLIT, "train", drop, empty).examples
    if recipe.learns_from_validation(recipe.settings(params)):
        return learning + examples(SHARDS, SPLIT, "validation", drop, empty).examples, []
    return learning, examples(SHARDS, SPLIT, "validation", drop).examples


def _fingerprint(recipe: "Recipe", params: Params) -> tuple[str, dict[str, Any]]:
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
        print("another process trains the same: waiting for it", flush=True)
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
