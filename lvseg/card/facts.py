"""What a model card is made of, and what follows from it: scores with intervals, by group, and limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lvseg.data.parts.sunnybrook import official_part
from lvseg.evaluation import tables
from lvseg.metrics.fewest import FEWEST
from lvseg.metrics.statistics import Interval, interval
from lvseg.pages.numbers import number
from lvseg.pages.score_names import APD, DICE, DM, EF_ERROR, GOOD, HD95

WORST = 5  # slices to name
_ORDER = ("ED", "ES", "base", "mid", "apex")


@dataclass(frozen=True)
class Facts:
    """What a run and a version of the registered model say.

    Attributes:
        title: such as `lv-segmentation v3`.
        network: `dense`, `cnn` or `unet`.
        dataset: the name of the data set: that of the folder of raw data; empty if it was not recorded.
        params: of the training, and `parameters`, their number in the network.
        tags: of the version, without `lvseg.`: where it comes from.
        metrics: of the run.
        trained: the date of the training, or None if nobody saw it.
        patients: a row per test patient, as `lvseg.evaluation.summaries.per_patient` makes them.
        slices: a row per contoured test slice, as `lvseg.evaluation.scores.slices.table` makes them.
        decision: `promoted`, `reason`, `champion_before`; empty if none was taken.
        licence: the name of the repository's licence file, or None.
    """

    title: str
    network: str
    dataset: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    trained: str | None
    patients: pd.DataFrame
    slices: pd.DataFrame
    decision: Mapping[str, Any] = field(default_factory=dict)
    licence: str | None = None


MEASURES = (DICE, DM, APD, GOOD, HD95, EF_ERROR)


@dataclass(frozen=True)
class Row:
    """The scores of some patients: means over them, in the order of `MEASURES`."""

    name: str
    patients: int
    slices: int
    missed: int
    means: tuple[Interval, ...]


def scores(facts: Facts) -> list[Row]:
    """Return the scores of all test patients, then those of each group, by name."""
    patients = facts.patients.assign(
        ef_error=(facts.patients["ef_percent"] - facts.patients["manual_ef_percent"]).abs()
    )
    groups = sorted(patients.groupby("group"), key=lambda item: str(item[0]))
    return [
        _row("all", patients),
        *(_row(tables.NAMES.get(str(name), str(name) or "unknown"), of_group) for name, of_group in groups),
    ]


def _row(name: str, patients: pd.DataFrame) -> Row:
    """Return the scores of some patients."""
    means = tuple(interval(patients[measure.column].tolist()) for measure in MEASURES)
    return Row(name, len(patients), int(patients["slices"].sum()), int(patients["missed"].sum()), means)


def divisions(facts: Facts) -> list[dict[str, Any]]:
    """Return Dice over slices at ED and ES and by level: rows as `lvseg.evaluation.tables.by_division` has them."""
    rows = tables.by_division(facts.slices)
    rows = rows[rows["division"] != "by_group"].set_index("value", drop=False)
    known = [value for value in _ORDER if value in rows.index]
    return [
        {str(name): value for name, value in row.items()}
        | {"name": tables.NAMES.get(str(row["value"]), row["value"])}
        for row in rows.loc[known].to_dict("records")
    ]


def worst(facts: Facts) -> list[dict[str, Any]]:
    """Return the slices with the lowest Dice; of equal ones those with the larger cavity first."""
    hardest = facts.slices.dropna(subset="dice").sort_values(
        ["dice", "manual_pixels"], ascending=[True, False], kind="stable"
    )
    return [{str(name): value for name, value in row.items()} for row in hardest[:WORST].to_dict("records")]


def source(facts: Facts) -> str:
    """Return which data set it is: `phantom`, `sunnybrook` or `other`."""
    if facts.dataset == "phantom" or facts.tags.get("synthetic") == str(len(facts.patients)):
        return "phantom"
    public = all(official_part(str(patient)) for patient in facts.patients["patient"])
    return "sunnybrook" if public or "sunnybrook" in facts.dataset else "other"


def limits(facts: Facts) -> list[str]:
    """Return the limits that the figures themselves show, a sentence each."""
    every, *groups = scores(facts)
    said = []
    if few := [row.name.split(":")[0] for row in groups if row.patients < FEWEST]:
        said.append(
            f"Fewer than {FEWEST} test patients in: {', '.join(few)}. The figures of these groups say little."
        )
    known = [row for row in groups if np.isfinite(row.means[0].mean)]
    if len(known) > 1:
        low = min(known, key=lambda row: row.means[0].mean)
        said.append(
            f"It does worst on {low.name}: Dice {number(low.means[0].mean)}, "
            f"{number(every.means[0].mean)} over all patients."
        )
    if every.missed:
        said.append(f"It draws nothing on {every.missed} of {every.slices} slices that hold a ventricle.")
    if drawn := facts.metrics.get("test/drawn_on_empty"):
        said.append(f"It draws a ventricle on {drawn:.0f} slices that hold none.")
    if not np.isfinite(every.means[2].mean):
        said.append("The images do not say what a pixel measures: there are no millimetres.")
    rendering = facts.slices.groupby("patient")["rendering_dice"].mean().mean()
    said.append(
        f"Two honest renderings of one and the same manual contour have a Dice of {number(rendering, 3)}: "
        "finer differences between a model and the expert say nothing."
    )
    return said
