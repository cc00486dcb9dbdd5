"""Each flag against a contour drawn to earn it, and one drawn not to."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from lvseg.imaging.contour_quality import SMALLEST_AREA, anatomy_fit, epi_flag, shape_flags
from lvseg.imaging.raster import rasterise


def circle(x: float, y: float, radius: float) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    points: NDArray[np.float64] = np.c_[x + radius * np.cos(angle), y + radius * np.sin(angle)]
    return points


SIZE = (64, 80)


@pytest.mark.parametrize(
    ("points", "flags"),
    [
        (circle(30, 30, 10), set()),
        (circle(30, 30, 1.5), {"too-small"}),
        (circle(2, 30, 10), {"outside-image"}),
        (circle(70, 30, 12), {"outside-image"}),  # columns, not rows, bound x
        (circle(70, 30, 9), set()),
        (np.array([[10, 10], [30, 30], [30, 10], [10, 30.0]]), {"self-crossing", "too-small"}),
        (np.concatenate([circle(30, 30, 10), circle(48, 30, 9)]), {"self-crossing"}),
    ],
)
def test_shape_flags(points: NDArray[np.float64], flags: set[str]) -> None:
    assert set(shape_flags(points, SIZE)) == flags


def test_a_slip_of_the_pen_is_no_crossing() -> None:
    points = circle(30, 30, 12)
    points[[10, 11]] = points[[11, 10]]  # two neighbours in the wrong order
    assert shape_flags(points, SIZE) == {}


def test_epicardium_around_endocardium() -> None:
    assert epi_flag(circle(30, 30, 10), circle(30, 30, 15)) is None
    assert epi_flag(circle(30, 30, 10), circle(31, 30, 10.5)) is None
    assert "outside" in (epi_flag(circle(30, 30, 10), circle(45, 30, 15)) or "")


def test_fit_is_high_on_a_cavity_and_chance_elsewhere() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:128, :128]
    distance = np.hypot(columns - 60, rows - 70)
    image = np.where(distance < 12, 900, np.where(distance < 19, 200, 450)) + rng.normal(0, 40, (128, 128))
    assert anatomy_fit(image, circle(60, 70, 12)) > 0.95
    assert anatomy_fit(image, circle(62, 69, 11)) > 0.85
    elsewhere = [
        anatomy_fit(image, circle(x, y, 12)) for x, y in ((25, 30), (100, 30), (30, 110), (105, 100))
    ]
    assert np.median(elsewhere) == pytest.approx(0.5, abs=0.1)
    assert anatomy_fit(1000 - image, circle(60, 70, 12)) < 0.1
    assert np.isnan(anatomy_fit(image, circle(500, 500, 12)))


def by_definition(image: NDArray[Any], points: NDArray[np.float64]) -> float:
    """The fit as its docstring defines it: pair by pair of pixels, on the whole image."""
    inside = rasterise(points, image.shape).astype(bool)
    outwards = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    core, ring = image[outwards <= -1].astype(float), image[(outwards >= 2) & (outwards <= 4)].astype(float)
    pairs = np.array([1.0 if a > b else 0.5 if a == b else 0.0 for a in core for b in ring])
    down, across = np.gradient(ndimage.gaussian_filter(image.astype(float), 1))
    away_down, away_across = np.gradient(outwards)
    along = (down * away_down + across * away_across)[np.abs(outwards) <= 1]
    return float((pairs.mean() + np.mean(along < 0)) / 2)


@pytest.mark.parametrize("seed", range(6))
def test_the_fit_is_what_it_says(seed: int) -> None:
    """Grey values of a few steps, so that many are equal; a contour of another shape each time, off the middle."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 4, (60, 72)).astype(np.uint8)
    points = circle(40 + 2 * seed, 24 + seed, 4 + seed) * [1, 0.8]
    assert anatomy_fit(image, points) == pytest.approx(by_definition(image, points), abs=1e-12)


