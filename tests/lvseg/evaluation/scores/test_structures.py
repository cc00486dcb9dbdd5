"""Each structure is scored where experts say something of it, and as a study would draw it."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from lvseg.data import shards
from lvseg.data.examples import Example, known_structures, select_examples
from lvseg.evaluation.predictions import segmented
from lvseg.evaluation.promotion.decision import Contender, decide
from lvseg.evaluation.scored import ScoredModel
from lvseg.evaluation.scores import slices
from lvseg.evaluation.scores.structures import StructureScore, by_patient, in_short
from lvseg.imaging.grid import Grid
from lvseg.imaging.structures import STRUCTURES, Structure
from lvseg.inference.segmenter import Segmenter
from lvseg.metrics.surfaces import SurfaceDistances, surface_distances
from tests.conftest import tiny_shard
from tests.lvseg.evaluation.promotion.test_decision import RULES
from tests.lvseg.models.tiny_models import grey_model

GREYS = {0: 0, Structure.MYOCARDIUM: 300, Structure.RIGHT_VENTRICLE: 900, Structure.CAVITY: 2100}
SIZE = 64


def heart(radius: float, right: float) -> NDArray[np.uint8]:
    """Return a label map: a cavity in a wall of 4 pixels, and a right ventricle beside it."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(rows - 32, columns - 24)
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[np.hypot(rows - 32, columns - 46) < right] = Structure.RIGHT_VENTRICLE
    labels[away < radius + 4] = Structure.MYOCARDIUM
    labels[away < radius] = Structure.CAVITY
    return labels


def write(folder: Path, stray: bool = False, **changes: Any) -> list[Example]:
    """Write one patient of three slices in two phases, ED first, and return all that is known of him."""
    maps = np.stack([heart(10 - s - 2 * p, 8 - s - p) for s in range(3) for p in range(2)])
    pixels = np.vectorize(GREYS.get)(maps).astype(np.int16)
    if stray:
        pixels[0, 4:7, 56:60] = GREYS[Structure.RIGHT_VENTRICLE]
    shard = replace(
        tiny_shard(1),
        pixels=pixels,
        labels=maps,
        known=np.ones((6, 3), bool),
        vendor=np.array("V"),
        **changes,
    )
    shards.write(folder / "shards/P-01.npz", shard)
    (folder / "split.csv").write_text("patient,group,part\nP-01,N,test\n")
    return select_examples(folder / "shards", folder / "split.csv", "test", (), everything=True).examples


def scored(examples: list[Example], one_region: bool = True) -> ScoredModel:
    greys = sorted(GREYS.items(), key=lambda item: item[1])
    network = grey_model(SIZE, [label for label, _ in greys])
    results = ScoredModel("grey", ("off-anatomy",))
    for patient in segmented(Segmenter(network, Grid(SIZE), 1, one_region, STRUCTURES), examples):
        results.add(patient, ())
    return results


def test_what_is_drawn_as_the_expert_drew_it_has_dice_one_and_the_same_volumes(tmp_path: Path) -> None:
    results = scored(write(tmp_path, stray=True))
    table = results.structures().set_index("structure")
    assert table[["dice_ed", "dice_es"]].to_numpy() == pytest.approx(1.0), "the stray island is no ventricle"
    maps = np.stack([heart(10 - s - 2 * p, 8 - s - p) for s in range(3) for p in range(2)])
    ml = 1.4 * 1.4 * 10 / 1000
    for structure in (Structure.CAVITY, Structure.RIGHT_VENTRICLE):
        ed, es = (float((maps[p::2] == structure).sum()) for p in range(2))
        row = table.loc[structure.key]
        assert (row["reference_edv_ml"], row["edv_ml"]) == pytest.approx((ed * ml, ed * ml))
        assert row["ef_percent"] == pytest.approx(100 * (1 - es / ed)) and np.isnan(row["mass_g"])
    wall = float((maps[::2] == Structure.MYOCARDIUM).sum()) * ml * 1.05
    assert table.loc["myocardium", "mass_g"] == pytest.approx(wall)
    (cine,) = results.cines
    assert cine["ef_percent"] == pytest.approx(cine["reference_ef_percent"], abs=2.5)
    short = in_short(results.structures())
    assert short["myocardium"]["by_vendor"]["V"]["dice_mean"] == pytest.approx(1.0)
    assert short["right_ventricle"]["volumes"]["ef_percent"]["mae"] == pytest.approx(0.0)
    undefined = results.structures().assign(patient="P-02", dice_mean=math.nan)
    both = in_short(pd.concat([results.structures(), undefined]))["myocardium"]
    assert both["patients"] == both["by_vendor"]["V"]["patients"] == 1, "as many as the mean goes over"


