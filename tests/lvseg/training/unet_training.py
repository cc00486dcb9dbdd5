"""A training of the U-Net that takes seconds.

As a program: `python -m tests.lvseg.training.unet_training FOLDER HOME` trains it twice on the tiny shards in FOLDER,
writes the model to HOME, and prints both weights hashes, the scores of a fixed image and the device; TensorFlow cannot
be imported. Two levels of the network are left out.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

if __name__ == "__main__":
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # as where it is not installed

import numpy as np

from lvseg.core.backend import keras
from lvseg.data.examples import Example
from lvseg.models import unet
from lvseg.models.unet_params import UnetSettings
from lvseg.params import load
from lvseg.training import loop
from lvseg.training.recipe import Structures
from lvseg.training.unet import RECIPE
from tests.conftest import REPOSITORY
from tests.lvseg.training.tiny_training import Recorder, part

SHIPPED = load(REPOSITORY / "params.yaml").train_unet.chosen()
TINY = SHIPPED.model_copy(
    update={
        "epochs": 2, "images_per_epoch": 6, "batch_size": 3, "width": 8, "crop": 32, "image_size": 64,
        "spacing_mm": 2.0, "closer": SHIPPED.closer.model_copy(update={"spacing_mm": 2.0, "size": 32}),
    }
)  # fmt: skip


class Listener(Recorder):
    def started(self, resumed_from: int, total: int) -> None:
        self.resumed_from = resumed_from


def one_network(settings: UnetSettings, structures: Structures) -> keras.Model:
    """Return the network as `unet.build` does, with its weights, and an optimizer that has seen nothing.

    It is one and the same network for all trainings of one kind: to trace a graph takes ten times as long as they do.
    """
    new = unet.build(settings, structures)
    network = _networks.setdefault(settings.model_dump_json(exclude={"seed"}) + str(structures), new)
    if network is not new:
        network.set_weights(new.get_weights())
        for variable in network.optimizer.variables:
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
    return network


_networks: dict[str, keras.Model] = {}
QUICK = replace(RECIPE, build=one_network)


def train(learning: list[Example], settings: UnetSettings = TINY, **changes: Any) -> loop.TrainingResult:
    given: dict[str, Any] = {
        "recipe": QUICK,
        "settings": settings,
        "training": learning,
        "validation": [],
        "fingerprint": "unet",
        "inputs": {"params": settings.model_dump()},
        "listener": Listener(),
    }
    return loop.train(**given | changes)


def fixed_image() -> NDArray[np.float32]:
    """Return an image that is the same in every process."""
    return np.random.default_rng(0).normal(size=(1, 64, 64, 1)).astype(np.float32)


if __name__ == "__main__":
    folder, home = Path(sys.argv[1]), Path(sys.argv[2])
    unet.LEVELS = 3  # of layers like those of the other levels, each of which JAX compiles for seconds
    learning, held_out = part(folder, "train"), part(folder, "validation")
    results = [
        train(learning, recipe=RECIPE, validation=held_out, fingerprint=name) for name in ("one", "two")
    ]
    loop.write_outs(results[0], home / "models", home / "training")
    told = {
        "hashes": [result.weights_hash for result in results],
        "scores": results[0].model.predict_on_batch(fixed_image()).tolist(),
        "device": results[0].device,
        "val_dice": results[0].history[-1].get("val_dice"),
    }
    print(json.dumps(told))
