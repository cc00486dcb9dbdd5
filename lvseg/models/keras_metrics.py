"""Dice and accuracy as Keras metrics, on the arg max of the scores, for any Keras backend.

`lvseg.metrics.overlap` holds the same measures in NumPy, for evaluation.
"""

from typing import Any

from lvseg.core.backend import keras

ops = keras.ops


def _areas(truth: Any, scores: Any) -> tuple[Any, Any]:
    """Return intersection and sum of areas in pixels, both (batch,), of the class 1."""
    predicted = ops.cast(ops.argmax(scores, axis=-1), "float32")
    # A mask that tells how far each grid point is covered counts where that is half or more.
    drawn = ops.cast(ops.cast(ops.reshape(truth, ops.shape(predicted)), "float32") >= 0.5, "float32")
    return ops.sum(predicted * drawn, axis=(1, 2)), ops.sum(predicted + drawn, axis=(1, 2))


@keras.saving.register_keras_serializable(package="lvseg")
class Accuracy(keras.metrics.Mean):
    """Share of grid points with the right class."""

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in masks (batch, H, W) and scores (batch, H, W, 2)."""
        inside = ops.cast(ops.cast(y_true, "float32") >= 0.5, "int32")
        right = ops.equal(ops.cast(ops.argmax(y_pred, axis=-1), "int32"), inside)
        super().update_state(ops.mean(ops.cast(right, "float32"), (1, 2)), sample_weight)


@keras.saving.register_keras_serializable(package="lvseg")
class SmoothedDice(keras.metrics.Mean):
    """The article's Dice, (2 intersection + 1) / (sum of areas + 1) per image, mean over images.

    Two empty masks count as 1, and so does nothing else: a missed contour of n pixels counts 1 / (n + 1).
    """

    def __init__(self, name: str = "dice_smoothed", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in masks (batch, H, W) or (batch, H, W, 1) and scores (batch, H, W, 2)."""
        shared, total = _areas(y_true, y_pred)
        super().update_state((2 * shared + 1) / (total + 1), sample_weight)


@keras.saving.register_keras_serializable(package="lvseg")
class Dice(keras.metrics.Mean):
    """2 intersection / sum of areas per image, mean over the images where either mask holds anything.

    Two empty masks have no Dice and are left out; when no image is left the result is NaN.
    """

    def __init__(self, name: str = "dice", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in masks (batch, H, W) or (batch, H, W, 1) and scores (batch, H, W, 2)."""
        shared, total = _areas(y_true, y_pred)
        defined = ops.cast(total > 0, "float32")
        if sample_weight is not None:
            defined = defined * ops.cast(sample_weight, "float32")
        super().update_state(2 * shared / ops.maximum(total, 1.0), defined)

    def result(self) -> Any:
        """Return the mean as a scalar, NaN when nothing counted."""
        return ops.where(self.count > 0, super().result(), float("nan"))
