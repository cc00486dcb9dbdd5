"""Dice and accuracy of the cavity as Keras metrics, on the arg max of the scores, for any Keras backend.

`lvseg.metrics.overlap` holds the same measures in NumPy, for evaluation.
"""

from typing import Any

from lvseg.core.backend import keras
from lvseg.models.targets import UNKNOWN

ops = keras.ops


def _cavity(truth: Any, scores: Any) -> tuple[Any, Any, Any]:
    """Return the drawn and the predicted cavity, (batch, H, W) float32, and where it is known, (batch,) float32."""
    predicted = ops.cast(ops.equal(ops.argmax(scores, axis=-1), 1), "float32")
    truth = ops.cast(truth, "float32")
    truth = truth[..., 0] if len(truth.shape) > len(predicted.shape) else truth
    known = ops.cast(truth[:, 0, 0] > UNKNOWN, "float32")
    # A mask that tells how far each grid point is covered counts where that is half or more.
    return ops.cast(truth >= 0.5, "float32"), predicted, known


def _areas(drawn: Any, predicted: Any) -> tuple[Any, Any]:
    """Return intersection and sum of areas in pixels, both (batch,)."""
    return ops.sum(predicted * drawn, axis=(1, 2)), ops.sum(predicted + drawn, axis=(1, 2))


def _weight(known: Any, sample_weight: Any) -> Any:
    """Return what an image counts: nothing where the cavity is unknown."""
    return known if sample_weight is None else known * ops.cast(sample_weight, "float32")


@keras.saving.register_keras_serializable(package="lvseg")
class Accuracy(keras.metrics.Mean):
    """Share of grid points that are rightly said to be in the cavity, or not."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in masks (batch, H, W, C) and scores (batch, H, W, 1 + C), the cavity first."""
        drawn, predicted, known = _cavity(y_true, y_pred)
        right = ops.mean(ops.cast(ops.equal(drawn, predicted), "float32"), (1, 2))
        super().update_state(right, _weight(known, sample_weight))


@keras.saving.register_keras_serializable(package="lvseg")
class SmoothedDice(keras.metrics.Mean):
    """The article's Dice, (2 intersection + 1) / (sum of areas + 1) per image, mean over images.

    Two empty masks count as 1, and so does nothing else: a missed contour of n pixels counts 1 / (n + 1).
    """

    def __init__(self, name: str = "dice_smoothed", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in masks (batch, H, W) or (batch, H, W, C) and scores (batch, H, W, 1 + C), the cavity first."""
        drawn, predicted, known = _cavity(y_true, y_pred)
        shared, total = _areas(drawn, predicted)
        super().update_state((2 * shared + 1) / (total + 1), _weight(known, sample_weight))


@keras.saving.register_keras_serializable(package="lvseg")
class Dice(keras.metrics.Mean):
    """2 intersection / sum of areas per image, mean over the images where either mask holds anything.

    Two empty masks have no Dice and are left out; when no image is left the result is NaN.
    """

    def __init__(self, name: str = "dice", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in masks (batch, H, W) or (batch, H, W, C) and scores (batch, H, W, 1 + C), the cavity first."""
        drawn, predicted, known = _cavity(y_true, y_pred)
        shared, total = _areas(drawn, predicted)
        defined = ops.cast(total > 0, "float32") * _weight(known, sample_weight)
        super().update_state(2 * shared / ops.maximum(total, 1.0), defined)

    def result(self) -> Any:
        """Return the mean as a scalar, NaN when nothing counted."""
        return ops.where(self.count > 0, super().result(), float("nan"))
