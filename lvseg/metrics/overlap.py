"""The measures of a segmentation, in NumPy. `lvseg.models.keras_metrics` holds the same for training."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def dice(predicted: NDArray[Any], drawn: NDArray[Any]) -> float:
    """Return 2 intersection / sum of areas of two masks of one shape.

    NaN when both are empty, because there is nothing to compare; 0 when only one is.
    """
    shared, total = _areas(predicted, drawn)
    return 2 * shared / total if total else math.nan


def dice_smoothed(predicted: NDArray[Any], drawn: NDArray[Any]) -> float:
    """Return the article's Dice, (2 intersection + 1) / (sum of areas + 1): 1 when both masks are empty."""
    shared, total = _areas(predicted, drawn)
    return (2 * shared + 1) / (total + 1)


def accuracy(predicted: NDArray[Any], drawn: NDArray[Any]) -> float:
    """Return the share of pixels on which two masks agree. An empty mask already scores 0.98 on a heart."""
    return float(np.mean(predicted.astype(bool) == drawn.astype(bool)))


def cross_entropy(margin: NDArray[np.floating], drawn: NDArray[Any]) -> float:
    """Return the mean cross-entropy in nats against a mask (H, W).

    Args:
        margin: (H, W), score of the class 1 minus that of the class 0, before any softmax.
        drawn: 0 or 1.
    """
    return float(
        np.mean(np.logaddexp(0.0, np.where(drawn.astype(bool), -1.0, 1.0) * margin.astype(np.float64)))
    )


def _areas(predicted: NDArray[Any], drawn: NDArray[Any]) -> tuple[int, int]:
    """Return intersection and sum of areas, in pixels."""
    first, second = predicted.astype(bool), drawn.astype(bool)
    return int(np.count_nonzero(first & second)), int(np.count_nonzero(first) + np.count_nonzero(second))
