"""The U-Net: its loss by hand, what it learns from, and what it must survive."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.core.backend import keras
from lvseg.core.errors import UserError
from lvseg.data import examples, shards
from lvseg.data.examples import Example, select_examples
from lvseg.models import keras_file, unet
from lvseg.models.unet_params import UnetSettings
from lvseg.training import checkpoints
from lvseg.training.recipe import Structures
from lvseg.training.unet import RECIPE
from tests.conftest import tiny_shard
from tests.lvseg.training.tiny_training import part
from tests.lvseg.training.unet_training import SHIPPED, TINY, Listener, one_network, train

import tensorflow as tf  # isort: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path))
    monkeypatch.setattr("lvseg.training.progress.ROOT", tmp_path)
    return tmp_path


def test_the_loss_by_hand() -> None:
    margin = np.array([[[3.0, -1.0], [0.0, -2.0]]], np.float32)
    covered = np.array([[[1.0, 0.25], [0.0, 0.0]]], np.float32)
    found = 1 / (1 + np.exp(-margin))
    entropy = -(covered * np.log(found) + (1 - covered) * np.log(1 - found)).mean()
    overlap = (2 * (found * covered).sum() + 1) / ((found + covered).sum() + 1)
    scores = np.stack([np.zeros_like(margin), margin], axis=-1)
    assert float(unet.OverlapLoss()(covered[..., None], scores)) == pytest.approx(
        entropy + 1 - overlap, abs=1e-6
    )
    sure = np.stack([np.zeros((1, 4, 4)), np.full((1, 4, 4), -1000.0)], axis=-1).astype(np.float32)
    assert float(unet.OverlapLoss()(np.zeros((1, 4, 4, 1)), sure)) == pytest.approx(0, abs=1e-6)


def test_any_size_that_32_divides_and_back_from_disk(tmp_path: Path) -> None:
    model = unet.build(TINY)
    for size in (32, 96):
        images = np.random.default_rng(0).normal(size=(2, size, size, 1)).astype(np.float32)
        assert model.predict_on_batch(images).shape == (2, size, size, 2)
    keras_file.save_model(model, tmp_path / "bare.keras")
    loaded = keras.saving.load_model(tmp_path / "bare.keras", safe_mode=True)
    assert (loaded.predict_on_batch(images) == model.predict_on_batch(images)).all()


def test_the_rate_rises_and_falls_over_the_whole_training() -> None:
    settings = TINY.model_copy(update={"epochs": 10, "images_per_epoch": 60, "batch_size": 6})
    rate = unet.build(settings).optimizer._learning_rate  # the schedule itself, not its value now
    rates = [float(rate(step)) for step in range(101)]
    assert rates[0] == 0 and np.argmax(rates) == 10 and rates[10] == pytest.approx(settings.learning_rate)
    assert rates[100] == pytest.approx(0.01 * settings.learning_rate)


def test_the_same_seed_gives_the_same_weights_also_after_a_stop(tiny_shards: Path) -> None:
    learning = part(tiny_shards, "train")
    whole = train(learning, fingerprint="whole")

    class Stop(Listener):
        def epoch(self, number: int, metrics: dict[str, float]) -> None:
            if number == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(learning, fingerprint="stopped", listener=Stop())
    resumed = train(learning, fingerprint="stopped", recipe=RECIPE)  # a new network, as in a new process
    assert (resumed.resumed_from, resumed.weights_hash) == (1, whole.weights_hash)
    other = train(learning, TINY.model_copy(update={"seed": 99}), fingerprint="other")
    assert other.weights_hash != whole.weights_hash
    assert whole.prediction == {
        "size": 64,
        "spacing_mm": 2.0,
        "views": SHIPPED.views,
        "one_region": True,
        "structures": ("cavity",),
        "closer": {"size": 32, "spacing_mm": 2.0},
    }


def odd_shard(folder: Path, number: int, **changes: Any) -> list[Example]:
    """Write a tiny patient with other pixels or masks, and return his examples."""
    shards.write(folder / "shards" / f"P-{number:02d}.npz", replace(tiny_shard(number), **changes))
    split = folder / "split.csv"
    split.write_text(f"patient,group,part\nP-{number:02d},N,train\n")
    return select_examples(folder / "shards", split, "train", ()).examples


PIXELS = {
    "all zero": np.zeros((6, 64, 64), np.int16),
    "constant": np.full((6, 64, 64), 30000, np.uint16),
    "saturated": np.where(np.arange(6 * 64 * 64).reshape(6, 64, 64) % 7, 65535, 0).astype(np.uint16),
}


@pytest.mark.parametrize("kind", PIXELS)
def test_images_without_information_are_survived(kind: str, tmp_path: Path) -> None:
    result = train(odd_shard(tmp_path, 1, pixels=PIXELS[kind]))
    assert all(math.isfinite(epoch["loss"]) for epoch in result.history)


def test_masks_of_one_pixel_and_a_class_that_never_occurs(tmp_path: Path) -> None:
    dots = np.zeros((6, 64, 64), np.uint8)
    dots[:, 30, 31] = 1
    for number, masks in ((1, dots), (2, np.zeros_like(dots))):
        labelled = odd_shard(tmp_path, number, labels=masks)
        result = train(labelled or odd_shard(tmp_path, 3), fingerprint=f"masks-{number}")
        assert all(math.isfinite(epoch["loss"]) for epoch in result.history)


def test_a_patient_without_a_usable_slice_is_left_out_and_counted(tmp_path: Path, tiny_shards: Path) -> None:
    """His slices beyond the misplaced contours say nothing either: they are no empty ones to learn from."""
    flags = np.array(["off-anatomy"] * 6)
    shards.write(tmp_path / "P-01.npz", replace(taller_shard(1), contour_flags=flags))
    shards.write(tmp_path / "P-02.npz", tiny_shard(2))
    split = tmp_path / "split.csv"
    split.write_text("patient,group,part\nP-01,N,train\nP-02,N,train\n")
    selection = select_examples(tmp_path, split, "train", ("off-anatomy",), everything=True)
    assert {example.patient for example in selection.examples} == {"P-02"}
    assert selection.left_out == {"off-anatomy": 4}
    assert any(
        example.mask is None
        for example in select_examples(tmp_path, split, "train", (), everything=True).examples
    )


def taller_shard(number: int) -> shards.Shard:
    """Return seven slices of two phases; phase 1 contoured on slices 2, 3 and 5, phase 2 on 3 alone."""
    shard = tiny_shard(number)
    frames = np.arange(14)
    return replace(
        shard,
        pixels=np.repeat(shard.pixels[:1], 14, axis=0),
        affine=np.tile(np.eye(4), (14, 1, 1)),
        slice=(frames // 2 + 1).astype(np.int32),
        phase=(frames % 2 + 1).astype(np.int32),
        image_number=(frames + 1).astype(np.int32),
        label_frame=np.array([2, 4, 8, 5], np.int32),
        contour_frame=np.array([2, 4, 8, 5, 2, 4], np.int32),
        labels=shard.labels[:4],
        known=shard.known[:4],
        cycle=np.array(["ED", "ED", "ED", "ES"]),
    )


def test_slices_beyond_a_contoured_phase_are_empty_and_others_unknown(tmp_path: Path) -> None:
    shards.write(tmp_path / "P-01.npz", taller_shard(1))
    (tmp_path / "split.csv").write_text("patient,group,part\nP-01,N,train\n")
    chosen = examples.select_examples(tmp_path, tmp_path / "split.csv", "train", (), everything=True).examples
    assert [(e.slice, e.phase) for e in chosen if e.mask is None] == [(1, 1), (6, 1), (7, 1)]
    assert len(chosen) == 4 + 3
    result = train(chosen)
    assert math.isfinite(result.history[-1]["loss"])


def test_a_batch_that_does_not_fit_names_the_parameter(
    tiny_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(keras.Model, "fit", full)
    with pytest.raises(UserError, match=r"batch of 3 images does not fit .*: lower train_unet\.batch_size"):
        train(part(tiny_shards, "train"))


def test_a_loss_that_is_no_number_names_epoch_and_batch_and_keeps_the_last_good_weights(
    tiny_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second epoch starts from weights that a NaN has entered."""

    class Poison(Listener):
        def epoch(self, number: int, metrics: dict[str, float]) -> None:
            kept.append(built[0].get_weights())
            monkeypatch.setattr(checkpoints, "save", poisoned)

    def remembered(settings: UnetSettings, structures: Structures) -> keras.Model:
        built.append(one_network(settings, structures))
        return built[0]

    def poisoned(fingerprint: str, model: keras.Model, past: checkpoints.Past) -> None:
        save(fingerprint, model, past)
        model.get_layer("scores").set_weights([np.full((1, 1, 8, 2), np.nan), np.zeros(2)])

    kept: list[list[NDArray[Any]]] = []
    built: list[keras.Model] = []
    save = checkpoints.save
    recipe = replace(RECIPE, build=remembered)
    with pytest.raises(UserError, match=r"nan in batch 1 of epoch 2: lower train_unet\.learning_rate"):
        train(part(tiny_shards, "train"), recipe=recipe, listener=Poison())
    restored = unet.build(TINY)
    assert len(checkpoints.restore("unet", restored).history) == 1
    assert all((a == b).all() for a, b in zip(restored.get_weights(), kept[0], strict=True))


