"""Images of any shape and bit depth on the square grid of a network, and back."""

import numpy as np
import pytest

from lvseg.imaging import grid
from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import UNKNOWN, Spacing
from lvseg.imaging.types import Mask, Pixels

ANY = Spacing(1.0, 1.0)  # mm; what fits the square does not ask


def disc(rows: int, columns: int, y: float, x: float, radius: float) -> Mask:
    """Return a uint8 mask of a disc; pixel centres lie at whole numbers."""
    i, j = np.mgrid[:rows, :columns]
    mask: Mask = ((i - y) ** 2 + (j - x) ** 2 <= radius**2).astype(np.uint8)
    return mask


def test_an_image_of_the_grids_size_is_not_resampled() -> None:
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    assert (Grid(64).image(image, ANY)[..., 0] == grid.normalised(image)).all()
    scores = np.zeros((64, 64, 2), np.float32)
    assert Grid(64).restored(scores, (64, 64), ANY) is scores


@pytest.mark.parametrize("size", [64, 96, 256])
@pytest.mark.parametrize("shape", [(100, 160), (160, 100), (128, 128)])
def test_a_disc_keeps_its_place_and_proportions(shape: tuple[int, int], size: int) -> None:
    y, x, radius = 55.3, 48.6, 25.0
    placed = Grid(size).mask(disc(*shape, y, x, radius), ANY)
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
    smooth = grid.normalised(smooth)
    back = Grid(128).restored(Grid(128).image(smooth, ANY)[..., 0], shape, ANY)
    assert back.shape == shape
    assert np.abs(back - grid.normalised(smooth))[4:-4, 4:-4].max() < 0.03
    both = np.stack([np.zeros((128, 128)), np.ones((128, 128))], axis=-1).astype(np.float32)
    assert (Grid(128).restored(both, shape, ANY) == [0, 1]).all()


def test_reduction_averages_instead_of_picking() -> None:
    checks = np.indices((256, 256)).sum(axis=0) % 2
    assert Grid(64).image(checks, ANY)[2:-2, 2:-2] == pytest.approx(0, abs=0.02)  # of -1 and 1


def test_the_scale_of_pixel_values_does_not_matter() -> None:
    image = np.random.default_rng(1).gamma(2.0, 50.0, (80, 90))
    first = Grid(64).image(image.astype(np.float32), ANY)
    second = Grid(64).image((image * 7 - 900).astype(np.float32), ANY)
    assert first.dtype == np.float32
    assert first.shape == (64, 64, 1)
    assert second == pytest.approx(first, abs=1e-3)
    whole = Grid(64).image(image.round().astype(np.int16), ANY)
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
    with pytest.raises(ValueError, match=r"^the image holds NaN or infinite pixels$"):
        Grid(32).image(image, ANY)


def test_an_empty_image_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        grid.normalised(np.zeros((0, 10)))


def test_a_grid_in_mm_shows_the_same_body_whatever_the_pixels_measure() -> None:
    """The same disc, 20 mm in radius and 25 mm off the middle, on fine, coarse and oblong pixels."""
    grid_mm = Grid(96, 2.0)
    for spacing, shape in (((0.7, 0.7), (400, 380)), ((2.5, 2.5), (100, 128)), ((1.0, 1.6), (300, 200))):
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        y = (rows - (shape[0] - 1) / 2) * spacing[0] - 25
        x = (columns - (shape[1] - 1) / 2) * spacing[1] + 10
        drawn = (y**2 + x**2 <= 20**2).astype(np.uint8)
        placed = grid_mm.mask(drawn, Spacing(*spacing))
        assert np.argwhere(placed).mean(axis=0) == pytest.approx([47.5 + 12.5, 47.5 - 5], abs=0.3)
        assert placed.sum() * 4 == pytest.approx(np.pi * 20**2, rel=0.04)
        back = grid_mm.restored(placed.astype(np.float32), shape, Spacing(*spacing), beyond=-1.0)
        assert 2 * ((back > 0.5) & (drawn > 0)).sum() / ((back > 0.5).sum() + drawn.sum()) > 0.96


def test_pixels_that_the_square_does_not_reach_are_said_to_be_beyond() -> None:
    back = Grid(32, 1.0).restored(np.ones((32, 32), np.float32), (40, 32), ANY, beyond=-7.0)
    assert (back[4:36] == 1).all() and (back[:4] == -7).all() and (back[36:] == -7).all()


