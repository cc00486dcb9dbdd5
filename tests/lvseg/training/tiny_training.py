"""A training of seconds with everything in it that breaks resuming: dropout, reshuffling, a smaller last batch.

As a program: `python -m tests.lvseg.training.tiny_training SHARDS EPOCH` trains on one core and kills itself with
SIGKILL when epoch EPOCH has been computed, but not yet saved.
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lvseg.core.backend import keras
from lvseg.data.examples import Example, select_examples
from lvseg.models.article import compiled
from lvseg.models.article_params import TrainParams
from lvseg.training import loop
from lvseg.training.article import article_recipe

SETTINGS = TrainParams(
    epochs=4, batch_size=4, learning_rate=0.01, image_size=32, seed=3, threads=2, as_published=False
)


class Recorder:
    """A listener that remembers, and can end the process."""

    def __init__(self, dies_in: int = 0) -> None:
        self.epochs: dict[int, dict[str, float]] = {}
        self.resumed_from = -1
        self._dies_in = dies_in

    def started(self, resumed_from: int, total: int) -> None:
        assert total == SETTINGS.epochs
        self.resumed_from = resumed_from

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        self.epochs[number] = metrics
        if number == self._dies_in:
            os.kill(os.getpid(), signal.SIGKILL)


def build(settings: TrainParams, bias: float = 0.0) -> keras.Model:
    """Return a network of 114 parameters with dropout."""
    image = keras.Input((settings.image_size, settings.image_size, 1), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="features")(image)
    x = keras.layers.Dropout(0.5, name="dropout")(x)
    start = keras.initializers.Constant(bias)
    x = keras.layers.Conv2D(2, 3, padding="same", bias_initializer=start, name="scores")(x)
    return compiled(keras.Model(image, x, name="tiny"), settings)


def part(folder: Path, name: str) -> list[Example]:
    """Return the examples of a part of the tiny shards."""
    return select_examples(folder / "shards", folder / "split.csv", name, ()).examples


def train(folder: Path, fingerprint: str, listener: Recorder, **changes: Any) -> loop.TrainingResult:
    """Train the tiny network on the tiny shards."""
    recipe = replace(article_recipe("tiny", changes.pop("build", build)), settings=lambda params: SETTINGS)
    given: dict[str, Any] = {
        "recipe": recipe,
        "settings": SETTINGS,
        "training": part(folder, "train"),
        "validation": part(folder, "validation"),
        "fingerprint": fingerprint,
        "inputs": {"params": SETTINGS.model_dump()},
        "listener": listener,
    }
    return loop.train(**given | changes)


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    train(Path(sys.argv[1]), "killed", Recorder(dies_in=int(sys.argv[2])))