def test_the_fit_at_the_edges() -> None:
    flat = np.full((40, 40), 7)
    assert anatomy_fit(flat, circle(20, 20, 8)) == 0.25  # every pair is equal, nowhere does it get darker
    image = np.random.default_rng(1).integers(0, 9, (40, 40))
    corner = circle(4, 5, 4)
    assert anatomy_fit(image, corner) == pytest.approx(by_definition(image, corner), abs=1e-12)
    assert np.isnan(anatomy_fit(image, circle(20, 20, 60)))  # all is inside
    assert np.isnan(anatomy_fit(image, circle(20.5, 20.5, 0.2)))  # no pixel's centre is
    assert np.isnan(anatomy_fit(image[:2], circle(20, 1, 5)))
    thin = np.tile(
        [9.0] * 5 + [1.0] * 5, (3, 1)
    )  # three rows are enough: all to the left of the line is brighter
    left = np.array([[-5, -5], [4.5, -5], [4.5, 9], [-5, 9]])
    assert anatomy_fit(thin, left) == 1.0


def test_the_evidence_counts_points_and_pixels() -> None:
    points = np.array([[-0.5, 10], [10, -0.5], [79.5, 20], [20, 63.5]])
    assert shape_flags(points, SIZE) == {}  # the border of a pixel still belongs to it
    out = np.array([[-0.51, 10], [10, 10], [10, 63.51], [79.51, 20], [10, -0.51]])
    assert shape_flags(out, SIZE)["outside-image"] == "4 of 5 points outside 80 x 64 pixels"
    side = SMALLEST_AREA**0.5
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]])
    assert set(shape_flags(20 + square * 0.99, SIZE)) == {"too-small"}
    assert shape_flags(20 + square * 0.99, SIZE)["too-small"] == "area of 11.8 pixels"
    assert shape_flags(20 + square * 1.01, SIZE) == {}
    crossed = np.array([[10, 10], [40, 40], [40, 10], [10, 20.0]])
    assert shape_flags(crossed, SIZE)["self-crossing"].startswith("crosses itself, ")


def test_an_endocardium_may_lie_a_twentieth_outside() -> None:
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10.0]])
    assert epi_flag(square, square * [0.951, 1]) is None
    assert epi_flag(square, square * [0.948, 1]) == "5% of the endocardial area is outside"
    assert epi_flag(square, square * [0.9, 1]) == "10% of the endocardial area is outside"
    assert epi_flag(square * 0, square) is None


def bow(share: float, side: float = 30.0) -> NDArray[np.float64]:
    """Two triangles that meet in a point, the smaller drawn the wrong way round.

    It takes its own area from the larger one's: twice that is `share` of what is left.
    """
    small = side * (share / (2 + share)) ** 0.5
    return 33 + np.array([[side, -side], [side, side], [-small, -small], [-small, small]])


def test_the_limits_themselves() -> None:
    exact = np.array([[0, 0], [4, 0], [4, 3], [0, 3.0]])
    assert shape_flags(20 + exact, SIZE) == {}, "12 pixels are enough"
    assert "self-crossing" not in shape_flags(bow(0.0195), SIZE)
    assert "self-crossing" in shape_flags(bow(0.0205), SIZE)
    nothing = np.array([[0, 0], [1, 1], [1, 0], [0, 1.0]])  # two triangles, half a pixel together, cancel out
    assert "self-crossing" not in shape_flags(20 + nothing * 0.038**0.5, SIZE)
    assert "self-crossing" in shape_flags(20 + nothing * 0.042**0.5, SIZE), "of an area taken as one pixel"
    assert epi_flag(exact * 5, exact * [5, 4.75]) is None, "a twentieth may be outside"


def test_without_muscle_in_the_image_there_is_no_fit() -> None:
    whole_but_a_column = np.array([[-1, -1], [4.5, -1], [4.5, 4], [-1, 4]])
    assert np.isnan(anatomy_fit(np.ones((3, 6)), whole_but_a_column))
