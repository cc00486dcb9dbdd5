"""Scores of slices brought together: by model, by patient, by the official rules, as volumes."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lvseg.metrics.volumes import Agreement, agreement, mass_g, volumes

AVERAGED = ("hd_mm", "hd95_mm", "surface_mm")  # of slices: their means by patient, group, phase and level
_OFFICIAL = ("dm", "apd_mm", "apd_px", "good_percent", *AVERAGED)
MEASURES = ("edv_ml", "esv_ml", "sv_ml", "ef_percent", "mass_g")


def without_flags(slices: pd.DataFrame, drop: Collection[str]) -> pd.DataFrame:
    """Return the slices that bear none of the flags."""
    flagged = [not set(flags.split()).isdisjoint(drop) for flags in slices["flags"]]
    return slices[~np.array(flagged, bool)].reset_index(drop=True)


def per_patient(slices: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model and patient.

    Columns: model, patient, group; slices, missed, undefined; the mean Dice of his slices, the lowest, that at ED
    and at ES; the challenge's measures; mean distances in mm; each of `MEASURES` from the model's good contours
    and, with the prefix `manual_`, from the expert's; incomplete (slices where the expert lacks ED or ES) and
    uncounted (others where the model lacks a good contour at ED or ES).
    """
    rows = []
    for (model, patient), of_patient in slices.groupby(["model", "patient"], sort=False):
        by_cycle = of_patient.groupby("cycle")["dice"].mean()
        rows.append(
            {
                "model": model,
                "patient": patient,
                "group": of_patient["group"].iloc[0],
                **counts(of_patient),
                "dice_mean": of_patient["dice"].mean(),
                "dice_lowest": of_patient["dice"].min(),
                "dice_ed": by_cycle.get("ED", np.nan),
                "dice_es": by_cycle.get("ES", np.nan),
                **_official(of_patient),
                **{name: of_patient[name].mean() for name in AVERAGED},
                **_measures(of_patient),
            }
        )
    return pd.DataFrame(rows)


def counts(slices: pd.DataFrame) -> dict[str, int]:
    """Return how many slices there are, and how many are missed or undefined."""
    nothing = slices["predicted_pixels"] == 0
    drawn = slices["manual_pixels"] > 0
    return {
        "slices": len(slices),
        "missed": int((nothing & drawn).sum()),
        "undefined": int((nothing & ~drawn).sum()),
    }


def summary(slices: pd.DataFrame) -> dict[str, float]:
    """Return the scores of one model over the given slices, every contour counted.

    Dice over slices weighs every contour alike: a missed one counts 0, two empty masks count nothing. Dice
    over patients is the mean (median) over patients of the mean over each patient's slices. Where no Dice is
    defined at all they are NaN.
    """
    dice = slices["dice"]
    patients = dice.groupby(slices["patient"]).mean()
    scores: dict[str, Any] = {
        "loss": slices["loss"].mean(),
        "accuracy": slices["accuracy"].mean(),
        "dice_smoothed": slices["dice_smoothed"].mean(),
        "dice_slice_mean": dice.mean(),
        "dice_slice_q1": dice.quantile(0.25),
        "dice_slice_median": dice.median(),
        "dice_slice_q3": dice.quantile(0.75),
        "dice_patient_mean": patients.mean(),
        "dice_patient_median": patients.median(),
    }
    return {name: float(value) for name, value in scores.items()}


def by_official_rules(patients: pd.DataFrame) -> dict[str, float]:
    """Return the measures of the 2009 challenge, and distances, of one model: means over patients.

    A patient without any good contour has no DM and no APD and is left out of their means, as in the
    challenge; `unjudged` counts the contours that its evaluator would not judge.
    """
    return {name: float(patients[name].mean()) for name in _OFFICIAL} | {
        "unjudged": int(patients["unjudged"].sum())
    }


def patients_with(patients: pd.DataFrame) -> dict[str, int]:
    """Return over how many patients the means of one model go, by the names that the means have."""
    counts = {name: int(patients[name].notna().sum()) for name in _OFFICIAL}
    return counts | {"ef_mae_pp": clinical(patients).agreements["ef_percent"].patients}


