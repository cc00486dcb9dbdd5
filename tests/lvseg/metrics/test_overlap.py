"""NumPy measures against cases computed by hand."""

import math

import numpy as np
import pytest

from lvseg.imaging.types import Mask
from lvseg.metrics import overlap


def mask(*pixels: int) -> Mask:
    """Return a 4 x 4 mask with the given flat pixels set."""
    flat = np.zeros(16, np.uint8)
    flat[list(pixels)] = 1
    return flat.reshape(4, 4)


@pytest.mark.parametrize(
    ("predicted", "drawn", "dice", "smoothed"),
    [
        (mask(1, 2), mask(1, 2), 1.0, 1.0),
        (mask(1, 2, 3), mask(3), 0.5, 3 / 5),
        (mask(1), mask(2, 3), 0.0, 1 / 4),
        (mask(), mask(2, 3, 4), 0.0, 1 / 4),  # a missed contour
        (mask(5), mask(), 0.0, 1 / 2),
    ],
)
def test_dice_of_known_masks(predicted: Mask, drawn: Mask, dice: float, smoothed: float) -> None:
    assert overlap.dice(predicted, drawn) == pytest.approx(dice)
    assert overlap.dice_smoothed(predicted, drawn) == pytest.approx(smoothed)


def test_two_empty_masks_have_no_dice() -> None:
    assert math.isnan(overlap.dice(mask(), mask()))
    assert overlap.dice_smoothed(mask(), mask()) == 1.0


def test_areas_beyond_eight_bits_do_not_wrap() -> None:
    full = np.ones((64, 64), np.uint8)
    assert overlap.dice(full, full) == 1.0


def test_accuracy_and_cross_entropy_of_known_scores() -> None:
    assert overlap.accuracy(mask(1, 2), mask(2)) == 15 / 16
    undecided = np.zeros((4, 4), np.float32)
    assert overlap.cross_entropy(undecided, mask(3)) == pytest.approx(math.log(2))
    sure = np.full(
        (4, 4), -1000.0, np.float32
    )  # background everywhere: right on 15 pixels, and finite on the wrong one
    assert overlap.cross_entropy(sure, mask(3)) == pytest.approx(1000 / 16)


def test_any_number_but_zero_is_inside_a_mask() -> None:
    assert overlap.accuracy(np.array([2, 0, 3]), np.array([1, 0, 7])) == 1.0
    assert overlap.dice(np.array([2, 0]), np.array([1, 5])) == 2 / 3


def test_cross_entropy_pixel_by_pixel() -> None:
    margin = np.array([[0.5, -1.5], [2.0, 0.25]], np.float32)
    mask = np.array([[1, 1], [0, 0]])
    expected = [math.log(1 + math.exp(-own)) for own in (0.5, -1.5, -2.0, -0.25)]
    assert overlap.cross_entropy(margin, mask) == pytest.approx(sum(expected) / 4)
