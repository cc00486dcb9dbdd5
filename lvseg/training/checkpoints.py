"""What a killed training needs to go on as if nothing had happened.

One file per finished epoch holds every variable of the model, the states of its seed generators among
them, every variable of the optimizer, and the history. The last two are kept: if the newest turns out to be
damaged, the one before it serves.
"""

import json
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lvseg.core.own_lines import say
from lvseg.core.paths.files import atomic_path
from lvseg.core.paths.places import state_home

if TYPE_CHECKING:
    import keras

_KEPT = 2


@dataclass(frozen=True)
class Past:
    """What earlier processes did: metrics of each finished epoch, and the seconds they took."""

    history: list[dict[str, float]]
    seconds: float


def folder(fingerprint: str) -> Path:
    """Return where the checkpoints of one training lie."""
    return state_home() / "checkpoints" / fingerprint


def forget(fingerprint: str) -> None:
    """Remove the checkpoints of a training whose results are safe elsewhere."""
    shutil.rmtree(folder(fingerprint), ignore_errors=True)


def save(fingerprint: str, model: "keras.Model", past: Past) -> None:
    """Write a checkpoint of a model after `len(past.history)` epochs; all but the last two are removed."""
    from lvseg.core.backend import keras

    arrays = {f"v{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(_variables(model))}
    state = json.dumps({"history": past.history, "seconds": past.seconds}, allow_nan=False)
    path = folder(fingerprint) / f"epoch-{len(past.history):05d}.npz"
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, state=np.array(state), **arrays)
    for old in _newest_first(fingerprint)[_KEPT:]:
        old.unlink(missing_ok=True)


def restore(fingerprint: str, model: "keras.Model") -> Past:
    """Set a compiled model to its newest sound checkpoint; without one, leave it and return an empty past."""
    # Also where there is none: an optimizer that is built by the first batch costs a second tracing of the graph.
    variables = _variables(model)
    for path in _newest_first(fingerprint):
        try:
            return _load(path, variables)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            say(f"warning: {path} is damaged and left aside ({error})", sys.stderr)
    return Past([], 0.0)


def _load(path: Path, variables: list[Any]) -> Past:
    """Read a whole checkpoint, then assign it: a damaged file changes nothing."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        state = json.loads(str(archive["state"]))
        arrays = [archive[f"v{i}"] for i in range(len(variables))]
    for variable, array in zip(variables, arrays, strict=True):
        if tuple(variable.shape) != array.shape:
            raise ValueError(f"{variable.path} has the shape {array.shape}, not {tuple(variable.shape)}")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return Past(state["history"], state["seconds"])


def _variables(model: "keras.Model") -> list[Any]:
    """Return everything that a training changes, in the order in which the code makes it."""
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _newest_first(fingerprint: str) -> list[Path]:
    """Return the checkpoints of a training."""
    return sorted(folder(fingerprint).glob("epoch-*.npz"), reverse=True)
