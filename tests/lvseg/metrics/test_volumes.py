"""Volumes and their agreement, computed by hand."""

import math

import numpy as np
import pytest

from lvseg.metrics.volumes import (
    Agreement,
    agreement,
    ejection_fraction,
    end_phases,
    mass_g,
    stroke_volume,
    volumes,
)


def test_a_stack_by_hand() -> None:
    found = volumes({1: 1000.0, 2: 1500.0}, {1: 400.0, 2: 600.0}, slice_distance_mm=10.0)
    assert (found.edv_ml, found.esv_ml, found.stroke_ml) == pytest.approx((25.0, 10.0, 15.0))
    assert found.ef_percent == pytest.approx(60.0)


def test_a_slice_without_both_phases_counts_nothing() -> None:
    whole = volumes({1: 1000.0, 2: 1500.0, 3: 300.0}, {1: 400.0, 2: 600.0, 4: 9.0}, 10.0)
    assert whole == volumes({1: 1000.0, 2: 1500.0}, {1: 400.0, 2: 600.0}, 10.0)


def test_a_cavity_that_is_gone_at_systole_still_counts() -> None:
    assert volumes({1: 1000.0, 2: 500.0}, {1: 400.0, 2: 0.0}, 10.0).esv_ml == pytest.approx(4.0)


def test_without_volume_there_is_no_ejection_fraction() -> None:
    assert math.isnan(volumes({}, {1: 5.0}, 10.0).ef_percent)


def test_ejection_fraction_by_hand() -> None:
    assert stroke_volume(120.0, 48.0) == 72.0
    assert ejection_fraction(120.0, 48.0) == pytest.approx(60.0)
    assert ejection_fraction(50.0, 55.0) == pytest.approx(-10.0)
    assert math.isnan(ejection_fraction(0.0, 0.0)) and math.isnan(ejection_fraction(math.nan, 5.0))


def test_mass_by_hand() -> None:
    assert mass_g({1: 3000.0, 2: 3500.0, 5: 9.0}, {1: 1000.0, 2: 1500.0}, 8.0) == pytest.approx(4 * 8 * 1.05)


def test_agreement_by_hand() -> None:
    found = agreement([51.0, 63.0, 39.0, 75.0, 27.0, 70.0], [50.0, 60.0, 40.0, 70.0, 30.0, math.nan])
    assert found.patients == 5
    assert found.bias == pytest.approx(1.0)
    spread = 1.96 * 10**0.5  # differences 1, 3, -1, 5, -3
    assert found.limits == pytest.approx((1 - spread, 1 + spread))
    assert found.mean_absolute == pytest.approx(13 / 5)
    assert found.correlation == pytest.approx(1.0)  # automatic = 1.2 x manual - 9


def test_agreement_of_too_few() -> None:
    none = agreement([math.nan], [1.0])
    assert none.patients == 0 and math.isnan(none.bias)
    one = agreement([4.0], [1.0])
    assert one.bias == 3.0 and math.isnan(one.limits[0]) and math.isnan(one.correlation)


def test_what_agreement_leaves_undefined() -> None:
    none = agreement([math.nan], [1.0])
    assert all(math.isnan(value) for value in (none.bias, *none.limits, none.mean_absolute, none.correlation))
    four = agreement([1.0, 2.5, 3.0, 4.0], [1.2, 2.2, 3.0, 4.0])
    assert four.bias == pytest.approx(0.025) and four.patients == 4
    assert all(math.isnan(value) for value in (*four.limits, four.correlation)), "two points lie on a line"
    same, rising = [2.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0]
    assert math.isnan(agreement(same, rising).correlation) and math.isnan(agreement(rising, same).correlation)
    assert agreement(rising, [5.0, 4.0, 3.0, 1.0, 2.0]).correlation == pytest.approx(-0.9)


def test_small_values_count_as_large_ones_do() -> None:
    assert ejection_fraction(0.8, 0.2) == pytest.approx(75.0)
    assert agreement([0.1, 0.2, 0.4, 0.5, 0.6], [0.2, 0.4, 0.8, 1.0, 1.2]).correlation == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("curve", "ends"),
    [
        ([90.0, 110.0, 40.0, 60.0], (1, 2)),
        ([40.0, 0.0], (0, 1)),
        ([50.0, 50.0], (0, 0)),
        ([90.0], None),
        ([0.0, 0.0, 0.0], None),
        ([90.0, math.nan, 40.0], None),
        ([math.nan, math.nan], None),
    ],
)
def test_the_ends_of_a_volume_curve(curve: list[float], ends: tuple[int, int] | None) -> None:
    assert end_phases(np.array(curve)) == ends


def test_agreement_in_a_table() -> None:
    assert Agreement(-2.0, (-5.0, 1.0), 2.5, 0.9, 7).told() == {
        "patients": 7,
        "bias": -2.0,
        "low": -5.0,
        "high": 1.0,
        "mae": 2.5,
        "correlation": 0.9,
    }
