"""What is tested is what is used: evaluation, studies and the server draw the same on the same frames."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvseg.core.errors import UserError
from lvseg.data import shards
from lvseg.data.examples import Example
from lvseg.evaluation.predictions import segmented
from lvseg.imaging.grid import Grid
from lvseg.imaging.structures import Structure
from lvseg.inference import serving
from lvseg.inference.segmentation import Stack
from lvseg.inference.segmenter import Segmenter
from lvseg.inference.stacks import segment
from lvseg.studies.analysis.loaded_model import load_model
from lvseg.studies.analysis.result import ModelFacts
from tests.conftest import tiny_shard
from tests.lvseg.models.tiny_models import threshold_model
from tests.lvseg.studies.hearts import Heart, bright_model, classic, predicted

HEART = Heart(slices=8)


def test_a_study_and_its_frames_through_evaluation_predict_and_the_server(tmp_path: Path) -> None:
    folder = bright_model(tmp_path / "model")
    weights = json.loads((folder / "run.json").read_text())["weights_hash"]
    model = load_model(folder, ModelFacts("bright", "", weights, "0.1.0", 20))
    study = classic(tmp_path / "study", HEART, atrium)
    result = predicted(study, model)
    frames = result.cine.frames
    assert result.masks.any(axis=(1, 2)).sum() > 20
    backwards = frames[::-1]  # a shard has the order of its images' numbers
    patient = replace(
        tiny_shard(1),
        pixels=result.cine.pixels[::-1].astype(np.uint16),
        affine=np.stack([frame.image.affine for frame in backwards]),
        slice=np.array([frame.slice for frame in backwards], np.int32),
        phase=np.array([frame.phase for frame in backwards], np.int32),
        image_number=np.arange(len(frames), dtype=np.int32),
        spacing_mm=np.array(HEART.spacing),
    )
    shards.write(tmp_path / "P-01.npz", patient)
    asked = [
        Example("P-01", "", int(patient.slice[n]), int(patient.phase[n]), "", n, (), tmp_path / "P-01.npz", n,
                None, (Structure.CAVITY,), True)
        for n in range(0, len(frames), 7)
    ]  # fmt: skip
    (evaluated,) = segmented(model.segmenter, asked, batch_size=5)
    assert evaluated.segmentation.atrial == (1,) and any("atrium" in note for note in result.cine.notes)
    np.testing.assert_array_equal(evaluated.segmentation.labels[::-1], result.labels)
    for example, prediction in evaluated.predictions():
        np.testing.assert_array_equal(prediction.labels, result.labels[::-1][example.frame])
    sent = [
        {
            "pixels": pixels.tolist(),
            "spacing_mm": list(HEART.spacing),
            "slice": frame.slice,
            "phase": frame.phase,
        }
        for frame, pixels in zip(frames, result.cine.pixels, strict=True)
    ]
    answers = serving.segment(model.segmenter, sent[::-1])[::-1]
    assert [answer["mask"] for answer in answers] == [serving.runs(mask) for mask in result.masks]
    alone = len(frames) // 2
    pixels = result.cine.pixels[alone]
    (answer,) = serving.segment(
        model.segmenter, [{"pixels": pixels.tolist(), "spacing_mm": list(HEART.spacing)}]
    )
    one = Stack(pixels[np.newaxis], result.cine.spacing_mm, np.ones(1, np.int64), np.zeros((1, 1), np.int64))
    drawn = segment(model.segmenter, one)
    assert answer["mask"] == serving.runs(drawn.masks[0]) == serving.runs(result.masks[alone])


def atrium(ds: object, slice_: int, phase: int) -> None:
    """Let the first slice, at the wide end, hold a disc that grows while the others shrink."""
    if slice_ == 0:
        rows, columns = np.mgrid[: HEART.rows, : HEART.columns]
        away = np.hypot(rows - HEART.rows / 2 + 3, columns - HEART.columns / 2 - 2)
        grown = 12 + 3 * np.sin(np.pi * phase / HEART.phases)
        ds.PixelData = np.asarray(100 + 800 * (away < grown), np.uint16).tobytes()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("frames", "fault"),
    [
        ([{"slice": 1, "phase": 1}, {}], "send them apart"),
        ([{"slice": 1}, {"slice": 2, "phase": 1}], "frame 0: `slice` and `phase` must both be whole numbers"),
        ([{"slice": 1.5, "phase": 1}], "whole numbers"),
        ([{"slice": 1, "phase": 1}, {"slice": 1, "phase": 1}], "the same `slice` and `phase`"),
        (
            [{"slice": 1, "phase": 1}, {"slice": 2, "phase": 1, "pixels": [[1, 2]]}],
            "one size and one spacing",
        ),
    ],
)
def test_frames_that_make_no_study_are_refused(frames: list[dict[str, object]], fault: str) -> None:
    segmenter = Segmenter(threshold_model(), Grid(64), one_region=True)
    with pytest.raises(UserError, match=fault):
        serving.segment(segmenter, [{"pixels": [[0, 1], [1, 0]]} | frame for frame in frames])
