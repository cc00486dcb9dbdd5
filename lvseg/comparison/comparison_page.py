"""The comparison to read: a table for the terminal, and one HTML file with its pictures inside."""

from pathlib import Path

import pandas as pd

from lvseg.comparison.compare import Comparison
from lvseg.metrics.statistics import CONFIDENCE, Difference, Interval
from lvseg.pages.environment import environment
from lvseg.pages.numbers import number


def terminal(comparison: Comparison) -> str:
    """Return means and differences as two tables of text."""
    labels = [measure.label for measure in comparison.measures]
    means = pd.DataFrame(
        [[_mean(mean, measure.decimals) for mean in measure.means] for measure in comparison.measures],
        index=labels,
        columns=list(comparison.titles),
    )
    differences = pd.DataFrame(
        [
            [_difference(difference, measure.decimals) for difference in measure.differences]
            for measure in comparison.measures
        ],
        index=labels,
        columns=list(comparison.titles[1:]),
    )
    return (
        f"{comparison.slice_count} slices of {comparison.patient_count} patients; "
        f"means over patients [{CONFIDENCE:.0%} interval]\n\n{means.to_string()}\n\n"
        f"minus {comparison.titles[0]}, patient by patient [{CONFIDENCE:.0%} interval] (p)\n\n"
        f"{differences.to_string()}"
    )


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
        comparison=comparison, scatter=scatter, differ=differ, confidence=f"{CONFIDENCE:.0%}"
    )


def _mean(mean: Interval, decimals: int) -> str:
    """Return a mean and its interval, such as `0.917 [0.902 to 0.931]`."""
    low, high = (number(end, decimals) for end in (mean.low, mean.high))
    return f"{number(mean.mean, decimals)} [{low} to {high}]"


def _difference(difference: Difference, decimals: int) -> str:
    """Return a difference, its interval and p, such as `-0.333 [-0.500 to -0.100] (0.125)`; a dash for NaN."""
    signed = number(difference.mean, decimals, signed=True)
    low, high = (number(end, decimals) for end in (difference.low, difference.high))
    return f"{signed} [{low} to {high}] ({difference.p:.3f})"
