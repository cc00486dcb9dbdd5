"""How sure a mean over patients is, and the mean of paired differences.

Patients are the unit that is drawn: slices of one patient resemble each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from lvseg.metrics.fewest import FEWEST

CONFIDENCE = 0.95
DRAWS = 9999
_SEED = 7  # same answer twice


@dataclass(frozen=True)
class Interval:
    """A mean over patients and the ends of its confidence interval; the ends are NaN below `FEWEST` patients.

    Attributes:
        patients: how many have a value.
    """

    mean: float
    low: float
    high: float
    patients: int


@dataclass(frozen=True)
class Difference(Interval):
    """The mean of paired differences, first minus second.

    Attributes:
        p: two-sided, from flipping the signs of differences: how often chance alone gives a mean as far from 0.
    """

    p: float


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of one value per patient with its bootstrap interval (BCa, Efron 1987), in the values' unit.

    The draws are seeded: the same values give the same interval.

    Args:
        values: one per patient; undefined ones (NaN) are left out.
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    if not known.size:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(known.mean())
    if known.size < FEWEST:
        return Interval(mean, math.nan, math.nan, known.size)
    if np.ptp(known) < 1e-12:  # equal ones have no spread
        return Interval(mean, mean, mean, known.size)
    bounds = stats.bootstrap(
        (known,), np.mean, n_resamples=DRAWS, confidence_level=CONFIDENCE, rng=np.random.default_rng(_SEED)
    ).confidence_interval
    return Interval(mean, float(bounds.low), float(bounds.high), known.size)


def difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Return the mean of first - second over patients, with its interval and the p of a sign-flip permutation test.

    Args:
        first: one value for each patient.
        second: the same patients in the same order. Who lacks either value (NaN) is left out.
    """
    apart = np.asarray(first, float) - np.asarray(second, float)
    apart = apart[np.isfinite(apart)]
    gain = interval(apart.tolist())
    if apart.size < 2:
        p = 1.0  # one coin shows either side
    else:
        p = float(
            stats.permutation_test(
                (apart,),
                np.mean,
                permutation_type="samples",
                n_resamples=DRAWS,
                rng=np.random.default_rng(_SEED),
            ).pvalue
        )
    return Difference(gain.mean, gain.low, gain.high, gain.patients, p)
