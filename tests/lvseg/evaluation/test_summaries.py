"""Summaries of a table of scores, by hand."""

import math
from typing import Any

import pandas as pd
import pytest

from lvseg.evaluation import summaries


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


def test_ranked_takes_distinct_slices_and_breaks_ties_by_area() -> None:
    dice = [0.0, 0.9, 0.0, 0.5, math.nan, 0.6, 0.95]
    table = scored(dice=dice, manual_pixels=[5, 10, 50, 10, 0, 10, 10])
    assert summaries.ranked(table, 2) == {"best": [6, 1], "median": [5, 3], "worst": [2, 0]}
    assert summaries.ranked(table, 9) == summaries.ranked(table, 2)
    assert summaries.ranked(table, 0) == {"best": [], "median": [], "worst": []}
    nothing = summaries.ranked(scored(dice=[math.nan, math.nan]), 3)
    assert nothing == {"best": [], "median": [], "worst": []}
