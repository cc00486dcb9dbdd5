"""Masks against polygons whose area and centroid are known."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lvseg.imaging.raster import rasterise, with_border
from lvseg.imaging.types import Mask


def centroid(mask: Mask) -> NDArray[np.float64]:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])


def ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    points: NDArray[np.float64] = np.array(centre) + np.c_[radii[0] * np.cos(angle), radii[1] * np.sin(angle)]
    return points


@given(x=st.floats(30, 34), y=st.floats(30, 34), a=st.floats(8, 25), b=st.floats(8, 25))
def test_area_and_centroid_of_an_ellipse(x: float, y: float, a: float, b: float) -> None:
    mask = rasterise(ellipse((x, y), (a, b)), (64, 64))
    area = np.pi * a * b
    assert mask.sum() == pytest.approx(area, abs=np.sqrt(area))  # the grid's own noise, see the next test
    assert centroid(mask) == pytest.approx([x, y], abs=0.25)


def test_no_bias_on_average() -> None:
    rng = np.random.default_rng(0)
    centres = rng.uniform(15, 17, (200, 2))
    masks = [rasterise(ellipse(tuple(centre), (9.3, 9.3)), (32, 32)) for centre in centres]
    assert np.mean([mask.sum() for mask in masks]) == pytest.approx(np.pi * 9.3**2, rel=0.002)
    shift = np.mean([centroid(mask) - centre for mask, centre in zip(masks, centres, strict=True)], axis=0)
    assert shift == pytest.approx([0, 0], abs=0.01)


def test_pixel_centres_lie_at_whole_numbers() -> None:
    square = np.array([[1.5, 2.5], [4.5, 2.5], [4.5, 4.5], [1.5, 4.5]])  # x 2..4, y 3..4
    mask = rasterise(square, (8, 8))
    assert mask.sum() == 6
    assert mask[3:5, 2:5].all()


def test_whole_coordinates_keep_their_area() -> None:
    square = np.array([[2.0, 3.0], [7.0, 3.0], [7.0, 5.0], [2.0, 5.0]])
    assert rasterise(square, (10, 10)).sum() == 5 * 2


def test_parts_outside_the_image_are_cut_off_and_the_sense_of_rotation_is_nothing() -> None:
    line = ellipse((0, 0), (5.2, 5.2))
    mask = rasterise(line, (20, 20))
    assert 0 < mask.sum() < np.pi * 5.2**2 / 3
    np.testing.assert_array_equal(mask, rasterise(line[::-1], (20, 20)))
    for beyond in (-50, (0, 50), (50, 0)):
        assert rasterise(line + beyond, (20, 20)).sum() == 0


@pytest.mark.parametrize("seed", range(10))
def test_any_polygon_is_filled_by_the_even_odd_rule(seed: int) -> None:
    """Triangles from the first point on, of which each pixel lies in an odd number; many reach beyond the image."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-8, 30, (rng.integers(3, 12), 2))
    y, x = np.mgrid[:20, :24]
    odd = np.zeros((20, 24), bool)
    for second, third in itertools.pairwise(points[1:]):
        odd ^= shapely.contains_xy(shapely.Polygon([points[0], second, third]), x, y)
    np.testing.assert_array_equal(rasterise(points, (20, 24)), odd)


def test_slanted_edges_are_cut_where_they_cross_the_row() -> None:
    triangle = np.array([[0.5, 0.5], [8.5, 0.5], [0.5, 4.5]])  # two columns narrower from row to row
    mask = rasterise(triangle, (6, 10))
    assert mask.dtype == np.uint8 and mask.sum(axis=1).tolist() == [0, 7, 5, 3, 1, 0]


def test_the_other_rendering_rounds_points_and_fills_the_border_in() -> None:
    square = np.array([[1.6, 2.4], [5.4, 2.4], [5.4, 4.6], [1.6, 4.6]])
    mask = with_border(square, (8, 9))
    assert mask.shape == (8, 9) and np.argwhere(mask).min(axis=0).tolist() == [2, 2]
    assert mask.sum() == 4 * 4 and mask[2:6, 2:6].all()
    assert rasterise(square, (8, 9)).sum() == 4 * 2
