"""Contours of score maps."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.imaging.outline import area, outline
from lvseg.imaging.raster import rasterise


def disc(radius: float, x: float, y: float, size: int = 64) -> NDArray[np.float64]:
    """Return radius minus distance from (x, y), positive inside a disc."""
    rows, columns = np.mgrid[:size, :size]
    depth: NDArray[np.float64] = radius - np.hypot(columns - x, rows - y)
    return depth


def test_a_disc_comes_back_between_the_pixels() -> None:
    found = outline(disc(10.3, 30.2, 25.7))
    assert found is not None
    assert np.hypot(*(found - (30.2, 25.7)).T) == pytest.approx(10.3, abs=0.05)
    assert abs(area(found)) == pytest.approx(np.pi * 10.3**2, rel=0.01)


def test_the_outline_encloses_the_pixels_it_came_from() -> None:
    margin = disc(9.4, 33.0, 31.0)
    found = outline(margin)
    assert found is not None
    assert (rasterise(found, margin.shape) == (margin > 0)).all()


def test_of_several_regions_the_largest_counts() -> None:
    found = outline(np.maximum(disc(4, 10, 10), disc(12, 40, 40)))
    assert found is not None
    assert found.mean(axis=0) == pytest.approx((40, 40), abs=0.5)


def test_a_region_at_the_border_is_closed() -> None:
    found = outline(disc(10, 0, 20))
    assert found is not None
    assert abs(area(found)) == pytest.approx(np.pi * 100 / 2, rel=0.15)


def test_nothing_positive_has_no_outline() -> None:
    assert outline(np.full((8, 8), -1.0)) is None
    assert outline(np.zeros((8, 8))) is None


def points_of(margin: NDArray[np.float64]) -> list[tuple[float, ...]]:
    line = outline(margin)
    assert line is not None
    return sorted(map(tuple, line.tolist()))


def test_the_line_around_few_pixels_point_by_point() -> None:
    alone = np.full((5, 6), -1.0)
    alone[2, 3] = 1.0
    assert points_of(alone) == [(2.5, 2.0), (3.0, 1.5), (3.0, 2.5), (3.5, 2.0)]
    faint = np.where(alone > 0, 0.25, -0.25)
    assert points_of(faint) == points_of(alone)
    at_the_border = np.array([[1.0, -3.0]])  # beyond the image lies minus the largest of all values
    assert points_of(at_the_border) == [(-0.25, 0.0), (0.0, -0.25), (0.0, 0.25), (0.25, 0.0)]
    everywhere = outline(np.full((2, 3), 0.5))
    assert everywhere is not None
    assert everywhere.min(axis=0).tolist() == [-0.5, -0.5] and everywhere.max(axis=0).tolist() == [2.5, 1.5]
