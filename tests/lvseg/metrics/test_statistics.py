"""Intervals over patients: known cases, and how often they hold the truth."""

import math

import numpy as np
import pytest

from lvseg.metrics.fewest import FEWEST
from lvseg.metrics.statistics import difference, interval


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    found = [interval(rng.normal(0.9, 0.05, 15).tolist()) for _ in range(150)]
    held = sum(own.low <= 0.9 <= own.high for own in found)
    assert 0.87 * 150 <= held <= 0.99 * 150
    assert all(own.low < own.mean < own.high for own in found)


def test_undefined_values_are_left_out_and_counted() -> None:
    assert interval([0.5, math.nan, 0.5]).patients == 2
    assert interval([0.5, math.nan, *[0.5] * (FEWEST - 1)]).low == 0.5
    alone, nobody = interval([0.5]), interval([math.nan])
    assert (alone.mean, alone.patients) == (0.5, 1) and math.isnan(alone.low)
    assert nobody.patients == 0 and all(map(math.isnan, (nobody.mean, nobody.low, nobody.high)))
    one = difference([1.0, 2.0, math.nan], [0.5, math.nan, 1.0])
    assert (one.patients, one.p) == (1, 1.0)  # one coin shows either side
    assert interval([0.1, 0.5, math.nan, 0.3]).patients == 3
    assert interval([0.5] * 6).patients == 6 == interval([0.1, 0.5, 0.2, 0.4, math.nan, 0.3, 0.7]).patients


def test_fewer_patients_than_an_interval_wants_have_none() -> None:
    values = [0.9, 0.8, 0.95, 0.7, 0.85, 0.6]
    few, enough = interval(values[: FEWEST - 1]), interval(values[:FEWEST])
    assert few.mean == pytest.approx(np.mean(values[: FEWEST - 1])) and few.patients == FEWEST - 1
    assert math.isnan(few.low) and math.isnan(few.high) and enough.low < enough.mean < enough.high
    apart = difference(values[: FEWEST - 1], [0.5] * (FEWEST - 1))
    assert math.isnan(apart.low) and apart.p == 2 / 2 ** (FEWEST - 1)


def test_a_constant_gain_is_sure_only_with_enough_patients() -> None:
    rng = np.random.default_rng(5)
    second = rng.uniform(0.6, 0.95, 12)
    gain = difference((second + 0.02).tolist(), second.tolist())
    assert gain.mean == pytest.approx(0.02) and gain.low == pytest.approx(0.02)
    assert gain.p == pytest.approx(2 / 2**12)
    assert difference([0.9, 0.9], [0.8, 0.8]).p == 0.5  # two coins


def test_equal_values_differ_by_nothing_and_order_turns_the_sign() -> None:
    rng = np.random.default_rng(6)
    first, second = rng.uniform(0, 1, (2, 14))
    same = difference(first, first)
    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)
    one, other = difference(first, second), difference(second, first)
    assert one.mean == pytest.approx(-other.mean)
    assert one.low == pytest.approx(-other.high, abs=0.02)
    assert one == difference(first, second)