def test_the_distances_of_a_structure_are_computed_once_and_stand_in_both_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def counted(*masks: Any) -> SurfaceDistances:
        asked.append(masks)
        return surface_distances(*masks)

    monkeypatch.setattr(slices, "surface_distances", counted)
    results = scored(write(tmp_path, stray=True), one_region=False)
    assert len(asked) == 3 * 6, "three structures on six slices"
    table = results.structures().set_index("structure")
    assert table["hd95_mm"]["right_ventricle"] > 0
    assert table["hd95_mm"]["cavity"] == results.slices()["hd95_mm"].mean()


def test_what_no_expert_drew_is_neither_learnt_nor_scored(tmp_path: Path) -> None:
    known = np.tile([True, False, False], (6, 1))
    known[::2, 1] = True  # the wall at end-diastole alone, as in Sunnybrook
    shard_labels = np.stack([heart(10 - s - 2 * p, 0) for s in range(3) for p in range(2)])
    examples = write(tmp_path)
    shard = shards.read(tmp_path / "shards/P-01.npz")
    drawn = np.where(known[:, 1, None, None] | (shard_labels == Structure.CAVITY), shard_labels, 0)
    shards.write(tmp_path / "shards/P-01.npz", replace(shard, known=known, labels=drawn.astype(np.uint8)))
    examples = select_examples(
        tmp_path / "shards", tmp_path / "split.csv", "test", (), everything=True
    ).examples
    assert known_structures(examples) == (Structure.CAVITY, Structure.MYOCARDIUM)
    table = scored(examples).structures().set_index("structure")
    assert set(table.index) == {"cavity", "myocardium"}
    assert table["slices"]["myocardium"] == 3 and math.isnan(table["dice_es"]["myocardium"])
    assert table.loc["myocardium", "dice_ed"] == pytest.approx(1.0)


def test_a_gate_may_name_a_structure(tmp_path: Path) -> None:
    sound = {"good_percent": 100.0, "unjudged": 0, "ef_percent": 50.0, "manual_ef_percent": 50.0}
    patients = scored(write(tmp_path)).patients().assign(**sound)
    rules = RULES.model_copy(update={"min_dice": {"myocardium": 0.9, "right_ventricle": 0.9}})
    assert decide(Contender("m", patients, 1), None, rules).promoted
    without = patients.drop(columns=["dice_myocardium"])
    decision = decide(Contender("m", without, 1), None, rules)
    assert not decision.promoted and "Dice of the myocardium undefined" in decision.reason


def row(
    patient: str, structure: str, slice_: int, cycle: str, pixels: tuple[int, int, int], **more: Any
) -> StructureScore:
    """Return the score of a slice, by the pixels of the expert, of the model and of both; 0.02 ml each."""
    facts: dict[str, Any] = {
        "group": "N",
        "vendor": "V",
        "collection": "C",
        "hd95_mm": math.nan,
        "pixel_ml": 0.02,
    } | more
    return StructureScore(
        model="m", patient=patient, structure=structure, slice=slice_, phase=1, cycle=cycle, flags="",
        reference_pixels=pixels[0], predicted_pixels=pixels[1], shared_pixels=pixels[2], **facts,
    )  # fmt: skip


BY_HAND = [
    row("P2", "cavity", 1, "ED", (10, 10, 9), group="HYP", vendor="", hd95_mm=4.0, pixel_ml=math.nan),
    row("P2", "cavity", 1, "ES", (5, 4, 4), group="HYP", vendor="", pixel_ml=math.nan),
    row("P1", "cavity", 1, "ED", (100, 110, 95), hd95_mm=2.0),
    row("P1", "cavity", 2, "ED", (50, 40, 40), hd95_mm=3.0),
    row("P1", "cavity", 1, "ES", (60, 50, 45)),
    row("P1", "cavity", 2, "ES", (0, 0, 0)),
    row("P1", "cavity", 3, "", (70, 70, 0)),  # at neither phase
    row("P1", "myocardium", 1, "ED", (200, 180, 171), hd95_mm=1.0),
    row("P3", "cavity", 1, "ED", (0, 0, 0), collection="D"),
]


