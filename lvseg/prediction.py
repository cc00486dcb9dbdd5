"""From frames to masks on the frames' own grid, with a trained network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from lvseg import grid
from lvseg.errors import UserError


@dataclass(frozen=True)
class Prediction:
    """What a network says of one frame, on the frame's own grid.

    Attributes:
        mask: (H, W) uint8, 1 in the cavity.
        scores: (H, W, 2) float32, for background and cavity, as the network returns them.
    """

    mask: np.ndarray
    scores: np.ndarray


def load_model(path: Path) -> keras.Model:
    """Load a trained network for prediction; nothing that a stranger put into the file is executed.

    Raises:
        UserError: the file is missing, damaged, or not a Keras model.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is not a readable model ({reason}): run `dvc repro` to train it again"
        ) from None


def predict(model: keras.Model, images: Sequence[np.ndarray]) -> list[Prediction]:
    """Segment one batch of frames, each (H, W) in its original type; their sizes may differ."""
    size = model.input_shape[1]
    batch = np.stack([grid.model_input(image, size) for image in images])
    on_grid = np.asarray(model.predict_on_batch(batch))
    predictions = []
    for image, own in zip(images, on_grid, strict=True):
        scores = grid.restored(own, image.shape)
        predictions.append(Prediction(scores.argmax(axis=-1).astype(np.uint8), scores))
    return predictions
