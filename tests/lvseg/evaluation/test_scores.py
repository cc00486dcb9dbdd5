"""Scores of known networks on known slices, and summaries computed by hand."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lvseg.core.errors import UserError
from lvseg.data import drawn_frames, examples, shards
from lvseg.evaluation import summaries
from lvseg.evaluation.predictions import predicted
from lvseg.evaluation.scores.slices import Comparison, SliceScore, score_of
from lvseg.evaluation.trained_models import trained_models
from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure
from lvseg.inference.segmenter import Prediction, Segmenter
from tests.conftest import tiny_shard
from tests.lvseg.models.tiny_models import blank_model, save_trained, threshold_model


def held_out(folder: Path) -> list[examples.Example]:
    return examples.select_examples(folder / "shards", folder / "split.csv", "test", ()).examples


def scored(**columns: list[Any]) -> pd.DataFrame:
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
        "slice": list(range(1, length + 1)),
        "judged": [True] * length,
        "good": [True] * length,
        "contour_dice": columns.get("dice", [0.5] * length),
        **{name: [1.0] * length for name in ("apd_mm", "apd_px", "hd_mm", "hd95_mm", "surface_mm")},
        **{name: [100.0] * length for name in ("manual_mm2", "predicted_mm2")},
        "epi_mm2": [math.nan] * length,
        "slice_distance_mm": [10.0] * length,
    }
    return pd.DataFrame(filled | columns)


def score_slices(
    name: str, segmenter: Segmenter, chosen: list[examples.Example], batch_size: int
) -> list[SliceScore]:
    """Return the score of a model on every example, in order."""
    return [
        score_of(name, example, Comparison(drawn_frames.load(example), prediction))
        for example, prediction in predicted(segmenter, chosen, batch_size)
    ]


def test_a_network_that_finds_the_disc_scores_near_one_in_any_batch_size(tiny_shards: Path) -> None:
    examples = held_out(tiny_shards)
    model = Segmenter(threshold_model(), Grid(64))
    scores = score_slices("good", model, examples, batch_size=5)
    assert [(s.patient, s.slice, s.phase) for s in scores] == [
        (e.patient, e.slice, e.phase) for e in examples
    ]
    assert {s.patient for s in scores} == {"P-05", "P-06"}
    assert min(s.dice for s in scores) > 0.98
    assert [s.cycle for s in scores[:2]] == ["ED", "ES"]
    single = score_slices("good", model, examples, batch_size=1)
    assert [s.dice for s in single] == [s.dice for s in scores]


def test_a_network_that_draws_nothing_misses_every_contour(tiny_shards: Path) -> None:
    examples = held_out(tiny_shards)
    (score, *_) = score_slices("blank", Segmenter(blank_model(), Grid(64)), examples, batch_size=4)
    area = int(drawn_frames.load(examples[0]).endo.sum())
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
    segmenter = Segmenter(threshold_model(level=1.0), Grid(64))
    first, second = segmenter.predict(images, [Spacing(1.4, 1.4)] * 2)
    assert first.mask.shape == (96, 80) and second.mask.shape == (64, 64)
    assert first.margin.shape == (96, 80)
    assert 2 * (first.mask & disc).sum() / (first.mask.sum() + disc.sum()) > 0.97
    assert np.array_equal(second.mask, disc[:64, :64])


def test_summary_by_hand() -> None:
    table = scored(
        patient=["A", "A", "A", "B", "B", "C"],
        dice=[1.0, 0.5, 0.0, 0.8, math.nan, math.nan],
        predicted_pixels=[10, 10, 0, 10, 0, 0],
        manual_pixels=[10, 10, 1, 10, 0, 0],
        loss=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        accuracy=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
        dice_smoothed=[1.0, 0.0, 0.0, 0.4, 0.0, 1.0],
    )
    assert summaries.summary(table) == pytest.approx(
        {
            "loss": 0.35,
            "accuracy": 0.65,
            "dice_smoothed": 0.4,
            "dice_slice_mean": 2.3 / 4,
            "dice_slice_q1": 0.375,
            "dice_slice_median": 0.65,
            "dice_slice_q3": 0.85,
            "dice_patient_mean": (0.5 + 0.8) / 2,  # C has no Dice at all
            "dice_patient_median": (0.5 + 0.8) / 2,
        }
    )
    skewed = scored(patient=["A", "B", "C", "C"], dice=[0.2, 0.3, 0.9, 1.0])
    assert summaries.summary(skewed)["dice_patient_median"] == 0.3
    assert summaries.counts(table) == {"slices": 6, "missed": 1, "undefined": 2}


def test_per_patient_by_hand() -> None:
    table = scored(
        model=["unet", "unet", "unet", "cnn"],
        patient=["P", "P", "P", "A"],
        group=["N", "N", "N", "HYP"],
        cycle=["ED", "ES", "ES", "ED"],
        dice=[0.9, 0.5, 0.1, math.nan],
        hd_mm=[4.0, 6.0, 8.0, 1.0],
        hd95_mm=[3.0, 4.0, math.nan, 1.0],
        surface_mm=[1.0, 2.0, 6.0, 1.0],
    )
    first, second = summaries.per_patient(table).to_dict("records")
    assert (first["model"], first["patient"], first["group"]) == ("unet", "P", "N")
    assert (second["model"], second["patient"], second["group"]) == ("cnn", "A", "HYP")
    assert (first["slices"], first["missed"], first["undefined"]) == (3, 0, 0)
    assert (first["dice_mean"], first["dice_lowest"]) == (pytest.approx(0.5), 0.1)
    assert (first["dice_ed"], first["dice_es"]) == pytest.approx((0.9, 0.3))
    assert (first["hd_mm"], first["hd95_mm"], first["surface_mm"]) == (6.0, 3.5, 3.0)
    assert all(math.isnan(second[name]) for name in ("dice_mean", "dice_ed", "dice_es"))


def test_slices_with_a_flag_that_is_dropped_are_left_out() -> None:
    table = scored(dice=[0.1, 0.2, 0.3, 0.4], flags=["", "bad", "odd bad", "badly odd"])
    left = summaries.without_flags(table, ("bad", "worse"))
    assert left["dice"].tolist() == [0.1, 0.4] and left.index.tolist() == [0, 1]
    assert list(left) == list(table)


def test_the_challenges_measures_by_hand() -> None:
    """A: two good contours, one bad, one missed, one unjudged; B: nothing good at all."""
    table = scored(
        patient=["A"] * 5 + ["B"] * 2,
        dice=[0.9, 0.7, 0.4, 0.0, 0.2, 0.3, 0.1],
        apd_mm=[1.0, 3.0, 6.0, math.nan, 2.0, 8.0, 9.0],
        apd_px=[0.5, 1.5, 3.0, math.nan, 1.0, 4.0, 4.5],
        judged=[True, True, True, False, False, True, True],
        good=[True, True, False, False, False, False, False],
        predicted_pixels=[10, 10, 1, 0, 1, 10, 10],
    )
    patients = summaries.per_patient(table)
    first, second = patients.to_dict("records")
    assert (first["dm"], first["apd_mm"], first["unjudged"]) == (pytest.approx(0.8), pytest.approx(2.0), 1)
    assert first["good_percent"] == pytest.approx(60)  # four drawn, one of them bad, of five
    assert math.isnan(second["dm"]) and second["good_percent"] == 0
    assert summaries.good_percent(table) == pytest.approx(100 * (6 - 3) / 7)
    found = summaries.by_official_rules(patients)
    assert found == pytest.approx(
        {
            "dm": 0.8, "apd_mm": 2.0, "apd_px": 1.0, "good_percent": 30, "unjudged": 1,
            "hd_mm": 1.0, "hd95_mm": 1.0, "surface_mm": 1.0,
        }
    )  # fmt: skip
    assert summaries.patients_with(patients) == {
        "dm": 1, "apd_mm": 1, "apd_px": 1, "good_percent": 2, "hd_mm": 2, "hd95_mm": 2, "surface_mm": 2,
        "ef_mae_pp": 0,
    }  # fmt: skip


def test_without_millimetres_no_contour_is_good_and_none_is_bad() -> None:
    nan = math.nan
    drawn_and_missed = scored(
        dice=[0.9, 0.0], apd_mm=[nan, nan], apd_px=[1.0, nan], predicted_pixels=[10, 0], good=[False, False]
    )
    (own,) = summaries.per_patient(drawn_and_missed).to_dict("records")
    assert math.isnan(own["good_percent"]) and math.isnan(own["dm"]) and own["unjudged"] == 0


def test_a_manual_contour_that_covers_no_pixel_counts_as_one() -> None:
    table = scored(dice=[0.9, 0.9, 0.0], manual_pixels=[10, 10, 0])
    assert summaries.good_percent(table) == pytest.approx(100)


def test_volumes_count_slices_with_both_phases_and_compare_with_the_experts() -> None:
    """Slice 3 lacks ES, 4 lacks ED, 5 both. The model has a tenth more at ED, and nothing good on slice 2 at ES."""
    table = scored(
        dice=[0.9] * 7,
        slice=[1, 2, 3, 1, 2, 4, 5],
        cycle=["ED", "ED", "ED", "ES", "ES", "ES", ""],
        manual_mm2=[1000.0, 600.0, 300.0, 500.0, 300.0, 100.0, 100.0],
        predicted_mm2=[1100.0, 660.0, 330.0, 500.0, 80.0, 100.0, 100.0],
        good=[True, True, True, True, False, True, True],
        epi_mm2=[2000.0, 1500.0, math.nan, 3000.0, *[math.nan] * 3],  # the wall is weighed at ED
        hd_mm=[math.nan] * 7,
    )
    patients = summaries.per_patient(table)
    (own,) = patients.to_dict("records")
    assert (own["manual_edv_ml"], own["manual_esv_ml"], own["manual_sv_ml"]) == pytest.approx((16, 8, 8))
    assert (own["edv_ml"], own["esv_ml"], own["sv_ml"]) == pytest.approx((11.0, 5.0, 6.0))
    assert (own["manual_ef_percent"], own["ef_percent"]) == pytest.approx((50.0, 100 * 6 / 11))
    assert own["manual_mass_g"] == pytest.approx(1.05 * (3500 - 1600) / 100)
    assert own["mass_g"] == pytest.approx(1.05 * (3500 - 1760) / 100)
    compared = summaries.clinical(patients)
    assert (compared.incomplete, compared.uncounted) == (2, 1)
    assert compared.agreements["edv_ml"].bias == pytest.approx(-5.0)
    assert list(compared.agreements) == ["edv_ml", "esv_ml", "sv_ml", "ef_percent", "mass_g"]
    assert compared.agreements["ef_percent"].mean_absolute == pytest.approx(100 * 6 / 11 - 50)


def test_the_wall_of_a_slice_without_cavity_is_no_muscle() -> None:
    table = scored(dice=[0.9, 0.0], slice=[1, 2], epi_mm2=[2000.0, 1500.0], good=[True, False],
                   manual_mm2=[1000.0, 600.0], predicted_mm2=[1000.0, 0.0])  # fmt: skip
    (own,) = summaries.per_patient(table).to_dict("records")
    assert own["mass_g"] == pytest.approx(1.05 * 10)


def test_an_ejection_fraction_needs_no_distance_between_slices() -> None:
    table = scored(dice=[0.9] * 2, slice=[1, 1], cycle=["ED", "ES"], slice_distance_mm=[math.nan] * 2,
                   manual_mm2=[100.0, 40.0])  # fmt: skip
    (own,) = summaries.per_patient(table).to_dict("records")
    assert own["manual_ef_percent"] == pytest.approx(60) and math.isnan(own["manual_edv_ml"])


def test_contours_of_a_disc_agree_with_the_experts(tiny_shards: Path) -> None:
    segmenter = Segmenter(threshold_model(), Grid(64), one_region=True)
    scores = score_slices("good", segmenter, held_out(tiny_shards), batch_size=5)
    assert all(score.judged and score.good for score in scores)
    for score in scores:
        assert score.apd_mm == pytest.approx(1.4 * score.apd_px) and score.apd_px < 0.6
        assert score.predicted_mm2 == pytest.approx(score.manual_mm2, rel=0.1)
        assert score.surface_mm <= score.hd95_mm <= score.hd_mm <= 3


@pytest.mark.parametrize(("millimetres", "good"), [(4.9, True), (5.1, False), (math.nan, False)])
def test_contours_are_good_below_five_millimetres(
    millimetres: float, good: bool, tiny_shards: Path, tmp_path: Path
) -> None:
    segmenter, example = Segmenter(threshold_model(), Grid(64)), held_out(tiny_shards)[0]
    (score,) = score_slices("m", segmenter, [example], 1)
    shard = tiny_shard(5)
    path = tmp_path / "P-05.npz"
    shards.write(path, replace(shard, spacing_mm=np.full(2, millimetres / score.apd_px)))
    (scaled,) = score_slices("m", segmenter, [replace(example, shard=path)], 1)
    assert scaled.judged and scaled.good == good and scaled.apd_px == score.apd_px


def test_of_several_regions_one_is_kept_that_is_large_and_sure_with_its_holes_filled() -> None:
    rows, columns = np.mgrid[:64, :64]
    small = ((rows - 40) ** 2 + (columns - 40) ** 2 <= 36).astype(np.int16)
    small[40, 40] = 0  # a hole
    large = ((rows - 15) ** 2 + (columns - 15) ** 2 <= 144).astype(np.int16)
    spot = ((abs(rows - 55) <= 2) & (abs(columns - 10) <= 2)).astype(np.int16)
    image = 900 * small + 500 * large + 1500 * spot
    segmenter = Segmenter(threshold_model(level=0.5), Grid(64), one_region=True)
    (found,) = segmenter.predict([image], [Spacing(1.4, 1.4)])
    assert found.mask[40, 40] and found.mask.sum() == small.sum() + 1
    (nothing,) = Segmenter(blank_model(), Grid(64), one_region=True).predict([image], [Spacing(1.4, 1.4)])
    assert not nothing.mask.any()


def test_stray_regions_cost_dice_but_not_the_contours_own(tiny_shards: Path) -> None:
    """The challenge's DM is of one contour; the fair Dice is of all that a model draws."""
    (example, *_) = held_out(tiny_shards)
    frame = drawn_frames.load(example)
    stray = frame.endo.copy()
    stray[2:12, 2:12] = 1
    margin = np.where(stray > 0, 1.0, -1.0).astype(np.float32)
    drawn = Prediction(stray, {Structure.CAVITY: frame.contour}, margin)
    score = score_of("unet", example, Comparison(frame, drawn))
    assert score.dice < 0.95 and score.contour_dice > 0.98


