"""The measures of a segmentation, in NumPy. `lvseg.models.keras_metrics` holds the same for training."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def dice(predicted: NDArray[Any], reference: NDArray[Any]) -> float:
    """Return twice the shared area over the sum of both areas (Dice 1945), from 0 to 1.

    It is NaN when both masks are empty, because there is nothing to compare, and 0 when only one is.

    Args:
        predicted: (H, W), what a model drew; 0 is outside, anything else inside.
        reference: (H, W), what the expert drew.

    Example:
        >>> dice(np.array([[1, 1, 0]]), np.array([[0, 1, 1]]))
        0.5
    """
    shared, total = _areas(predicted, reference)
    return 2 * shared / total if total else math.nan


def dice_smoothed(predicted: NDArray[Any], reference: NDArray[Any]) -> float:
    """Return the article's Dice of two masks (H, W), (2 intersection + 1) / (sum of areas + 1); docs/article.md.

    It is 1 when both masks are empty.
    """
    shared, total = _areas(predicted, reference)
    return (2 * shared + 1) / (total + 1)


def accuracy(predicted: NDArray[Any], reference: NDArray[Any]) -> float:
    """Return the share of pixels, from 0 to 1, on which two masks (H, W) agree.

    An empty mask already scores 0.98 on a heart.
    """
    return float(np.mean(predicted.astype(bool) == reference.astype(bool)))


def cross_entropy(margin: NDArray[np.floating], reference: NDArray[Any]) -> float:
    """Return the mean cross-entropy in nats of scores against the mask that an expert drew.

    Args:
        margin: (H, W), score of the class 1 minus that of the class 0, before any softmax.
        reference: (H, W), 0 or 1.
    """
    return float(
        np.mean(np.logaddexp(0.0, np.where(reference.astype(bool), -1.0, 1.0) * margin.astype(np.float64)))
    )


def _areas(predicted: NDArray[Any], reference: NDArray[Any]) -> tuple[int, int]:
    """Return intersection and sum of areas, in pixels."""
    first, second = predicted.astype(bool), reference.astype(bool)
    return int(np.count_nonzero(first & second)), int(np.count_nonzero(first) + np.count_nonzero(second))
