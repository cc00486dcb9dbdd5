"""The comparison to read: a table for the terminal, and one HTML file with its pictures inside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lvseg.metrics.statistics import CONFIDENCE, Difference, Interval
from lvseg.pages.environment import environment
from lvseg.pages.numbers import number


def terminal(told: Mapping[str, Any]) -> str:
    """Return means and differences as two tables of text."""
    titles = told["titles"]
    means = pd.DataFrame(
        [[_mean(own, row["decimals"]) for own in row["means"]] for row in told["measures"]],
        index=[row["label"] for row in told["measures"]],
        columns=titles,
    )
    apart = pd.DataFrame(
        [[_difference(own, row["decimals"]) for own in row["differences"]] for row in told["measures"]],
        index=means.index,
        columns=titles[1:],
    )
    return (
        f"{told['slice_count']} slices of {told['patient_count']} patients; "
        f"means over patients [{CONFIDENCE:.0%} interval]\n\n{means.to_string()}\n\n"
        f"minus {titles[0]}, patient by patient [{CONFIDENCE:.0%} interval] (p)\n\n{apart.to_string()}"
    )


def html(told: Mapping[str, Any], scatter: Path, differ: Path | None) -> str:
    """Return the page.

    Args:
        told: as `lvseg.comparison.content.content` returns it.
        scatter: PNG of Dice by patient.
        differ: PNG of the slices on which the models differ most; None where there is none.
    """
    pages = environment(Path(__file__).parent)
    pages.filters.update(mean=_mean, apart=_difference)
    return pages.get_template("comparison.html").render(
        told, scatter=scatter, differ=differ, confidence=f"{CONFIDENCE:.0%}"
    )


def _mean(own: Interval, decimals: int) -> str:
    """Return a mean and its interval."""
    low, high = (number(end, decimals) for end in (own.low, own.high))
    return f"{number(own.mean, decimals)} [{low} to {high}]"


def _difference(own: Difference, decimals: int) -> str:
    """Return a difference, its interval and p."""
    signed = "–" if own.mean != own.mean else f"{own.mean:+.{decimals}f}"
    low, high = (number(end, decimals) for end in (own.low, own.high))
    return f"{signed} [{low} to {high}] ({own.p:.3f})"