@pytest.mark.parametrize(
    ("thickness", "gap", "expected"), [(8.0, 2.0, 10.0), (math.nan, math.nan, 12.0), (8.0, math.nan, 12.0)]
)
def test_the_distance_of_slices_is_stated_or_that_of_their_positions(
    thickness: float, gap: float, expected: float, tiny_shards: Path, tmp_path: Path
) -> None:
    shard = tiny_shard(5)
    affine = shard.affine.copy()
    affine[:, 2, 3] *= 1.2
    path = tmp_path / "P-05.npz"
    shards.write(path, replace(shard, affine=affine, thickness_mm=np.array(thickness), gap_mm=np.array(gap)))
    frame = drawn_frames.load(replace(held_out(tiny_shards)[0], shard=path))
    assert frame.slice_distance_mm == pytest.approx(expected)


def test_ranked_takes_distinct_slices_and_breaks_ties_by_area() -> None:
    dice = [0.0, 0.9, 0.0, 0.5, math.nan, 0.6, 0.95]
    table = scored(dice=dice, manual_pixels=[5, 10, 50, 10, 0, 10, 10])
    assert summaries.ranked(table, 2) == {"best": [6, 1], "median": [5, 3], "worst": [2, 0]}
    assert summaries.ranked(table, 9) == summaries.ranked(table, 2)
    assert summaries.ranked(table, 0) == {"best": [], "median": [], "worst": []}
    nothing = summaries.ranked(scored(dice=[math.nan, math.nan]), 3)
    assert nothing == {"best": [], "median": [], "worst": []}