def test_what_the_square_does_not_show_does_not_set_the_scale() -> None:
    rng = np.random.default_rng(3)
    body = rng.normal(100, 20, (64, 64))
    wide = np.pad(body, 40)  # the air of a wide field of view
    narrow = Grid(64, 1.0).image(body, ANY)
    assert Grid(64, 1.0).image(wide, ANY) == pytest.approx(narrow, abs=1e-5)


def test_values_go_back_in_their_own_type_and_leave_the_rest_at_what_is_beyond() -> None:
    square = Grid(4, 1.0)
    scores = np.arange(16, dtype=np.float32).reshape(4, 4)
    back = square.restored(scores, (6, 6), ANY)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back[1:5, 1:5], scores)
    assert back[0].tolist() == [0.0] * 6 and back[:, 5].tolist() == [0.0] * 6
    assert square.restored(scores, (4, 4), ANY) is scores
    halves = square.restored(
        scores, (4, 4), Spacing(0.5, 0.5)
    )  # of another pixel size: not the square itself
    assert halves.shape == (4, 4) and halves[0, 0] == pytest.approx(3.75)
    part = square.restored(scores[1:3, 2:4], (4, 4), ANY, beyond=-1.0, corner=(1, 2))
    np.testing.assert_array_equal(part[1:3, 2:4], scores[1:3, 2:4])
    assert (part == -1).sum() == 12


def test_half_a_covered_point_is_inside() -> None:
    mask: Pixels = np.zeros((4, 4), np.int64)
    mask[:, 2:] = 1
    fine = Grid(8, 0.5).mask(mask, ANY)
    assert fine.dtype == np.uint8 and fine[3].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    edge = Grid(3, 1.0).mask(mask, ANY)  # the middle of three points lies between two pixels
    assert edge.dtype == np.uint8 and edge[1].tolist() == [0, 1, 1]
    same = Grid(4, 1.0).mask(mask, ANY)
    assert same.dtype == np.uint8 and same.tolist() == mask.tolist()


def test_what_is_no_image_says_so() -> None:
    with pytest.raises(ValueError, match=r"this has the shape \(2, 3, 4\)"):
        Grid(4, 1.0).image(np.zeros((2, 3, 4)), ANY)


def test_the_darkest_and_brightest_half_per_cent_are_clipped() -> None:
    ramp = np.arange(2001.0)
    clipped = np.clip(ramp, 10, 1990)
    image = np.random.default_rng(4).permutation(ramp).reshape(29, 69)
    wanted = ((clipped - clipped.mean()) / clipped.std()).astype(np.float32)
    np.testing.assert_array_equal(np.sort(grid.normalised(image).ravel()), wanted)


def test_contrast_is_told_from_rounding() -> None:
    checks = np.indices((32, 32)).sum(axis=0) % 2 * 2 - 1.0
    faint = grid.normalised(1.05e-6 * checks)
    assert faint.dtype == np.float32 and faint == pytest.approx(checks, abs=1e-3)
    for level in (30000, -30000):
        rounding = grid.normalised(level + 0.008 * checks)
        assert rounding.dtype == np.float32 and rounding.shape == (32, 32) and not rounding.any()


def test_reduction_smooths_as_far_as_it_reduces_and_enlargement_not_at_all() -> None:
    noise = np.random.default_rng(5).normal(size=(256, 256))
    assert Grid(64).image(noise, ANY).std() == pytest.approx(
        1 / 6, rel=0.1
    )  # a triangle of 4 pixels, both ways
    small = np.random.default_rng(6).normal(size=(16, 16))
    enlarged = Grid(48).image(small, ANY)[1::3, 1::3, 0]  # every third point lies on a pixel's centre
    assert enlarged == pytest.approx(grid.normalised(small), abs=1e-5)


def test_a_point_on_the_very_edge_of_the_image_is_beyond_it() -> None:
    mask = np.ones((4, 4), np.uint8)
    mask[0, 0] = 0
    assert Grid(5, 1.0).mask(mask, ANY)[2].tolist() == [0, 1, 1, 1, 0]
    assert Grid(100, 0.04).mask(mask, ANY)[-1].all()  # 0.02 pixels from the edge


@pytest.mark.parametrize("spacing", [UNKNOWN, Spacing(1.0, np.nan), Spacing(np.nan, 1.0)])
def test_an_image_of_unknown_spacing_is_scaled_to_fit(spacing: Spacing) -> None:
    assert Grid(96, 2.0).steps((100, 128), spacing) == (0.75, 0.75) == Grid(96).steps((100, 128), ANY)
    assert Grid(96, 2.0).steps((100, 128), Spacing(1.0, 3.0)) == (0.5, 1.5)
