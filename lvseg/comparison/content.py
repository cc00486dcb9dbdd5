"""What a comparison says: measures with intervals, paired differences, groups, parameters, costs, disagreement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lvseg.metrics.statistics import difference, interval


@dataclass(frozen=True)
class Entry:
    """A model that was evaluated on the same test set as the others.

    Attributes:
        title: its name, different from all others.
        patients: a row per test patient, as `lvseg.evaluation.summaries.per_patient` makes them.
        slices: a row per contoured test slice, as `lvseg.evaluation.scores.table` makes them.
        params: of the training.
        costs: parameters, seconds of training, and what else is known, by what people call it.
    """

    title: str
    patients: pd.DataFrame
    slices: pd.DataFrame
    params: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """One value per patient: what it is called, its decimals, and whether more of it is better."""

    label: str
    decimals: int
    rises: bool


MEASURES = {
    "dice_mean": Measure("Dice", 3, True),
    "dm": Measure("DM", 3, True),
    "apd_mm": Measure("APD, mm", 2, False),
    "good_percent": Measure("good contours, %", 1, True),
    "hd95_mm": Measure("95th percentile of distances, mm", 1, False),
    "ef_error": Measure("EF error, points", 1, False),
    "edv_error": Measure("EDV error, ml", 1, False),
}
_SLICE = ["patient", "slice", "phase", "cycle"]


def content(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return everything that a comparison says in figures; the first entry is what the others are held against.

    Returns:
        `titles`; `measures`, each with `label`, `decimals`, `means` (an `Interval` per entry) and `differences` (a
        `Difference` per further entry, that entry minus the first, over the patients who have both); `groups`, the
        mean Dice by group of patients; `params`, those that differ; `costs`; `patients`, Dice by patient.
    """
    tables = [_by_patient(entry) for entry in entries]
    first, others = tables[0], tables[1:]
    return {
        "titles": [entry.title for entry in entries],
        "patient_count": len(first),
        "slice_count": len(entries[0].slices),
        "measures": [
            {
                "label": measure.label,
                "decimals": measure.decimals,
                "rises": measure.rises,
                "means": [interval(table[name].tolist()) for table in tables],
                "differences": [
                    difference(table[name].tolist(), first[name].tolist()) for table in others
                ],
            }
            for name, measure in MEASURES.items()
        ],
        "groups": _groups(tables),
        "params": differing({entry.title: entry.params for entry in entries}),
        "costs": _costs(entries),
        "patients": [
            {"patient": patient, "group": first["group"][patient], "dice": [t["dice_mean"][patient] for t in tables]}
            for patient in first.index
        ],
    }  # fmt: skip


def differing(params: Mapping[str, Mapping[str, str]]) -> dict[str, list[str | None]]:
    """Return the parameters that are not the same everywhere, each with its values in order; None where absent."""
    names = sorted({name for own in params.values() for name in own})
    values = {name: [own.get(name) for own in params.values()] for name in names}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


def disagreements(entries: Sequence[Entry], count: int) -> pd.DataFrame:
    """Return the slices on which Dice differs most between entries, the widest apart first.

    Returns:
        Columns patient, slice, phase, cycle, apart, and `dice_0`, `dice_1`, ... of each entry; slices on which any
        Dice is undefined are left out.
    """
    joined = entries[0].slices[_SLICE].copy()
    for number, entry in enumerate(entries):
        own = entry.slices[[*_SLICE, "dice"]].rename(columns={"dice": f"dice_{number}"})
        joined = joined.merge(own, on=_SLICE)
    dice = joined[[f"dice_{number}" for number in range(len(entries))]]
    joined["apart"] = dice.max(axis=1) - dice.min(axis=1)
    known = joined[dice.notna().all(axis=1)]
    return known.sort_values("apart", ascending=False, kind="stable").head(count).reset_index(drop=True)


def _by_patient(entry: Entry) -> pd.DataFrame:
    """Return the measures of an entry, a row per patient in order of the names."""
    table = entry.patients.set_index("patient").sort_index()
    return table.assign(
        ef_error=(table["ef_percent"] - table["manual_ef_percent"]).abs(),
        edv_error=(table["edv_ml"] - table["manual_edv_ml"]).abs(),
    )


def _groups(tables: Sequence[pd.DataFrame]) -> list[dict[str, Any]]:
    """Return the mean Dice of each group of patients, and how many there are."""
    return [
        {
            "group": str(group),
            "patients": len(own),
            "dice": [float(table["dice_mean"][own.index].mean()) for table in tables],
        }
        for group, own in tables[0].groupby("group")
    ]


def _costs(entries: Sequence[Entry]) -> dict[str, list[float | None]]:
    """Return each cost that is known of any entry."""
    names = list(dict.fromkeys(name for entry in entries for name in entry.costs))
    return {name: [entry.costs.get(name) for entry in entries] for name in names}