def test_models_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained model: run `dvc repro`"):
        trained_models(tmp_path)
    save_trained(tmp_path, "one", blank_model())
    (model,) = trained_models(tmp_path)
    assert model.name == "one" and model.load().network.count_params() == 4
    (tmp_path / "one/model.keras").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"model\.keras is not a readable model"):
        model.load()
    (tmp_path / "one/run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is missing or damaged"):
        trained_models(tmp_path)


def test_models_are_found_by_name_and_half_written_ones_are_none(tmp_path: Path) -> None:
    for name in ("unet", "cnn", ".half"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.keras").touch()
        if name != ".half":
            (tmp_path / name / "run.json").write_text(f'{{"stage": "{name}"}}')
    found = [(model.name, model.folder, model.run) for model in trained_models(tmp_path)]
    assert found == [(name, tmp_path / name, {"stage": name}) for name in ("cnn", "unet")]


def test_models_that_draw_where_there_is_nothing_are_found_out(tiny_shards: Path) -> None:
    """The discs of the tiny shards stand in for whatever fools a model beyond the ventricle."""
    empty = [replace(example, mask=None, cavity=False) for example in held_out(tiny_shards)]
    for model, count in ((threshold_model(), len(empty)), (blank_model(), 0)):
        predictions = predicted(Segmenter(model, Grid(64)), empty, batch_size=5)
        assert sum(bool(prediction.mask.any()) for _, prediction in predictions) == count


def test_an_empty_slice_with_pixels_that_are_no_numbers_is_named(tmp_path: Path, tiny_shards: Path) -> None:
    pixels = tiny_shard(5).pixels.astype(np.float32)
    pixels[3, 3, 3] = math.nan
    shards.write(tmp_path / "P-05.npz", replace(tiny_shard(5), pixels=pixels))
    empty = replace(held_out(tiny_shards)[0], shard=tmp_path / "P-05.npz", mask=None)
    with pytest.raises(UserError, match=r"P-05\.npz, frame 3: the image holds NaN"):
        list(predicted(Segmenter(threshold_model(), Grid(64)), [empty], batch_size=5))
