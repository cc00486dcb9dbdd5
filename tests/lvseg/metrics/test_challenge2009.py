"""The challenge's distance against cases computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvseg.imaging.types import Contour
from lvseg.metrics import challenge2009
from lvseg.metrics.challenge2009 import average_perpendicular_distance as apd
from lvseg.metrics.challenge2009 import judged


def circle(radius: float, x: float = 100.0, y: float = 90.0, points: int = 256) -> Contour:
    """Return a polygon on a circle, radius and centre in pixels."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def square(half: float, step: float = 0.5) -> Contour:
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
def test_contours_that_miss_the_heart_are_far_away(automatic: Contour, manual: Contour) -> None:
    """Each contour is searched as seen from its own centre: the near side of the other one is not what is meant."""
    assert apd(automatic, manual) > challenge2009.GOOD_MM


@pytest.mark.parametrize(("half_gap", "met"), [(49.5, True), (50.5, False)])
def test_manual_points_are_searched_within_fifty_degrees(half_gap: float, met: bool) -> None:
    """The manual contour has gaps above and below; the evaluator fails on a contour with a point that sees none."""
    angle = np.arange(0, 360, 0.5)
    angle = np.radians(angle[np.abs(angle % 180 - 90) >= half_gap])
    cut = np.stack([100 + 22 * np.cos(angle), 90 + 22 * np.sin(angle)], axis=1)
    assert math.isnan(apd(circle(20), cut)) != met


@pytest.mark.parametrize(("radius", "met"), [(7.6, True), (7.9, False)])
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


def test_an_ellipse_around_a_circle_is_met_along_the_normals_and_not_at_its_nearest_point() -> None:
    angle = np.linspace(0, 2 * np.pi, 800, endpoint=False)
    ellipse = np.stack([100 + 30 * np.cos(angle), 90 + 12 * np.sin(angle)], axis=1)
    to_the_ellipse = 30 * 12 / np.hypot(12 * np.cos(angle), 30 * np.sin(angle))
    assert apd(circle(10, points=720), ellipse) == pytest.approx((to_the_ellipse - 10).mean(), rel=0.005)


def turned(contour: Contour, degrees: float) -> Contour:
    """Return a contour turned about the centre of `circle`."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    points: Contour = (contour - (100, 90)) @ np.array([[cosine, sine], [-sine, cosine]]) + (
        100,
        90,
    )
    return points


def test_of_two_manual_lines_that_a_normal_meets_the_nearer_one_counts() -> None:
    """The points of the outer line lie on the normals themselves, those of the inner one a quarter of a step beside."""
    inner, outer = turned(circle(22, points=128), 360 / 128 / 4), circle(30, points=64)
    assert apd(circle(20, points=64), np.concatenate([inner, outer])) == pytest.approx(2, abs=0.05)


def test_a_sparse_manual_contour_is_met_near_its_points_alone() -> None:
    assert apd(circle(20, points=64), circle(22, points=48)) == pytest.approx(2, abs=0.03)
    # Between corners 15 pixels apart the line through a corner runs a pixel outside the polygon.
    assert apd(circle(20, points=240), circle(30, points=12)) == pytest.approx(10, abs=0.02)


@pytest.mark.parametrize(
    ("to_degrees", "from_degrees", "met"), [(120, -130.5, True), (120, -129.5, False), (100.31, -180, True)]
)
def test_the_search_reaches_across_180_degrees(to_degrees: float, from_degrees: float, met: bool) -> None:
    """The left side of the manual contour, which begins at 100.3 degrees, has no points between two angles.

    In the last case it has only its lower half, which points of the other contour see from 150 degrees on.
    """
    corners = np.array([[-10.5, -57.75], [10.5, -57.75], [10.5, 57.75], [-10.5, 57.75]])
    sides = [
        np.linspace(one, other, 1000)[:-1]
        for one, other in zip(corners, np.roll(corners, -1, 0), strict=True)
    ]
    around = np.concatenate(sides)
    angle = np.degrees(np.arctan2(around[:, 1], around[:, 0]))
    cut = around[(angle >= from_degrees) & (angle <= to_degrees)]
    seeing = around[(np.arange(len(around)) % 20 == 0) | (np.abs(angle - 150.5) < 0.5)]
    assert math.isnan(apd(50 + seeing * 0.7, 50 + cut)) != met


def test_a_contour_around_the_manual_centre_is_seen_from_there() -> None:
    """From its own centre each of its points would see manual ones."""
    angle = np.radians(np.arange(58, 360 - 57))
    cut = np.stack([100 + 24 * np.cos(angle), 90 + 24 * np.sin(angle)], axis=1)
    octagon = turned(circle(20, points=8), 22.5)
    assert math.isfinite(apd(octagon, cut))
    assert math.isnan(apd(octagon + np.array([0, 7.65]), cut))


def test_a_contour_that_covers_no_pixel_has_no_distance() -> None:
    speck = circle(0.2, x=100.5, y=90.5, points=16)
    assert math.isnan(apd(speck, circle(20))) and math.isnan(apd(circle(20), speck))


def test_slopes_are_those_of_the_line_that_fits_better() -> None:
    """As x(y) or as y(x), by NumPy's least squares; a steep line has noise in x alone."""
    rng = np.random.default_rng(0)
    for steepness in (0.3, 3.0, 30.0):
        points = rng.normal(0, (1, steepness), (60, 2))
        for number, slope in enumerate(challenge2009._slopes(points)):
            x, y = points[[number - 1, number, (number + 1) % 60]].T
            fits = np.polyfit(x, y, 1), np.polyfit(y, x, 1)
            off = [
                np.abs(np.polyval(fit, at) - to).sum()
                for fit, at, to in zip(fits, (x, y), (y, x), strict=True)
            ]
            inverse = fits[1][0]
            upright = abs(inverse) < 0.1 and off[1] < off[0]
            assert slope == pytest.approx(1 / (inverse + 1e-5) if upright else fits[0][0], rel=1e-6)
    assert challenge2009._slopes(np.array([[3.0, 1], [3, 2], [3, 4]]))[1] == pytest.approx(1e5)


def test_tangents_and_normals_have_the_length_of_a_pixel() -> None:
    slopes = np.array([0.0, 0.005, 100.5, 1e5, 0.0105, -0.5, 3.0, 99.5])
    tangents, normals = challenge2009._tangents(slopes), challenge2009._normals(slopes)
    assert np.linalg.norm(tangents, axis=1) == pytest.approx(1) == np.linalg.norm(normals, axis=1)
    assert (tangents * normals).sum(axis=1) == pytest.approx(0)
    assert tangents[:4].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]  # level and upright
    assert tangents[4:, 1] / tangents[4:, 0] == pytest.approx(slopes[4:])