def good_percent(slices: pd.DataFrame) -> float:
    """Return (drawn - bad) / manual contours in percent; NaN where the images do not say what a millimetre is."""
    if (slices["apd_mm"].isna() & slices["apd_px"].notna()).any():
        return math.nan
    drawn = slices["predicted_pixels"] > 0
    bad = slices["judged"] & ~slices["good"]
    return float(100 * (drawn.sum() - bad.sum()) / len(slices))


def _official(slices: pd.DataFrame) -> dict[str, float]:
    """Return the challenge's measures of one patient: DM and APD over good contours, and their percentage."""
    good = slices[slices["good"]]
    return {
        "dm": good["contour_dice"].mean(),
        "apd_mm": good["apd_mm"].mean(),
        "apd_px": good["apd_px"].mean(),
        "good_percent": good_percent(slices),
        "unjudged": int(((slices["predicted_pixels"] > 0) & ~slices["judged"]).sum()),
    }


def _measures(slices: pd.DataFrame) -> dict[str, float]:
    """Return volumes, ejection fraction and mass of one patient, by model and by hand.

    As in the challenge only good contours of a model count. The mass takes the expert's epicardium with either
    endocardium: models draw the cavity only.
    """
    distance = float(slices["slice_distance_mm"].iloc[0])
    walls = _by_slice(slices[slices["cycle"] == "ED"].dropna(subset="epi_mm2"), "epi_mm2")
    measures: dict[str, float] = {}
    complete: dict[str, set[int]] = {}
    for prefix, column, contours in (
        ("", "predicted_mm2", slices[slices["good"]]),
        ("manual_", "manual_mm2", slices),
    ):
        cavity, end = (_by_slice(contours[contours["cycle"] == cycle], column) for cycle in ("ED", "ES"))
        complete[prefix] = cavity.keys() & end.keys()
        # The ejection fraction is a ratio: it needs no distance between slices.
        drawn = volumes(cavity, end, 1.0)
        values = (
            drawn.edv_ml * distance,
            drawn.esv_ml * distance,
            drawn.stroke_ml * distance,
            drawn.ef_percent,
            mass_g(walls, cavity, distance) if walls else math.nan,
        )
        measures |= {prefix + name: value for name, value in zip(MEASURES, values, strict=True)}
    contoured = set(slices.loc[slices["cycle"].isin(["ED", "ES"]), "slice"])
    return measures | {
        "incomplete": len(contoured - complete["manual_"]),
        "uncounted": len(complete["manual_"] - complete[""]),
    }


def _by_slice(slices: pd.DataFrame, column: str) -> dict[int, float]:
    """Return the values of a column by slice."""
    return dict(zip(slices["slice"].tolist(), slices[column].tolist(), strict=True))


@dataclass(frozen=True)
class Clinical:
    """How the measures of a model agree with the expert's, patient by patient.

    Attributes:
        agreements: by measure.
        incomplete: slices where the expert lacks ED or ES, which therefore count nothing.
        uncounted: others that count nothing for the model, because it lacks a good contour at ED or ES.
    """

    agreements: dict[str, Agreement]
    incomplete: int
    uncounted: int


def clinical(patients: pd.DataFrame) -> Clinical:
    """Compare the measures of one model with the expert's."""
    return Clinical(
        {name: agreement(patients[name].tolist(), patients[f"manual_{name}"].tolist()) for name in MEASURES},
        int(patients["incomplete"].sum()),
        int(patients["uncounted"].sum()),
    )


def ranked(slices: pd.DataFrame, count: int) -> dict[str, list[int]]:
    """Return the positions of the best, median and worst slices of one model by Dice, up to `count` of each.

    Of equal scores the one with the larger manual contour comes first: it tells more. Slices with undefined
    Dice are out. With fewer than 3 x `count` slices each rank takes a third of them.
    """
    scored = slices.reset_index(drop=True).dropna(subset="dice")
    by = ["dice", "manual_pixels"]
    best = scored.sort_values(by, ascending=[False, False], kind="stable").index.tolist()
    worst = scored.sort_values(by, ascending=[True, False], kind="stable").index.tolist()
    count = min(count, max(len(scored) // 3, 1))
    middle = (len(scored) - count) // 2
    return {"best": best[:count], "median": best[middle : middle + count], "worst": worst[:count]}
