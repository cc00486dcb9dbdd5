"""The page to read: one HTML file with its pictures inside, for any browser, without network."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lvseg.evaluation import tables
from lvseg.evaluation.scores.slices import LEVELS
from lvseg.evaluation.summaries import counts, summary
from lvseg.evaluation.trained_models import TrainedModel
from lvseg.metrics.fewest import FEWEST
from lvseg.pages import headlines, words
from lvseg.pages.environment import environment

if TYPE_CHECKING:
    from lvseg.params import Params

_TITLES = {
    "by_group": "By group",
    "by_phase": "By phase of the heart beat",
    "by_level": "By level: thirds of each stack",
}
_MEASURES = {
    "edv_ml": "EDV, ml",
    "esv_ml": "ESV, ml",
    "sv_ml": "stroke volume, ml",
    "ef_percent": "EF, percentage points",
    "mass_g": "LV mass, g",
}
_VOLUMES = {"edv_ml": "EDV, ml", "esv_ml": "ESV, ml", "ef_percent": "EF, points", "mass_g": "mass, g"}


def content(
    slices: pd.DataFrame,
    patients: pd.DataFrame,
    metrics: Mapping[str, Any],
    models: Sequence[TrainedModel],
    params: "Params",
    split: pd.DataFrame,
) -> dict[str, Any]:
    """Return all that the page says, pictures aside.

    Args:
        slices: a row per model and slice.
        patients: a row per model and patient.
        metrics: as in `metrics.json`.
        models: the trained models.
        params: as the evaluation used them.
        split: columns patient, group, part.
    """
    names = headlines.ranked(metrics["models"])
    one_model = slices[slices["model"] == names[0]]
    return {
        "names": names,
        "scores": metrics["models"],
        "test": metrics["test"],
        "synthetic": headlines.synthetic(metrics["test"]),
        "left_out": sum(metrics["test"]["left_out"].values()),
        "empty": empty_mask(one_model),
        "divisions": _divisions(slices),
        "measures": _MEASURES,
        "volume_words": _VOLUMES,
        "fewest": FEWEST,
        "patients": [
            {
                "patient": patient,
                "group": of_patient["group"].iloc[0],
                "slices": int(of_patient["slices"].iloc[0]),
            }
            | {"dice": dict(zip(of_patient["model"], of_patient["dice_mean"], strict=True))}
            for patient, of_patient in patients.groupby("patient", sort=False)
        ],
        "runs": {model.name: model.run for model in models},
        "params": params.model_dump(mode="json"),
        "parts": split["part"].value_counts().to_dict(),
    }


def empty_mask(slices: pd.DataFrame) -> dict[str, float]:
    """Return what a model that never draws anything would score on the slices of one model's table."""
    nothing = slices.assign(
        predicted_pixels=0,
        accuracy=1 - slices["manual_pixels"] / slices["pixels"],
        dice=slices["manual_pixels"].map(lambda area: 0.0 if area else math.nan),
        dice_smoothed=1 / (slices["manual_pixels"] + 1),
    )
    return summary(nothing) | counts(nothing)


def _divisions(slices: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the tables by group, phase and level: rows of values with one cell per model."""
    divisions = []
    for division, rows in tables.by_division(slices).groupby("division"):
        values = [
            {
                "name": tables.NAMES.get(str(value), value),
                "patients": int(of_value["patients"].iloc[0]),
                "slices": int(of_value["slices"].iloc[0]),
                "cells": {row["model"]: row for row in of_value.to_dict("records")},
            }
            for value, of_value in sorted(rows.groupby("value"), key=lambda item: _place(str(item[0])))
        ]
        divisions.append({"title": _TITLES[str(division)], "values": values})
    return divisions


def _place(value: str) -> tuple[int, str]:
    """Return where a value stands in its table: levels from base to apex, the rest by name."""
    return (LEVELS.index(value) if value in LEVELS else 0, value)


def render(
    told: Mapping[str, Any], pictures: Mapping[str, Path], by_model: Mapping[str, Mapping[str, Path]]
) -> str:
    """Return the page as HTML.

    Args:
        told: as `content` returns it.
        pictures: PNG files `samples` and `dice`.
        by_model: PNG files of each model: `curves`, `network`, `agreement` and, where there are any, `overlays`.
    """
    pages = environment(Path(__file__).parent)
    pages.filters.update(
        share=_share,
        score=headlines.of_patients,
        flag=words.flag_in_words,
        flags=words.flags_in_words,
        settings=words.settings,
    )
    return pages.get_template("page.html").render(told, pictures=pictures, by_model=by_model)


def _share(value: float | None) -> str:
    """Return the length of a bar as a share of 1; 0 for what is undefined."""
    return "0" if value is None or math.isnan(value) else f"{value:.2f}"
