"""The tables of an evaluation as files: CSV for people, JSON and CSV for DVC.

Numbers are rounded to six decimals, undefined ones are empty (CSV) or null (JSON), so that equal results give
equal bytes and every reader parses them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lvseg.evaluation import summaries
from lvseg.evaluation.plain_json import plain

DECIMALS = 6
_DIVISIONS = {"by_group": "group", "by_phase": "cycle", "by_level": "level"}
NAMES = {
    "HF-I": "HF-I: heart failure with infarct",
    "HF-NI": "HF-NI: heart failure without infarct",
    "HYP": "HYP: hypertrophy",
    "N": "N: normal",
    "ED": "ED: end of diastole",
    "ES": "ES: end of systole",
}


def by_division(slices: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model and group, per model and ED or ES, and per model and level.

    Columns: model, division (`by_group`, `by_phase` or `by_level`), value, patients, slices, missed, undefined,
    dice_mean, dice_q1, dice_median, dice_q3, `summaries.AVERAGED` (means over slices), good_percent.
    """
    rows = []
    for division, column in _DIVISIONS.items():
        for (model, value), rows_of_value in slices.groupby(["model", column]):
            scores = summaries.summary(rows_of_value)
            rows.append(
                {
                    "model": model,
                    "division": division,
                    "value": value or "unknown",
                    "patients": rows_of_value["patient"].nunique(),
                    **summaries.counts(rows_of_value),
                    "dice_mean": scores["dice_slice_mean"],
                    "dice_q1": scores["dice_slice_q1"],
                    "dice_median": scores["dice_slice_median"],
                    "dice_q3": scores["dice_slice_q3"],
                    **{name: rows_of_value[name].mean() for name in summaries.AVERAGED},
                    "good_percent": summaries.good_percent(rows_of_value),
                }
            )
    return pd.DataFrame(rows)


def metrics(
    slices: pd.DataFrame,
    patients: pd.DataFrame,
    with_flagged: pd.DataFrame,
    facts: Mapping[str, Mapping[str, int]],
    test: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of `metrics.json`.

    Args:
        slices: the scores, a row per model and slice.
        patients: the same by patient.
        with_flagged: as `slices`, with those that a flag keeps out of the test.
        facts: by model, the number of parameters and on how many empty slices it draws.
        test: `hash` and `left_out` of the test slices, how many others are known to be empty, and how many patients are
            synthetic.
    """
    divisions = by_division(slices)
    models: dict[str, Any] = {}
    for model, of_model in slices.groupby("model"):
        counted = summaries.counts(of_model)
        by_patient = patients[patients["model"] == model]
        scores: dict[str, Any] = {
            **summaries.summary(of_model),
            "missed": counted["missed"],
            "undefined": counted["undefined"],
            **summaries.by_official_rules(by_patient),
            **_clinical(summaries.clinical(by_patient)),
            "patients_with": summaries.patients_with(by_patient),
            "with_flagged": _in_short(with_flagged[with_flagged["model"] == model]),
            **facts[str(model)],
        }
        for division in _DIVISIONS:
            rows = divisions[(divisions["model"] == model) & (divisions["division"] == division)]
            scores[division] = {
                row["value"]: {
                    "slices": row["slices"],
                    "dice_slice_mean": row["dice_mean"],
                    "hd95_mm": row["hd95_mm"],
                    "good_percent": row["good_percent"],
                }
                for row in rows.to_dict("records")
            }
        models[str(model)] = scores
    one_model = slices[slices["model"] == slices["model"].iloc[0]]
    content: dict[str, Any] = plain(
        {
            "models": models,
            "test": {
                "patients": one_model["patient"].nunique(),
                "slices": len(one_model),
                "rendering_dice": one_model.groupby("patient")["rendering_dice"].mean().mean(),
                **test,
            },
        },
        DECIMALS,
    )
    return content


def _in_short(slices: pd.DataFrame) -> dict[str, Any]:
    """Return the scores that are compared across the literature, of one model."""
    patients = summaries.per_patient(slices)
    overlap, official = summaries.summary(slices), summaries.by_official_rules(patients)
    return {
        "patients": len(patients),
        "slices": len(slices),
        **{name: overlap[name] for name in ("dice_slice_mean", "dice_patient_mean")},
        **{name: official[name] for name in ("dm", "apd_mm", "good_percent")},
        "ef_mae_pp": summaries.clinical(patients).agreements["ef_percent"].mean_absolute,
        "patients_with": summaries.patients_with(patients),
    }


def _clinical(compared: summaries.Clinical) -> dict[str, Any]:
    """Return the agreement of volumes and ejection fraction with the expert's."""
    return {
        "ef_mae_pp": compared.agreements["ef_percent"].mean_absolute,
        "incomplete_slices": compared.incomplete,
        "uncounted_slices": compared.uncounted,
        "volumes": {name: measure.told() for name, measure in compared.agreements.items()},
    }


def write_json(path: Path, content: Any) -> None:
    """Write JSON that any parser reads: NaN is refused."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_csv(path: Path, rows: pd.DataFrame) -> None:
    """Write a table without index; undefined numbers are empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(path, index=False, float_format=f"%.{DECIMALS}f", lineterminator="\n")


def dice_by_rank(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the Dice of each model's slices from best to worst, a column per model, for a DVC plot.

    The column `share` is the share of slices, in percent, that are at least as good.
    """
    models = {
        str(model): of_model["dice"].dropna().sort_values(ascending=False).to_numpy()
        for model, of_model in slices.groupby("model")
    }
    length = max(map(len, models.values()))
    columns = {
        model: np.pad(dice, (0, length - len(dice)), constant_values=np.nan) for model, dice in models.items()
    }
    return pd.DataFrame({"share": 100 * np.arange(1, length + 1) / max(length, 1), **columns})
