"""The challenge's distance against cases computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvseg.metrics import challenge2009
from lvseg.metrics.challenge2009 import average_perpendicular_distance as apd
from lvseg.metrics.challenge2009 import judged


def circle(radius: float, x: float = 100.0, y: float = 90.0, points: int = 256) -> np.ndarray:
    """Return a polygon on a circle, radius and centre in pixels."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def square(half: float, step: float = 0.5) -> np.ndarray:
    """Return a densely sampled square about (50, 50)."""
    side = np.arange(-half, half, step)
    edge = np.full_like(side, half)
    corners = [(side, -edge), (edge, side), (-side, edge), (-edge, -side)]
    return 50 + np.concatenate([np.stack(pair, axis=1) for pair in corners])


@given(inner=st.floats(5, 40), ring=st.floats(0.2, 10), turn=st.integers(0, 255))
def test_nested_circles_are_the_difference_of_radii_apart(inner: float, ring: float, turn: int) -> None:
    outer = np.roll(circle(inner + ring), turn, axis=0)
    assert apd(circle(inner), outer) == pytest.approx(ring, rel=0.01, abs=0.01)
    assert apd(outer, circle(inner)) == pytest.approx(ring, rel=0.01, abs=0.01)


def test_a_shifted_circle_is_two_over_pi_of_the_shift_away() -> None:
    # Along the normal at angle a the distance is s cos a to first order; |cos| has the mean 2 / pi.
    assert apd(circle(30), circle(30, x=101)) == pytest.approx(2 / math.pi, rel=0.02)


def test_millimetres_follow_the_spacing() -> None:
    assert apd(circle(20), circle(22), (1.5, 1.5)) == pytest.approx(3.0, rel=0.01)
    # Rows lie 2 mm apart: a square's left and right sides are 1 px = 1 mm off, the others 1 px = 2 mm.
    assert apd(square(20), square(21), (2.0, 1.0)) == pytest.approx(1.5, rel=0.05)


def test_exact_zeros_are_dropped_as_the_official_evaluator_does() -> None:
    half_moved = circle(30)
    half_moved[:128, 1] += 2.0  # the lower half slides by two pixels, the upper half stays
    moved = apd(circle(30), half_moved)
    assert math.isnan(apd(circle(30), circle(30)))
    assert moved > apd(circle(30), circle(30, y=92)) * 0.9  # the half that stays does not dilute the mean


def test_edges_too_long_for_the_evaluator_are_met_near_their_ends_only() -> None:
    corners, midpoints = (
        circle(20, points=4),
        circle(5, points=4) @ np.array([[1, 1], [-1, 1]]) / math.sqrt(2),
    )
    assert apd(corners, circle(30, points=4)) == pytest.approx(10.0)
    assert math.isnan(apd(midpoints - midpoints.mean(axis=0) + (100, 90), circle(30, points=4)))


@given(x=st.floats(-30, 30), y=st.floats(-30, 30), angle=st.floats(0, 2 * math.pi))
def test_moving_and_turning_both_changes_nothing(x: float, y: float, angle: float) -> None:
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    pair = circle(20), circle(23, x=101.5)
    moved = [contour @ turn + (x, y) for contour in pair]
    assert apd(*moved) == pytest.approx(apd(*pair), rel=1e-3)


@pytest.mark.parametrize(
    ("automatic", "manual"),
    [
        (circle(3, points=20), circle(5, x=109, points=32)),
        (circle(4, points=26), circle(8, x=114, points=50)),
        (circle(20), circle(6, x=112, points=40)),
        (circle(6, points=40), circle(6, x=108, points=40)),
    ],
    ids=["beside", "farther beside", "around, off the centre", "half beside"],
)
def test_contours_that_miss_the_heart_are_far_away(automatic: np.ndarray, manual: np.ndarray) -> None:
    """Each contour is searched as seen from its own centre: the near side of the other one is not what is meant."""
    assert apd(automatic, manual) > challenge2009.GOOD_MM


@pytest.mark.parametrize(("half_gap", "met"), [(40, True), (65, False)])
def test_manual_points_are_searched_within_fifty_degrees(half_gap: int, met: bool) -> None:
    """The manual contour has no points in a gap; the evaluator fails on a contour with a point that sees none."""
    angle = np.radians(np.arange(half_gap, 361 - half_gap))
    cut = np.stack([100 + 22 * np.cos(angle), 90 + 22 * np.sin(angle)], axis=1)
    assert math.isnan(apd(circle(20), cut)) != met


@pytest.mark.parametrize(("radius", "met"), [(6.5, True), (10.0, False)])
def test_intersections_count_within_one_and_a_half_pixels_of_a_manual_point(radius: float, met: bool) -> None:
    """Two polygons of 16 points, half a step apart: the normals pass a fifth of the radius beside the points."""
    half_a_step = np.roll(circle(radius, points=32), -1, axis=0)[::2]
    assert math.isnan(apd(circle(0.8 * radius, points=16), half_a_step)) != met


def test_who_is_judged() -> None:
    assert judged(circle(20), (200, 200))
    assert not judged(circle(20, points=15), (200, 200))
    assert not judged(circle(20, x=19), (200, 200))
    assert not judged(circle(20, y=185), (200, 200))


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
        (0.0, 5, False),
        (0.4, 5, True),
        (5, 0.0, False),
        (5, 0.4, True),
        (19.0, 5, False),
        (18.6, 5, True),
        (5, 9.0, False),
        (5, 8.6, True),
    ],
)
def test_a_contour_at_the_border_is_not_judged(x: float, y: float, wanted: bool) -> None:
    """In an image of 10 rows and 20 columns, whose last pixel counts as its border."""
    inner = np.c_[np.linspace(3, 8, 15), np.full(15, 4.0)]
    assert challenge2009.judged(np.vstack([inner, [x, y]]), (10, 20)) is wanted


def test_fewer_than_16_points_are_not_judged() -> None:
    line = np.c_[np.linspace(3, 8, 16), np.full(16, 4.0)]
    assert challenge2009.judged(line, (10, 20)) and not challenge2009.judged(line[1:], (10, 20))
