"""Scores of known networks on known slices, and summaries computed by hand."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lvseg import dataset, evaluation, prediction
from lvseg.errors import UserError
from tests.lvseg.tiny_models import blank_model, save_trained, threshold_model


def held_out(folder: Path) -> list[dataset.Example]:
    return dataset.examples(folder / "shards", folder / "split.csv", "test", ()).examples


def scored(**columns: list) -> pd.DataFrame:
    """Return a table of scores with the given columns, the rest filled in."""
    length = len(next(iter(columns.values())))
    filled = {
        "model": ["m"] * length,
        "patient": ["P"] * length,
        "group": ["N"] * length,
        "cycle": ["ED"] * length,
        "loss": [0.1] * length,
        "accuracy": [0.9] * length,
        "dice_smoothed": [0.5] * length,
        "manual_pixels": [10] * length,
        "predicted_pixels": [10] * length,
    }
    return pd.DataFrame(filled | columns)


def test_a_network_that_finds_the_disc_scores_near_one_in_any_batch_size(tiny_shards: Path) -> None:
    examples = held_out(tiny_shards)
    model = threshold_model()
    scores = list(evaluation.score_slices("good", model, examples, batch_size=5))
    assert [(s.patient, s.slice, s.phase) for s in scores] == [
        (e.patient, e.slice, e.phase) for e in examples
    ]
    assert {s.patient for s in scores} == {"P-05", "P-06"}
    assert min(s.dice for s in scores) > 0.98
    assert [s.cycle for s in scores[:2]] == ["ED", "ES"]
    single = evaluation.score_slices("good", model, examples, batch_size=1)
    assert [s.dice for s in single] == [s.dice for s in scores]


def test_a_network_that_draws_nothing_misses_every_contour(tiny_shards: Path) -> None:
    examples = held_out(tiny_shards)
    score = next(evaluation.score_slices("blank", blank_model(), examples, batch_size=4))
    area = int(dataset.load(examples[0])[1].sum())
    share = area / 64**2
    assert (score.dice, score.predicted_pixels, score.manual_pixels) == (0, 0, area)
    assert score.dice_smoothed == pytest.approx(1 / (area + 1))
    assert score.accuracy == pytest.approx(1 - share)
    # Scores (1, -1): the class that is right costs ln(1 + e^-2) on background, ln(1 + e^2) in the cavity.
    expected = (1 - share) * math.log1p(math.exp(-2)) + share * math.log1p(math.exp(2))
    assert score.loss == pytest.approx(expected, rel=1e-6)


def test_masks_come_back_on_the_original_grid() -> None:
    rows, columns = np.mgrid[:96, :80]
    disc = (rows - 40.0) ** 2 + (columns - 30.0) ** 2 <= 18**2
    images = [(200 + 500 * disc).astype(np.int16), (200 + 500 * disc[:64, :64]).astype(np.uint16)]
    first, second = prediction.predict(threshold_model(level=1.0), images)
    assert first.mask.shape == (96, 80) and second.mask.shape == (64, 64)
    assert first.scores.shape == (96, 80, 2)
    assert 2 * (first.mask & disc).sum() / (first.mask.sum() + disc.sum()) > 0.97
    assert np.array_equal(second.mask, disc[:64, :64])


def test_summary_by_hand() -> None:
    table = scored(
        patient=["A", "A", "A", "B", "B", "C"],
        dice=[1.0, 0.5, 0.0, 0.8, math.nan, math.nan],
        predicted_pixels=[10, 10, 0, 10, 0, 0],
        manual_pixels=[10, 10, 10, 10, 0, 0],
    )
    found = evaluation.summary(table)
    assert found["dice_slice_mean"] == pytest.approx(2.3 / 4)
    assert found["dice_slice_median"] == pytest.approx(0.65)
    assert (found["dice_slice_q1"], found["dice_slice_q3"]) == pytest.approx((0.375, 0.85))
    assert found["dice_patient_mean"] == pytest.approx((0.5 + 0.8) / 2)  # C has no Dice at all
    assert evaluation.counts(table) == {"slices": 6, "missed": 1, "undefined": 2}


def test_per_patient_by_hand() -> None:
    table = scored(
        patient=["A", "A", "A", "B"],
        cycle=["ED", "ES", "ES", "ED"],
        dice=[0.9, 0.5, 0.1, math.nan],
    )
    first, second = evaluation.per_patient(table).to_dict("records")
    assert (first["slices"], first["dice_mean"], first["dice_lowest"]) == (3, pytest.approx(0.5), 0.1)
    assert (first["dice_ed"], first["dice_es"]) == pytest.approx((0.9, 0.3))
    assert all(math.isnan(second[name]) for name in ("dice_mean", "dice_ed", "dice_es"))


def test_ranked_takes_distinct_slices_and_breaks_ties_by_area() -> None:
    dice = [0.0, 0.9, 0.0, 0.5, math.nan, 0.6, 0.95]
    table = scored(dice=dice, manual_pixels=[5, 10, 50, 10, 0, 10, 10])
    assert evaluation.ranked(table, 2) == {"best": [6, 1], "median": [5, 3], "worst": [2, 0]}
    assert evaluation.ranked(table, 9) == evaluation.ranked(table, 2)
    assert evaluation.ranked(table, 0) == {"best": [], "median": [], "worst": []}
    nothing = evaluation.ranked(scored(dice=[math.nan, math.nan]), 3)
    assert nothing == {"best": [], "median": [], "worst": []}


def test_models_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained model: run `dvc repro`"):
        evaluation.trained_models(tmp_path)
    save_trained(tmp_path, "one", blank_model())
    (model,) = evaluation.trained_models(tmp_path)
    assert model.name == "one" and model.load().count_params() == 4
    (tmp_path / "one/model.keras").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"model\.keras is not a readable model"):
        model.load()
    (tmp_path / "one/run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is missing or damaged"):
        evaluation.trained_models(tmp_path)