def test_the_loss_of_what_is_unknown_by_hand() -> None:
    """Two structures, the second unknown in one of the images: there it may be anywhere outside the first."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4, 4, 3)).astype(np.float32)
    masks = np.zeros((2, 4, 4, 2), np.float32)
    masks[:, 1:3, 1:3, 0], masks[0, 0, :, 1], masks[1, ..., 1] = 1, 1, -1
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    def apart(image: int, structure: int) -> float:
        drawn, found = masks[image, ..., structure], p[image, ..., 1 + structure]
        return float(1 - (2 * (found * drawn).sum() + 1) / ((found + drawn).sum() + 1))

    cavity = masks[..., 0] == 1
    outside = np.where(masks[0, ..., 1] == 1, p[0, ..., 2], p[0, ..., 0])
    whole = -np.log(np.where(cavity[0], p[0, ..., 1], outside)).mean() + (apart(0, 0) + apart(0, 1)) / 2
    partly = -np.log(np.where(cavity[1], p[1, ..., 1], p[1, ..., 0] + p[1, ..., 2])).mean() + apart(1, 0)
    loss = unet.OverlapLoss(reduction=None)  # type: ignore[arg-type]
    assert np.asarray(loss(masks, logits)) == pytest.approx([whole, partly], rel=1e-5)
