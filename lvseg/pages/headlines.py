"""What is said first of an evaluation, wherever it is said: ranked models, their scores, and what the data is.

The terminal, the report, the artifact of a flow run and the description of an MLflow run take it from here, so that no
two of them round, rank or leave out differently. The facts are those of `reports/metrics.json`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lvseg.pages.numbers import number
from lvseg.pages.score_names import APD, DICE, DM, EF_ERROR, GOOD
from lvseg.pages.words import flag_in_words


@dataclass(frozen=True)
class Headline:
    """A score: the head of its column, its key in `metrics.json`, and the decimals that are shown."""

    head: str
    key: str
    decimals: int


# What is fair first, then the challenge's measures, last what says little.
HEADLINES = (
    Headline(f"{DICE.name}, contours", "dice_slice_mean", DICE.decimals),
    Headline(f"{DICE.name}, patients", "dice_patient_mean", DICE.decimals),
    *(Headline(score.title, score.column, score.decimals) for score in (DM, APD, GOOD)),
    Headline(EF_ERROR.name, "ef_mae_pp", EF_ERROR.decimals),
    Headline("accuracy", "accuracy", 4),
)


def ranked(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names of models, the best first: the highest Dice over all contours."""
    return sorted(models, key=lambda name: -(models[name]["dice_slice_mean"] or 0))


def cells(scores: Mapping[str, Any], patients: int) -> list[str]:
    """Return the headlines of one model, in the order of `HEADLINES`.

    Args:
        scores: of the model.
        patients: how many were tested.
    """
    return [of_patients(scores, one.key, one.decimals, patients) for one in HEADLINES]


def of_patients(scores: Mapping[str, Any], key: str, decimals: int, patients: int) -> str:
    """Return a score as people read it; a dash for what is undefined.

    `of_patients({"ef_mae_pp": 13.42, "patients_with": {"ef_mae_pp": 1}}, "ef_mae_pp", 1, 4)` is `13.4 (1 of 4)`.

    Args:
        scores: of a model; `patients_with` says over how many patients a mean goes, by its key.
        key: of the score.
        decimals: that are shown.
        patients: how many were tested.
    """
    return some(
        number(scores.get(key), decimals), scores.get("patients_with", {}).get(key, patients), patients
    )


def some(shown: str, count: int, patients: int) -> str:
    """Return a mean over `count` of the tested patients with a remark where it leaves any of them out."""
    return shown if count in (0, patients) else f"{shown} ({count} of {patients})"


def synthetic(test: Mapping[str, Any]) -> str:
    """Return the sentence that must stand beside figures of synthetic data; empty where all patients are real.

    Args:
        test: `patients`, and `synthetic`, how many of them are; an older evaluation does not say.
    """
    count, patients = test.get("synthetic", 0), test["patients"]
    if not count:
        return ""
    which = "All test patients are" if count == patients else f"{count} of {patients} test patients are"
    return f"{which} synthetic (a phantom): these figures say that the pipeline works, and nothing about patients."


def tested(test: Mapping[str, Any]) -> str:
    """Return on what models were tested, in a sentence, and what was left out."""
    left_out = ", ".join(
        f"{count} {flag_in_words(flag)}" for flag, count in test["left_out"].items() if count
    )
    slices = f"{test['slices']} contoured slices of {test['patients']} patients"
    return f"Tested on {slices}; left out: {left_out or 'none'}."
