"""What a comparison says of tables whose answers are known, and that its page holds it."""

import math
from pathlib import Path

import pytest

from lvseg.comparison.compare import ComparedModel, compare, differing_params, disagreements
from lvseg.comparison.comparison_page import terminal
from lvseg.comparison.write_page import write_page
from lvseg.evaluation.summaries import per_patient
from tests.lvseg.evaluation import scored

FIRST = {"P1": ("N", 0.9), "P2": ("HYP", 0.8), "P3": ("HYP", 0.7)}
SECOND = {"P1": ("N", 0.9), "P2": ("HYP", 0.5), "P3": ("HYP", 0.0)}
MORE = {f"P{number}": ("N", 0.8 + number / 100) for number in range(4, 8)}


def model(title: str, patients: dict[str, tuple[str, float]], **params: str) -> ComparedModel:
    slices = scored.slices(patients)
    return ComparedModel(title, per_patient(slices), slices, params, {"parameters": 7.0})


MODELS = [model("one", FIRST, seed="1", rate="0.1"), model("two", SECOND, seed="2", rate="0.1")]


def test_means_and_differences_are_over_the_patients_who_have_both() -> None:
    comparison = compare(MODELS)
    dice, dm = comparison.measures[:2]
    assert [mean.mean for mean in dice.means] == pytest.approx([0.8, 1.4 / 3])
    (difference,) = dice.differences
    assert difference.mean == pytest.approx(-1.0 / 3) and difference.patients == 3
    assert dm.means[1].patients == 2, "a model that draws nothing has no DM"
    assert dm.differences[0].mean == pytest.approx(-0.15)
    groups = {group.group: group.dice for group in comparison.groups}
    assert groups["HYP"] == pytest.approx([0.75, 0.25]) and groups["N"] == pytest.approx([0.9, 0.9])


def test_what_makes_models_differ_is_what_is_not_the_same_everywhere() -> None:
    assert differing_params([{"seed": "1", "rate": "2"}, {"seed": "3", "rate": "2", "width": "4"}]) == {
        "seed": ["1", "3"],
        "width": [None, "4"],
    }


def test_disagreements_come_widest_first() -> None:
    widest = disagreements(MODELS, 8)
    assert widest["patient"].tolist() == ["P3"] * 6 + ["P2"] * 2
    assert widest["apart"].tolist() == pytest.approx([0.7] * 6 + [0.3] * 2)
    assert (widest["dice_0"][0], widest["dice_1"][0]) == (0.7, 0.0)


def test_terminal_and_page_say_the_same(tmp_path: Path) -> None:
    comparison = compare(MODELS)
    text = terminal(comparison)
    write_page(tmp_path / "page.html", comparison, MODELS, [], [])
    page = (tmp_path / "page.html").read_text()
    for shown in ("-0.333 (p 0.500)", "0.800", "0.700 (2 of 3)", "-0.150 (p 1.000) (2 of 3)"):
        assert shown in text and shown in page, "three patients make no interval, two have a DM"
    assert "synthetic" not in text + page
    assert "<td>seed</td><td>1</td><td>2</td>" in page and "<td>rate</td>" not in page
    assert page.count("data:image/png;base64,") == 1 and "Pictures need the test data" in page
    assert list(tmp_path.iterdir()) == [tmp_path / "page.html"]


def test_enough_patients_have_an_interval_and_a_phantom_is_named(tmp_path: Path) -> None:
    models = [model("one", FIRST | MORE), model("two", SECOND | MORE)]
    comparison = compare(models, synthetic=7)
    text = terminal(comparison)
    write_page(tmp_path / "page.html", comparison, models, [], [])
    page = (tmp_path / "page.html").read_text()
    interval = comparison.measures[0].means[0]
    for shown in (
        f"{interval.mean:.3f} [{interval.low:.3f} to {interval.high:.3f}]",
        "All test patients are synthetic",
    ):
        assert shown in text and shown in page
    assert page.index("synthetic") < page.index("<h2>")


def test_undefined_measures_are_dashes() -> None:
    nothing = {name: (group, 0.0) for name, (group, _) in FIRST.items()}
    comparison = compare([MODELS[0], model("empty", nothing)])
    difference = comparison.measures[1].differences[0]
    assert math.isnan(difference.mean) and difference.patients == 0
    assert "nan" not in terminal(comparison).lower()
