"""Images of any shape and bit depth on the square grid of a network, and back."""

import numpy as np
import pytest

from lvseg import grid


def disc(rows: int, columns: int, y: float, x: float, radius: float) -> np.ndarray:
    """Return a uint8 mask of a disc; pixel centres lie at whole numbers."""
    i, j = np.mgrid[:rows, :columns]
    return ((i - y) ** 2 + (j - x) ** 2 <= radius**2).astype(np.uint8)


def test_an_image_of_the_grids_size_is_not_resampled() -> None:
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    assert grid.resampled(image, 64) is image
    scores = np.zeros((64, 64, 2), np.float32)
    assert grid.restored(scores, (64, 64)) is scores


@pytest.mark.parametrize("size", [64, 96, 256])
@pytest.mark.parametrize("shape", [(100, 160), (160, 100), (128, 128)])
def test_a_disc_keeps_its_place_and_proportions(shape: tuple[int, int], size: int) -> None:
    y, x, radius = 55.3, 48.6, 25.0
    placed = grid.model_mask(disc(*shape, y, x, radius), size)
    scale = size / max(shape)
    expected = [
        (position + 0.5) * scale + (size - count * scale) / 2 - 0.5
        for position, count in zip((y, x), shape, strict=True)
    ]
    assert np.argwhere(placed).mean(axis=0) == pytest.approx(expected, abs=0.25)
    assert placed.sum() == pytest.approx(np.pi * (radius * scale) ** 2, rel=0.03)


@pytest.mark.parametrize("shape", [(60, 100), (100, 60), (300, 200)])
def test_what_goes_to_the_grid_comes_back(shape: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    smooth = np.sin(rows / 17) + np.cos(columns / 13)
    back = grid.restored(grid.resampled(smooth.astype(np.float32), 128), shape)
    assert back.shape == shape
    assert np.abs(back - smooth)[4:-4, 4:-4].max() < 0.02
    both = np.stack([np.zeros((128, 128)), np.ones((128, 128))], axis=-1).astype(np.float32)
    assert (grid.restored(both, shape) == [0, 1]).all()


def test_reduction_averages_instead_of_picking() -> None:
    checks = np.indices((256, 256)).sum(axis=0) % 2
    assert grid.resampled(checks.astype(np.float32), 64)[2:-2, 2:-2] == pytest.approx(0.5, abs=0.01)


def test_the_scale_of_pixel_values_does_not_matter() -> None:
    image = np.random.default_rng(1).gamma(2.0, 50.0, (80, 90))
    first = grid.model_input(image.astype(np.float32), 64)
    second = grid.model_input((image * 7 - 900).astype(np.float32), 64)
    assert first.dtype == np.float32
    assert first.shape == (64, 64, 1)
    assert second == pytest.approx(first, abs=1e-3)
    whole = grid.model_input(image.round().astype(np.int16), 64)
    assert whole == pytest.approx(first, abs=0.02)


def test_a_few_wild_pixels_do_not_set_the_scale() -> None:
    image = np.random.default_rng(2).normal(100, 20, (64, 64))
    wild = image.copy()
    wild[3, 3:6] = 30000
    difference = np.abs(grid.normalised(wild) - grid.normalised(image))
    assert np.sort(difference.ravel())[:-3].max() < 0.1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_a_constant_image_is_zero(dtype: type) -> None:
    assert not grid.normalised(np.full((32, 32), 123, dtype)).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_refused(bad: float) -> None:
    image = np.zeros((32, 32), np.float32)
    image[5, 5] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        grid.model_input(image, 32)


def test_an_empty_image_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        grid.normalised(np.zeros((0, 10)))
