"""The rules by which a model takes the place of another."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lvseg.evaluation.promotion.decision import Contender, decide, in_words
from lvseg.evaluation.promotion.gates import Gate
from lvseg.evaluation.promotion.params import PromotionParams

RULES = PromotionParams(
    automatic=True,
    min_good_percent=90.0,
    max_ef_error=6.0,
    min_dice={},
    min_patients=6,
    margin=0.005,
    group_margin=0.03,
)
GROUPS = ["HF-I", "HF-NI", "HYP", "N"] * 4
NOISE = np.random.default_rng(4).normal(0, 0.01, len(GROUPS))


def contender(dice: Any = 0.9, parameters: int = 100, flaw: str = "", **columns: Any) -> Contender:
    """Return a model with these scores, one value for all patients or one for each."""
    table = pd.DataFrame({"patient": [f"P{n:02d}" for n in range(len(GROUPS))], "group": GROUPS})
    scores = {
        "dice_mean": dice,
        "slices": 20,
        "unjudged": 0,
        "good_percent": 97.0,
        "ef_percent": 57.0,
        "manual_ef_percent": 55.0,
    } | columns
    return Contender(f"model of {parameters}", table.assign(**scores), parameters, flaw)


def test_the_first_champion_needs_the_limits_only() -> None:
    decision = decide(contender(dice=0.5), None, RULES)
    assert decision.promoted and decision.reason == "the first model that keeps all limits"
    assert decision.dice is None and decision.groups is None


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"good_percent": 89.0}, "good contours"),
        ({"good_percent": math.nan}, "good contours"),
        ({"good_percent": 100.0, "unjudged": 20}, "good contours"),
        ({"ef_percent": 62.0}, "EF error"),
        ({"ef_percent": 48.0}, "EF error"),
        ({"ef_percent": math.nan}, "EF error"),
    ],
)
def test_limits_hold_whoever_is_champion(columns: dict[str, Any], named: str) -> None:
    for champion in (None, contender(dice=0.1)):
        decision = decide(contender(**columns), champion, RULES)
        assert not decision.promoted and named in decision.reason
        assert [gate.holds for gate in decision.gates].count(False) == 1


def test_a_patient_without_good_contours_to_count_is_a_failure() -> None:
    one_lacks = np.where(np.arange(len(GROUPS)) == 3, np.nan, 97.0)
    decision = decide(contender(good_percent=one_lacks), None, RULES)
    assert not decision.promoted and "good contours, % undefined" in decision.reason


def test_a_patient_without_ejection_fraction_is_a_failure_only_where_the_expert_has_one() -> None:
    one_lacks = np.where(np.arange(len(GROUPS)) == 3, np.nan, 57.0)
    decision = decide(contender(ef_percent=one_lacks), None, RULES)
    assert not decision.promoted and "EF error, points undefined" in decision.reason
    expert_lacks = np.where(np.arange(len(GROUPS)) == 3, np.nan, 55.0)
    assert decide(contender(ef_percent=one_lacks, manual_ef_percent=expert_lacks), None, RULES).promoted


def test_a_flaw_outweighs_everything() -> None:
    decision = decide(contender(dice=1.0, flaw="no commit holds its code"), None, RULES)
    assert decision.promoted is False and decision.reason == "no commit holds its code"
    assert [gate.holds for gate in decision.gates] == [True, True]


def test_a_better_one_wins_and_says_by_how_much() -> None:
    decision = decide(contender(0.92 + NOISE), contender(0.9), RULES)
    assert decision.promoted and decision.dice is not None
    assert decision.dice.low > 0 and f"{decision.dice.mean:+.4f}" in decision.reason
    assert "| HYP |" in in_words("new", "old", decision)


def test_a_gain_within_the_noise_does_not_win() -> None:
    assert not decide(contender(0.902 + 10 * NOISE), contender(0.9), RULES).promoted


def test_an_equal_one_wins_only_if_it_is_smaller() -> None:
    assert not decide(contender(0.9), contender(0.9), RULES).promoted
    assert not decide(contender(0.9, parameters=200), contender(0.9), RULES).promoted
    assert decide(contender(0.9, parameters=50), contender(0.9), RULES).promoted
    assert not decide(contender(0.9 - 0.006, parameters=50), contender(0.9), RULES).promoted


def test_no_group_pays_for_the_others() -> None:
    dice = np.where(np.array(GROUPS) == "HYP", 0.86, 0.99)
    decision = decide(contender(dice), contender(0.9), RULES)
    assert not decision.promoted and "HYP" in decision.reason


@given(st.lists(st.floats(0, 1), min_size=len(GROUPS), max_size=len(GROUPS)), st.floats(1e-6, 0.5))
def test_a_model_that_is_worse_for_everybody_never_wins(dice: list[float], lost: float) -> None:
    worse = contender(np.array(dice) - lost - RULES.margin, parameters=1)
    assert not decide(worse, contender(dice), RULES).promoted


def test_other_patients_are_no_comparison() -> None:
    other = contender()
    other = Contender("other", other.patients.iloc[1:], 100)
    with pytest.raises(ValueError, match=r"^challenger and champion were not tested on the same patients$"):
        decide(contender(), other, RULES)


def test_gates_say_value_and_limit_and_hold_at_the_limit_itself() -> None:
    signs = np.where(np.arange(len(GROUPS)) % 2, 4.0, -2.0)  # an error to either side is an error
    good, error = decide(contender(unjudged=1, ef_percent=55.0 + signs), None, RULES).gates
    assert good == Gate("good contours, %", 92.0, "at least 90", True)  # 97 less one of twenty
    assert error == Gate("EF error, points", 3.0, "at most 6", True)
    assert decide(contender(good_percent=90.0, ef_percent=61.0), None, RULES).promoted
    both = decide(contender(good_percent=89.9, ef_percent=61.1), None, RULES)
    assert both.reason == "it misses good contours, % 89.9 (at least 90) and EF error, points 6.1 (at most 6)"


def test_few_patients_decide_nothing_however_large_the_gain() -> None:
    def of(count: int, dice: float) -> Contender:
        whole = contender(dice)
        return Contender(whole.title, whole.patients[:count], whole.parameters)

    refused = decide(of(5, 0.95), of(5, 0.8), RULES)
    assert not refused.promoted and refused.reason.startswith(
        "5 test patients cannot decide, an interval wants 6 (promotion.min_patients): Dice +0.1500 [+0.1500"
    )
    assert decide(of(6, 0.95), of(6, 0.8), RULES).promoted
    alone = decide(of(1, 0.95), of(1, 0.8), RULES)
    assert "1 test patient cannot decide" in alone.reason and "nan" not in in_words("new", "old", alone)
    assert "too few for an interval, p = 1.000." in in_words("new", "old", alone)
    assert decide(of(1, 0.95), None, RULES).promoted, "the first champion keeps limits only"
    with pytest.raises(ValidationError, match="min_patients"):
        PromotionParams.model_validate({**RULES.model_dump(), "min_patients": 4})


def test_the_group_that_loses_most_is_named() -> None:
    lost = {"HF-I": 0.0, "HF-NI": 0.04, "HYP": 0.05, "N": -0.2}
    decision = decide(contender([0.9 - lost[group] for group in GROUPS]), contender(0.9), RULES)
    assert decision.reason == "patients of group HYP lose 0.0500 Dice, more than 0.03"
    assert decision.groups == pytest.approx({group: -value for group, value in lost.items()})
    at_the_margin = RULES.model_copy(update={"group_margin": 0.5})
    assert "not surely better" in decide(contender(0.4), contender(0.9), at_the_margin).reason
    nameless = contender(0.8)
    nameless.patients["group"] = ""
    assert decide(nameless, contender(0.9), RULES).reason.startswith(
        "patients of group none lose 0.1000 Dice"
    )


def test_patients_are_paired_by_name_whatever_their_order() -> None:
    dice = np.linspace(0.8, 0.95, len(GROUPS))
    champion = contender(dice)
    shuffled = Contender("champion", champion.patients.iloc[::-1], 100)
    decision = decide(contender(dice + 0.01), shuffled, RULES)
    assert decision.promoted and decision.dice is not None
    assert decision.reason == "better: Dice +0.0100 [+0.0100 to +0.0100] against champion"


@pytest.mark.parametrize(
    ("challenger", "promoted"),
    [
        (contender(0.92), True),
        (contender(0.9, parameters=40), True),
        (contender(0.9), False),
        (contender(0.8), False),
    ],
    ids=["better", "as good and smaller", "not surely better", "a group loses"],
)
def test_every_comparison_keeps_its_evidence(challenger: Contender, promoted: bool) -> None:
    decision = decide(challenger, contender(0.9), RULES)
    gained = challenger.patients["dice_mean"][0] - 0.9
    assert decision.promoted is promoted
    assert decision.gates == decide(challenger, None, RULES).gates and len(decision.gates) == 2
    assert decision.dice is not None and decision.dice.mean == pytest.approx(gained)
    assert decision.groups == pytest.approx(dict.fromkeys(GROUPS, gained))


def test_a_margin_of_nothing_is_not_kept_by_an_equal_one() -> None:
    strict = RULES.model_copy(update={"margin": 0.0})
    assert not decide(contender(0.9, parameters=40), contender(0.9), strict).promoted


def test_a_smaller_one_says_how_much_smaller() -> None:
    decision = decide(contender(0.9, parameters=40), contender(0.9), RULES)
    assert decision.reason == (
        "as good, with 60% fewer parameters: Dice +0.0000 [+0.0000 to +0.0000] against model of 100"
    )


def test_a_decision_in_words_and_as_evidence() -> None:
    first = decide(contender(good_percent=math.nan), None, RULES)
    assert in_words("new", None, first) == (
        "**new does not become champion**: it misses good contours, % undefined (at least 90).\n\n"
        "Champion until then: none.\n\n"
        "| gate | value | limit | holds |\n|---|---|---|---|\n"
        "| good contours, % | undefined | at least 90 | no |\n| EF error, points | 2.0 | at most 6 | yes |\n"
    )
    for points, told in ((1.0, "1.000"), (1.5, "1.5")):  # of what is small there are more digits
        off = decide(contender(ef_percent=55 + points), None, RULES)
        assert f"| EF error, points | {told} |" in in_words("new", None, off)
    assert first.evidence() == {
        "promoted": False,
        "reason": "it misses good contours, % undefined (at least 90)",
        "gates": [
            {"name": "good contours, %", "value": None, "limit": "at least 90", "holds": False},
            {"name": "EF error, points", "value": 2.0, "limit": "at most 6", "holds": True},
        ],
        "dice": None,
        "groups": None,
    }
    nameless = contender(0.92)
    nameless.patients.loc[0, "group"] = ""
    decision = decide(nameless, contender(0.9), RULES)
    assert decision.dice is not None and decision.dice.p < 0.005
    assert in_words("new", "old", decision) == (
        "**new becomes champion**: better: Dice +0.0200 [+0.0200 to +0.0200] against model of 100.\n\n"
        "Champion until then: old.\n\n"
        "| gate | value | limit | holds |\n|---|---|---|---|\n"
        "| good contours, % | 97.0 | at least 90 | yes |\n| EF error, points | 2.0 | at most 6 | yes |\n\n"
        "Mean Dice of 16 patients, challenger minus champion: +0.0200, 95% interval +0.0200 to +0.0200, "
        f"p = {decision.dice.p:.3f}.\n\n"
        "| group | Dice, challenger minus champion |\n|---|---|\n"
        "| none | +0.0200 |\n| HF-I | +0.0200 |\n| HF-NI | +0.0200 |\n| HYP | +0.0200 |\n| N | +0.0200 |\n"
    )


def test_the_dice_of_structures_is_a_gate_over_the_patients_in_whom_they_were_drawn() -> None:
    rules = RULES.model_copy(update={"min_dice": {"right_ventricle": 0.8, "cavity": 0.95}})
    drawn = np.where(np.arange(len(GROUPS)) < 4, [0.75, 0.85] * (len(GROUPS) // 2), np.nan)
    decision = decide(contender(dice=0.9, dice_right_ventricle=drawn), None, rules)
    cavity, ventricle = decision.gates[2:]
    assert (cavity.name, cavity.limit, cavity.holds) == ("Dice of the cavity", "at least 0.95", False)
    assert ventricle == Gate("Dice of the right ventricle", 0.8, "at least 0.8", True)
    assert decision.reason == "it misses Dice of the cavity 0.900 (at least 0.95)"


@pytest.mark.parametrize(
    ("key", "highest"),
    [("min_good_percent", 100), ("max_ef_error", 100), ("margin", 1), ("group_margin", 1), ("min_dice", 1)],
)
def test_limits_lie_where_they_can_be_kept(key: str, highest: float) -> None:
    def rules(value: float) -> PromotionParams:
        limit = {"cavity": value} if key == "min_dice" else value
        return PromotionParams.model_validate({**RULES.model_dump(), key: limit})

    assert rules(0) and rules(highest)
    for beyond in (-0.01, highest + 0.01):
        with pytest.raises(ValidationError, match=key):
            rules(beyond)
