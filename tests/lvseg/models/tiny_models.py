"""Networks whose answers are known: one that finds every bright disc, one that never draws anything."""

import json
from pathlib import Path

import numpy as np

from lvseg.core.backend import keras


def threshold_model(size: int | None = 64, level: float = 2.0) -> keras.Model:
    """Return a network that calls cavity what is brighter than `level` after normalisation."""
    image = keras.Input((size, size, 1), name="image")
    layer = keras.layers.Conv2D(2, 1, name="scores")
    model = keras.Model(image, layer(image), name="threshold")
    layer.set_weights([np.array([[[[0.0, 1.0]]]], np.float32), np.array([0.0, -level], np.float32)])
    return model


def blank_model(size: int = 64) -> keras.Model:
    """Return a network that finds background everywhere, with the scores (1, -1)."""
    model = threshold_model(size)
    model.get_layer("scores").set_weights(
        [np.zeros((1, 1, 1, 2), np.float32), np.array([1.0, -1.0], np.float32)]
    )
    return model


def save_trained(folder: Path, name: str, model: keras.Model) -> None:
    """Write `folder`/`name` as a training leaves it."""
    home = folder / name
    home.mkdir(parents=True)
    model.save(home / "model.keras")
    run = {
        "model": name,
        "stage": f"train-{name}",
        "fingerprint": "f" * 64,
        "weights_hash": "a" * 64,
        "parameters": model.count_params(),
        "epochs": 2,
        "inputs": {"params": {"epochs": 2, "as_published": False}},
        "prediction": {"size": 64, "spacing_mm": None, "views": 1, "one_region": False},
        "final": {},
    }
    (home / "run.json").write_text(json.dumps(run), encoding="utf-8")
    # The Dice of a first epoch that draws nothing where nothing is drawn is undefined: an empty cell.
    (home / "history.csv").write_text(
        "epoch,loss,accuracy,dice,dice_smoothed,val_loss,val_accuracy,val_dice,val_dice_smoothed\n"
        "1,0.7,0.9,,0.1,0.8,0.9,0.2,0.2\n2,0.02,0.99,0.5,0.5,0.3,0.9,0.4,0.4\n",
        encoding="utf-8",
    )


def grey_model(size: int, labels: list[int]) -> keras.Model:
    """Return a network that tells labels by brightness, from the darkest on, at equal steps of the normalised image.

    Its logits are lines over the brightness; of four lines through neighbouring crossings each is the highest in turn.
    """
    crossings = [-0.05, 0.9, 2.8]
    logits = np.zeros((1, 1, 1, len(labels)), np.float32)
    offsets = np.zeros(len(labels), np.float32)
    offset = 0.0
    for place, label in enumerate(labels):
        logits[..., label] = 4.0 * place
        offsets[label] = offset
        offset -= 4.0 * crossings[place] if place < len(crossings) else 0.0
    image = keras.Input((size, size, 1), name="image")
    layer = keras.layers.Conv2D(len(labels), 1, name="scores")
    model = keras.Model(image, layer(image), name="grey")
    layer.set_weights([logits, offsets])
    return model
