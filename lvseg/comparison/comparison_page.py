"""The comparison to read: a table for the terminal, and one HTML file with its pictures inside."""

import math
from pathlib import Path

import pandas as pd

from lvseg.comparison.compare import Comparison
from lvseg.metrics.fewest import FEWEST
from lvseg.metrics.statistics import CONFIDENCE, Difference, Interval
from lvseg.pages.environment import environment
from lvseg.pages.headlines import some, synthetic
from lvseg.pages.numbers import UNDEFINED, number


def terminal(comparison: Comparison) -> str:
    """Return means and differences as two tables of text."""
    labels = [measure.label for measure in comparison.measures]
    means = pd.DataFrame(
        [
            [_mean(mean, measure.decimals, comparison.patient_count) for mean in measure.means]
            for measure in comparison.measures
        ],
        index=labels,
        columns=list(comparison.titles),
    )
    differences = pd.DataFrame(
        [
            [
                _difference(difference, measure.decimals, comparison.patient_count)
                for difference in measure.differences
            ]
            for measure in comparison.measures
        ],
        index=labels,
        columns=list(comparison.titles[1:]),
    )
    warning = _synthetic(comparison)
    return (
        f"{comparison.slice_count} slices of {comparison.patient_count} patients; "
        f"means over patients [{CONFIDENCE:.0%} interval, of {FEWEST} patients or more]\n"
        f"{f'{warning}{chr(10)}' if warning else ''}\n{means.to_string()}\n\n"
        f"minus {comparison.titles[0]}, patient by patient [{CONFIDENCE:.0%} interval] (p)\n\n"
        f"{differences.to_string()}"
    )


def _synthetic(comparison: Comparison) -> str:
    """Return the sentence that figures of synthetic data need; empty where all patients are real."""
    return synthetic({"patients": comparison.patient_count, "synthetic": comparison.synthetic})


def html(comparison: Comparison, scatter: Path, differ: Path | None) -> str:
    """Return the page.

    Args:
        comparison: the figures.
        scatter: PNG of Dice by patient.
        differ: PNG of the slices on which the models differ most; None where there is none.
    """
    pages = environment(Path(__file__).parent)
    pages.filters.update(mean=_mean, difference=_difference)
    return pages.get_template("comparison.html").render(
        comparison=comparison,
        synthetic=_synthetic(comparison),
        scatter=scatter,
        differ=differ,
        confidence=f"{CONFIDENCE:.0%}",
        fewest=FEWEST,
    )


def _mean(mean: Interval, decimals: int, patients: int) -> str:
    """Return a mean, its interval and of how many patients it is, such as `0.917 [0.902 to 0.931]`, `13.4 (1 of 4)`."""
    return some(f"{number(mean.mean, decimals)}{_interval(mean, decimals)}", mean.patients, patients)


def _difference(difference: Difference, decimals: int, patients: int) -> str:
    """Return a difference and p as `_mean` does, such as `-0.333 [-0.500 to -0.100] (p 0.031)`; a dash for NaN."""
    if not difference.patients:
        return UNDEFINED
    signed = f"{number(difference.mean, decimals, signed=True)}{_interval(difference, decimals)}"
    return some(f"{signed} (p {difference.p:.3f})", difference.patients, patients)


def _interval(mean: Interval, decimals: int) -> str:
    """Return the interval of a mean; "" where too few patients have a value."""
    if math.isnan(mean.low):
        return ""
    return f" [{number(mean.low, decimals)} to {number(mean.high, decimals)}]"
