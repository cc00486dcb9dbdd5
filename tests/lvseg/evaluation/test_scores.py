"""Scores of known networks on known slices."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvseg.core.errors import UserError
from lvseg.data import drawn_frames, examples, shards
from lvseg.evaluation.predictions import predicted
from lvseg.evaluation.scores.slices import Comparison, SliceScore, score_of
from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure
from lvseg.inference.segmenter import Prediction, Segmenter
from lvseg.inference.stacks import segment_alone
from tests.conftest import tiny_shard
from tests.lvseg.models.tiny_models import blank_model, threshold_model


def held_out(folder: Path) -> list[examples.Example]:
    return examples.select_examples(folder / "shards", folder / "split.csv", "test", ()).examples


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
    first, second = (segment_alone(segmenter, image, Spacing(1.4, 1.4)) for image in images)
    assert first.mask.shape == (96, 80) and second.mask.shape == (64, 64)
    assert first.margin.shape == (96, 80)
    assert 2 * (first.mask & disc).sum() / (first.mask.sum() + disc.sum()) > 0.97
    assert np.array_equal(second.mask, disc[:64, :64])


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
    found = segment_alone(segmenter, image, Spacing(1.4, 1.4))
    assert found.mask[40, 40] and found.mask.sum() == small.sum() + 1
    blank = Segmenter(blank_model(), Grid(64), one_region=True)
    nothing = segment_alone(blank, image, Spacing(1.4, 1.4))
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
