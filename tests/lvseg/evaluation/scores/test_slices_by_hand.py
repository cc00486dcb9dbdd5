"""Every score of one frame, computed by hand."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.data.drawn_frames import DrawnFrame
from lvseg.data.examples import Example
from lvseg.evaluation.scores.slices import Comparison, score_of, table
from lvseg.evaluation.scores.structures import structure_scores
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure
from lvseg.inference.segmenter import Prediction
from lvseg.metrics import challenge2009
from lvseg.metrics.surfaces import surface_distances


def rectangle(left: float, top: float, columns: int, rows: int) -> NDArray[np.float64]:
    """Return a contour with points half a pixel apart, anticlockwise on a screen."""
    across, down = np.arange(0, columns, 0.5), np.arange(0, rows, 0.5)
    sides = [
        (0 * down, down),
        (across, 0 * across + rows),
        (0 * down + columns, rows - down),
        (columns - across, 0 * across),
    ]
    points: NDArray[np.float64] = np.array([left, top]) + np.concatenate([np.c_[x, y] for x, y in sides])
    return points


EXAMPLE = Example(
    patient="P-09", group="HYP", slice=3, phase=7, cycle="ES", image_number=47, flags=("one", "two"),
    shard=Path("P-09.npz"), frame=0, mask=0, known=(), cavity=True, vendor="V", collection="C",
)  # fmt: skip


def by_hand() -> Comparison:
    """Return a cavity of 8 rows and 10 columns; the model draws it a column further right, a row higher and a speck."""
    labels, drawn = np.zeros((2, 24, 30), np.uint8)
    labels[8:16, 10:20] = Structure.CAVITY
    labels[16:19, 10:20] = Structure.MYOCARDIUM
    drawn[8:17, 11:21] = Structure.CAVITY
    drawn[:2, :2] = Structure.CAVITY
    drawn[17:19, 10:20] = Structure.MYOCARDIUM
    frame = DrawnFrame(
        image=np.zeros((24, 30)),
        spacing_mm=Spacing(2.0, 1.5),
        labels=labels,
        known=np.array([True, True, False]),
        contour=rectangle(9.5, 7.5, 10, 8),
        epi_contour=rectangle(8.5, 6.5, 12, 14),
        slice_distance_mm=9.0,
    )
    outlines = {Structure.CAVITY: rectangle(10.5, 7.5, 10, 9), Structure.MYOCARDIUM: None}
    margin = np.where(drawn == Structure.CAVITY, 1.0, -2.0).astype(np.float32)
    return Comparison(frame, Prediction(drawn, outlines, margin))


def test_every_score_of_a_slice_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = by_hand()
    frame, line = comparison.frame, comparison.prediction.contour()
    assert line is not None
    score = score_of("unet", EXAMPLE, comparison)
    # 72 pixels are shared, 8 missed, 22 too many, 618 neither drew.
    loss = 72 * math.log1p(math.exp(-1)) + 22 * math.log1p(math.exp(1)) + 8 * math.log1p(math.exp(2))
    apart = surface_distances(frame.endo, comparison.prediction.mask, (2.0, 1.5))
    wanted = {
        "model": "unet", "patient": "P-09", "group": "HYP", "slice": 3, "phase": 7, "cycle": "ES",
        "image_number": 47, "flags": "one two", "manual_pixels": 80, "predicted_pixels": 94, "pixels": 720,
        "loss": (loss + 618 * math.log1p(math.exp(-2))) / 720, "accuracy": 690 / 720,
        "dice": 144 / 174, "dice_smoothed": 145 / 175, "contour_dice": 144 / 170,
        "rendering_dice": 160 / (80 + 11 * 9),  # the corners are rounded to even numbers: 10 to 20 and 8 to 16
        "apd_mm": challenge2009.average_perpendicular_distance(line, frame.contour, (2.0, 1.5)),
        "apd_px": challenge2009.average_perpendicular_distance(line, frame.contour),
        "judged": True, "good": True,
        "hd_mm": math.hypot(8 * 2, 10 * 1.5), "hd95_mm": apart.hausdorff_95, "surface_mm": apart.mean,
        "manual_mm2": 240, "predicted_mm2": 270, "epi_mm2": 504, "slice_distance_mm": 9,
    }  # fmt: skip
    assert asdict(score) == pytest.approx(wanted)
    monkeypatch.setattr(challenge2009, "GOOD_MM", score.apd_mm)
    assert not score_of("unet", EXAMPLE, comparison).good, "below the limit, not at it"


def test_contours_that_the_evaluator_does_not_look_at_are_not_good() -> None:
    comparison = by_hand()
    few, equal = rectangle(10.5, 7.5, 10, 8)[::8], comparison.frame.contour
    for line in (few, equal):  # nine points; the same line, of which no distance is found
        prediction = replace(comparison.prediction, outlines={Structure.CAVITY: line})
        score = score_of("unet", EXAMPLE, replace(comparison, prediction=prediction))
        assert not score.judged and not score.good
    without = replace(comparison, frame=replace(comparison.frame, epi_contour=None))
    assert math.isnan(score_of("unet", EXAMPLE, without).epi_mm2)


def test_every_score_of_a_structure_by_hand() -> None:
    """The right ventricle is known, but not to the model; then the myocardium is not known either."""
    comparison = by_hand()
    frame = replace(comparison.frame, known=np.array([True, True, True]))
    cavity, wall = structure_scores("unet", EXAMPLE, replace(comparison, frame=frame))
    about = {
        "model": "unet", "patient": "P-09", "group": "HYP", "vendor": "V", "collection": "C", "slice": 3, "phase": 7,
        "cycle": "ES", "flags": "one two", "pixel_ml": pytest.approx(2 * 1.5 * 9 / 1000),
    }  # fmt: skip
    apart = surface_distances(frame.labels == 2, comparison.prediction.labels == 2, (2.0, 1.5)).hausdorff_95
    assert apart == 2 and asdict(wall) == about | {
        "structure": "myocardium", "reference_pixels": 30, "predicted_pixels": 20, "shared_pixels": 20,
        "hd95_mm": apart,
    }  # fmt: skip
    drawn = (cavity.reference_pixels, cavity.predicted_pixels, cavity.shared_pixels)
    assert cavity.structure == "cavity" and drawn == (80, 94, 72)
    frame = replace(frame, known=np.array([True, False, True]))
    (alone,) = structure_scores("unet", EXAMPLE, replace(comparison, frame=frame))
    assert alone == cavity


@pytest.mark.parametrize(
    ("areas", "levels"),
    [
        ([90, 80, 70, 60, 50, 40, 30], "base base base mid mid apex apex"),
        ([30, 40, 50, 60, 70, 80, 90], "apex apex mid mid base base base"),
        ([90, 10, 50, 50, 50, 60, 60], "apex apex mid mid base base base"),  # a third of seven are two
        ([50, 40, 50], "base mid apex"),
        ([40, 50], "mid base"),
        ([50], "mid"),
    ],
)
def test_levels_are_thirds_of_the_stack_from_the_wide_end(areas: list[int], levels: str) -> None:
    one = score_of("m", EXAMPLE, by_hand())
    scores = [replace(one, slice=n, manual_mm2=area) for n, area in enumerate(areas, start=4)]
    slices = table(scores)
    assert slices["level"].tolist() == levels.split()
    assert list(slices)[4:7] == ["phase", "cycle", "level"]
    smaller = [replace(score, manual_mm2=place, cycle="") for place, score in enumerate(scores)]
    assert table(scores + smaller)["level"].tolist() == 2 * levels.split(), (
        "the largest of a slice's areas counts"
    )
