"""Hard limits that a model must keep to be the one in use, whatever it is compared with."""

import math
from dataclasses import dataclass

import pandas as pd

from lvseg.evaluation.promotion.params import PromotionParams
from lvseg.imaging.structures import Structure


@dataclass(frozen=True)
class Gate:
    """A limit that a champion must keep; an undefined value does not keep it."""

    name: str
    value: float
    limit: str
    holds: bool


def gates_of(patients: pd.DataFrame, rules: PromotionParams) -> tuple[Gate, ...]:
    """Return the hard limits and whether they hold."""
    # The challenge does not count contours that its evaluator cannot judge as bad: a network that draws nonsense
    # everywhere has 100 % good ones by its rule.
    unjudged = 100 * patients["unjudged"] / patients["slices"]
    good = float((patients["good_percent"] - unjudged).mean(skipna=False))
    # Where the expert has an ejection fraction and the model none, that is a failure, not a patient to leave out.
    known = patients[patients["manual_ef_percent"].notna()]
    error = float((known["ef_percent"] - known["manual_ef_percent"]).abs().mean(skipna=False))
    structures = tuple(
        _structure_gate(patients, structure, limit) for structure, limit in sorted(rules.min_dice.items())
    )
    return (
        Gate(
            "good contours, %", good, f"at least {rules.min_good_percent:g}", good >= rules.min_good_percent
        ),
        Gate("EF error, points", error, f"at most {rules.max_ef_error:g}", error <= rules.max_ef_error),
        *structures,
    )


def _structure_gate(patients: pd.DataFrame, structure: str, limit: float) -> Gate:
    """Return the limit of one structure's Dice, mean over the patients in whom experts drew it."""
    column = "dice_mean" if structure == Structure.CAVITY.key else f"dice_{structure}"
    value = float(patients[column].mean()) if column in patients else math.nan
    return Gate(
        f"Dice of the {Structure[structure.upper()].words}", value, f"at least {limit:g}", value >= limit
    )


def told_value(value: float) -> str:
    """Return the value of a gate as people read it."""
    return "undefined" if math.isnan(value) else f"{value:.1f}" if value > 1 else f"{value:.3f}"
