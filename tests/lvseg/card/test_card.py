"""The model card: its figures, its limits, and that it claims nothing that the facts do not say."""

from dataclasses import replace

import pandas as pd
import pytest

from lvseg.card import card_page
from lvseg.card.facts import Facts, limits, scores, source, worst
from lvseg.evaluation.summaries import per_patient
from tests.lvseg.evaluation import scored

# Seven patients of one group, two of another, of whom one is missed altogether.
PATIENTS = {f"P{number}": ("N", 0.9 + number / 100) for number in range(7)} | {
    "P7": ("HYP", 0.5),
    "P8": ("HYP", 0.0),
}


@pytest.fixture
def facts() -> Facts:
    slices = scored.slices(PATIENTS)
    return Facts(
        title="lv-segmentation v3",
        network="unet",
        dataset="ours",
        params={"parameters": "1234", "seed": "7", "drop_from_training": "['<off-anatomy>']"},
        tags={
            "test_hash": "t1",
            "shards_hash": "s1",
            "split_hash": "s2",
            "git_commit": "c1",
            "device": "CPU",
        },
        metrics={"train_seconds": 65.0, "test/drawn_on_empty": 4.0},
        trained="2026-11-23",
        patients=per_patient(slices),
        slices=slices,
    )


def test_figures_by_group_are_means_over_patients(facts: Facts) -> None:
    every, small, large = scores(facts)
    assert (every.patients, every.slices, every.missed) == (9, 54, 6)
    assert (small.name, small.patients) == ("HYP: hypertrophy", 2)
    assert large.means[0].mean == pytest.approx(0.93)
    assert small.means[0].mean == pytest.approx(0.25)
    assert large.means[0].low < 0.93 < large.means[0].high
    page = card_page.render(facts, {})
    assert "<td>0.500 (1 of 2)</td>" in page, "DM of the one of two, without an interval"
    assert "DM 0.876 (8 of 9)" in card_page.summary(facts, "there")
    assert small.means[1].mean == pytest.approx(0.5)  # DM knows nothing of a patient who was missed
    assert [row["patient"] for row in worst(facts)] == ["P8"] * 5


def test_limits_follow_from_the_figures(facts: Facts) -> None:
    said = " ".join(limits(facts))
    for part in (
        "patients in: HYP.",
        "worst on HYP",
        "nothing on 6 of 54",
        "on 4 slices that hold none",
        "0.965",
    ):
        assert part in said
    well = {f"P{number}": ("N", 0.9 + number / 100) for number in range(7)}
    slices = scored.slices(well)
    good = replace(facts, patients=per_patient(slices), slices=slices, metrics={})
    assert len(limits(good)) == 1


def test_the_data_and_its_licence_are_told_apart(facts: Facts) -> None:
    names = pd.Series([f"SC-N-0{number}" for number in (2, 3, 5, 6, 7, 9)])
    renamed = facts.patients[:6].assign(patient=names)
    cases = {
        "phantom": replace(facts, dataset="phantom", patients=renamed),
        "sunnybrook": replace(facts, patients=renamed),
        "other": facts,
    }
    assert source(replace(facts, tags={**facts.tags, "synthetic": "9"})) == "phantom", (
        "whatever its folder is called"
    )
    words = {"phantom": "synthetic", "sunnybrook": "CC0 1.0", "other": "ask those who gave the data"}
    for kind, told in cases.items():
        assert source(told) == kind
        text = card_page.render(told, {})
        assert [word in text for word in words.values()] == [kind == own for own in words]


def test_the_page_stands_alone_and_the_summary_tells_the_decision(facts: Facts) -> None:
    text = card_page.render(facts, {"overlays": b"picture"})
    for heading in ("What it is for", "What it is not for", "Figures by group", "Where it fails", "Limits"):
        assert f">{heading}</h" in text
    assert "data:image/png;base64,cGljdHVyZQ==" in text and "&lt;off-anatomy&gt;" in text
    assert "http" not in text and "<script" not in text
    assert "no licence file" in text and "no licence file" not in card_page.render(
        replace(facts, licence="L"), {}
    )
    assert text == card_page.render(facts, {"overlays": b"picture"})

    assert "No decision" in card_page.summary(facts, "there")
    decided = {"promoted": False, "reason": "HYP gets worse", "champion_before": "2"}
    said = card_page.summary(replace(facts, decision=decided), "there")
    assert "Not promoted: HYP gets worse (champion before: v2)." in said
    assert "Dice 0.779" in said and "not for clinical decisions" in said