def test_volumes_of_a_patient_and_their_dice_by_hand() -> None:
    other, first, wall, third = by_patient(BY_HAND).to_dict("records")
    nan = math.nan
    about = {"model": "m", "patient": "P1", "group": "N", "vendor": "V", "collection": "C"}
    assert first == pytest.approx(
        about | {
            "structure": "cavity", "slices": 5, "dice_ed": 0.9, "dice_es": 90 / 110, "dice_mean": (0.9 + 90 / 110) / 2,
            "hd95_mm": 2.5, "edv_ml": 3.0, "esv_ml": 1.0, "ef_percent": 200 / 3, "mass_g": nan,
            "reference_edv_ml": 3.0, "reference_esv_ml": 1.2, "reference_ef_percent": 60, "reference_mass_g": nan,
        }, nan_ok=True,
    )  # fmt: skip
    assert wall == pytest.approx(
        about | {
            "structure": "myocardium", "slices": 1, "dice_ed": 0.9, "dice_es": nan, "dice_mean": 0.9,
            "hd95_mm": 1.0, "edv_ml": nan, "esv_ml": nan, "ef_percent": nan, "mass_g": 3.78,
            "reference_edv_ml": nan, "reference_esv_ml": nan, "reference_ef_percent": nan, "reference_mass_g": 4.2,
        }, nan_ok=True,
    )  # fmt: skip
    assert (other["patient"], other["ef_percent"], other["reference_ef_percent"]) == ("P2", 60, 50)
    assert math.isnan(other["edv_ml"]) and math.isnan(other["reference_esv_ml"]), "no length is known"
    assert math.isnan(third["dice_mean"]) and third["edv_ml"] == 0 and math.isnan(third["esv_ml"])
    assert math.isnan(third["ef_percent"]) and math.isnan(third["reference_ef_percent"])
    only_es = by_patient([replace(one, cycle="ES") for one in BY_HAND[:2]]).to_dict("records")[0]
    assert math.isnan(only_es["ef_percent"]) and math.isnan(only_es["dice_ed"])
    assert by_patient([]).columns.tolist() == [*about, "structure", "slices"]


def test_structures_in_short_by_hand() -> None:
    short = in_short(by_patient(BY_HAND))
    assert list(short) == ["cavity", "myocardium"]
    turned = by_patient(BY_HAND).sort_values("structure", ascending=False)
    assert list(in_short(turned)) == ["myocardium", "cavity"], (
        "in the order of the table, not of the alphabet"
    )
    one, two = (0.9 + 90 / 110) / 2, (18 / 20 + 8 / 9) / 2
    means = ("patients", "dice_ed", "dice_es", "dice_mean", "hd95_mm")
    assert [short["cavity"][name] for name in means] == pytest.approx(
        [2, 0.9, (90 / 110 + 8 / 9) / 2, (one + two) / 2, 3.25]
    )
    volumes = short["cavity"]["volumes"]
    assert volumes["edv_ml"] == {"patients": 2, "bias": 0, "mae": 0}, "of P2 no length is known"
    assert volumes["esv_ml"] == pytest.approx({"patients": 1, "bias": -0.2, "mae": 0.2})
    assert volumes["ef_percent"] == pytest.approx(
        {"patients": 2, "bias": (20 / 3 + 10) / 2, "mae": (20 / 3 + 10) / 2}
    )
    assert list(short["myocardium"]["volumes"]) == ["mass_g"]
    assert short["cavity"]["by_collection"] == {
        "C": {"patients": 2, "dice_mean": pytest.approx((one + two) / 2)},
        "D": {"patients": 0, "dice_mean": pytest.approx(math.nan, nan_ok=True)},
    }
    assert short["cavity"]["by_vendor"]["unknown"] == {"patients": 1, "dice_mean": pytest.approx(two)}
    assert short["cavity"]["by_group"]["N"] == {"patients": 1, "dice_mean": pytest.approx(one)}
