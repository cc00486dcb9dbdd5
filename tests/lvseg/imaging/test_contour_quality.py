"""Each flag against a contour drawn to earn it, and one drawn not to."""

import numpy as np
import pytest

from lvseg.imaging.contour_quality import anatomy_fit, epi_flag, shape_flags


def circle(x: float, y: float, radius: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return np.c_[x + radius * np.cos(angle), y + radius * np.sin(angle)]


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
def test_shape_flags(points: np.ndarray, flags: set[str]) -> None:
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
