"""When a model may take the place of the one in use: hard gates, and a paired comparison patient by patient."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from lvseg.evaluation.plain_json import plain
from lvseg.evaluation.promotion.gates import Gate, gates_of, told_value
from lvseg.evaluation.promotion.params import PromotionParams
from lvseg.metrics.statistics import CONFIDENCE, Difference, difference


@dataclass(frozen=True)
class Contender:
    """A model that was evaluated, and what a decision needs to know of it.

    Attributes:
        title: as people call it.
        patients: a row per test patient, as `lvseg.evaluation.summaries.per_patient` makes them.
        parameters: how many weights it learnt: what a prediction costs.
        flaw: why it may never be champion, such as code that no commit holds; empty if nothing is wrong.
    """

    title: str
    patients: pd.DataFrame
    parameters: int
    flaw: str = ""


@dataclass(frozen=True)
class Decision:
    """Whether a model becomes champion, why, and on what evidence.

    Attributes:
        promoted: whether it does.
        reason: one sentence.
        gates: the hard limits.
        dice: challenger minus champion, mean Dice of each patient; None for a first champion, or without comparison.
        groups: the same by group of patients, means alone.
    """

    promoted: bool
    reason: str
    gates: tuple[Gate, ...]
    dice: Difference | None = None
    groups: Mapping[str, float] | None = None

    def evidence(self) -> dict[str, Any]:
        """Return the decision as JSON takes it; what is undefined is None."""
        facts: dict[str, Any] = plain(asdict(self))
        return facts


def decide(challenger: Contender, champion: Contender | None, rules: PromotionParams) -> Decision:
    """Decide whether a challenger takes the place of the champion.

    Args:
        challenger: the candidate.
        champion: the model in use, scored on the same test patients; None if there is none yet.
        rules: see `params.yaml`.
    """
    gates = gates_of(challenger.patients, rules)
    if challenger.flaw:
        return Decision(False, challenger.flaw, gates)
    fallen = [f"{gate.name} {told_value(gate.value)} ({gate.limit})" for gate in gates if not gate.holds]
    if fallen:
        return Decision(False, f"it misses {' and '.join(fallen)}", gates)
    if champion is None:
        return Decision(True, "the first model that keeps all limits", gates)
    dice, groups = _against(challenger.patients, champion.patients)
    worse = {group: apart for group, apart in groups.items() if not apart >= -rules.group_margin}
    told = f"Dice {dice.mean:+.4f}{_interval(dice)} against {champion.title}"
    if worse:
        group, apart = min(worse.items(), key=lambda item: item[1])
        reason = (
            f"patients of group {group or 'none'} lose {-apart:.4f} Dice, more than {rules.group_margin:g}"
        )
        return Decision(False, reason, gates, dice, groups)
    if dice.patients < rules.min_patients:
        reason = (
            f"{dice.patients} test patient{'' if dice.patients == 1 else 's'} cannot decide, an interval wants "
            f"{rules.min_patients} (promotion.min_patients): {told}"
        )
        return Decision(False, reason, gates, dice, groups)
    if dice.low > 0:
        return Decision(True, f"better: {told}", gates, dice, groups)
    cheaper = challenger.parameters < champion.parameters
    if cheaper and dice.low > -rules.margin:
        saved = 1 - challenger.parameters / champion.parameters
        return Decision(True, f"as good, with {saved:.0%} fewer parameters: {told}", gates, dice, groups)
    return Decision(False, f"not surely better: {told}", gates, dice, groups)


def _against(challenger: pd.DataFrame, champion: pd.DataFrame) -> tuple[Difference, dict[str, float]]:
    """Return challenger minus champion in mean Dice by patient, and by group."""
    one, other = (table.set_index("patient").sort_index() for table in (challenger, champion))
    if not one.index.equals(other.index):
        raise ValueError("challenger and champion were not tested on the same patients")
    apart = (one["dice_mean"] - other["dice_mean"]).groupby(one["group"]).mean()
    return (
        difference(one["dice_mean"].tolist(), other["dice_mean"].tolist()),
        {str(group): float(value) for group, value in apart.items()},
    )


def _interval(dice: Difference) -> str:
    """Return the interval of a difference as people read it; "" where there is none."""
    return "" if math.isnan(dice.low) else f" [{dice.low:+.4f} to {dice.high:+.4f}]"


def in_words(title: str, champion: str | None, decision: Decision) -> str:
    """Return a decision and its evidence as Markdown."""
    verdict = "becomes champion" if decision.promoted else "does not become champion"
    lines = [f"**{title} {verdict}**: {decision.reason}.", ""]
    lines += [f"Champion until then: {champion or 'none'}.", ""]
    lines += ["| gate | value | limit | holds |", "|---|---|---|---|"]
    lines += [
        f"| {gate.name} | {told_value(gate.value)} | {gate.limit} | {'yes' if gate.holds else 'no'} |"
        for gate in decision.gates
    ]
    if decision.dice and decision.groups is not None:
        paired = decision.dice
        spread = "too few for an interval"
        if not math.isnan(paired.low):
            spread = f"{CONFIDENCE:.0%} interval {paired.low:+.4f} to {paired.high:+.4f}"
        lines += ["", f"Mean Dice of {paired.patients} patients, challenger minus champion: {paired.mean:+.4f}, "
                  f"{spread}, p = {paired.p:.3f}.", "",
                  "| group | Dice, challenger minus champion |", "|---|---|"]  # fmt: skip
        lines += [f"| {group or 'none'} | {apart:+.4f} |" for group, apart in decision.groups.items()]
    return "\n".join(lines) + "\n"
