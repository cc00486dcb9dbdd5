"""The article's two networks: their size, their defects, and that they come back from disk."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.core.backend import keras
from lvseg.metrics import overlap
from lvseg.models import cnn, dense, keras_file
from lvseg.models.article_params import TrainParams
from lvseg.models.keras_metrics import Accuracy, Dice, SmoothedDice

Build = Callable[[TrainParams], keras.Model]


def settings(size: int, as_published: bool = False) -> TrainParams:
    return TrainParams(
        epochs=1,
        batch_size=2,
        learning_rate=0.001,
        image_size=size,
        seed=1,
        threads=2,
        as_published=as_published,
    )


def images(size: int, count: int = 2) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(count, size, size, 1)).astype(np.float32)


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize(("build", "parameters"), [(dense.build, 12_714_048), (cnn.build, 1_857_848)])
def test_the_networks_have_the_articles_size(build: Build, parameters: int, as_published: bool) -> None:
    model = build(settings(256, as_published))
    assert model.count_params() == parameters
    assert model.output_shape == (None, 256, 256, 2)


@pytest.mark.parametrize("weights", ["first", "wild"])
def test_the_published_dense_network_has_a_loss_of_ln_2_whatever_it_sees(weights: str) -> None:
    model = dense.build(settings(64, as_published=True))
    if weights == "wild":
        rng = np.random.default_rng(3)
        model.set_weights([rng.normal(0, 5, value.shape) for value in model.get_weights()])
    for masks in (np.zeros((2, 64, 64)), np.ones((2, 64, 64)), np.arange(8192).reshape(2, 64, 64) % 2):
        loss = model.test_on_batch(images(64) * 100, masks, return_dict=True)["loss"]
        assert loss == pytest.approx(math.log(2), abs=2 / 64**2)


@pytest.mark.slow
def test_the_mended_dense_network_learns_what_the_published_one_cannot() -> None:
    drawn = np.zeros((2, 32, 32), np.uint8)
    drawn[:, 10:20, 12:22] = 1
    losses = {}
    for as_published in (False, True):
        keras.utils.set_random_seed(1)
        model = dense.build(settings(32, as_published))
        for _ in range(12):
            losses[as_published] = float(model.train_on_batch(images(32), drawn, return_dict=True)["loss"])
    assert losses[False] < 0.2
    assert losses[True] == pytest.approx(math.log(2), abs=0.01)


def test_the_published_cnn_cannot_give_evidence_against_a_class() -> None:
    classes = {
        published: keras.Model(model.input, model.get_layer("classes").output)(images(64))
        for published in (False, True)
        for model in [cnn.build(settings(64, published))]
    }
    assert keras.ops.min(classes[True]) >= 0
    assert keras.ops.min(classes[False]) < 0


@pytest.mark.slow
@pytest.mark.parametrize("build", [dense.build, cnn.build])
def test_a_saved_network_answers_as_before(build: Build, tmp_path: Path) -> None:
    model = build(settings(32))
    model.train_on_batch(images(32), np.zeros((2, 32, 32)))
    before = model.predict_on_batch(images(32))
    model.save(tmp_path / "compiled.keras")
    keras_file.save_model(model, tmp_path / "bare.keras")
    for name in ("compiled", "bare"):
        loaded = keras.saving.load_model(tmp_path / f"{name}.keras", safe_mode=True)
        assert (loaded.predict_on_batch(images(32)) == before).all()
        assert loaded.compiled == (name == "compiled")


def test_keras_and_numpy_measure_the_same() -> None:
    rng = np.random.default_rng(4)
    drawn = rng.integers(0, 2, (7, 16, 16)).astype(np.uint8)
    scores = rng.normal(size=(7, 16, 16, 2)).astype(np.float32)
    drawn[:3] = 0  # in the first, nothing is found either
    scores[[0, 4], ..., 0] = 9.0
    found = scores.argmax(axis=-1)
    pairs = (
        (Accuracy(), overlap.accuracy),
        (SmoothedDice(), overlap.dice_smoothed),
        (Dice(), overlap.dice),
    )
    for metric, measure in pairs:
        for batch in (slice(0, 1), slice(1, 5), slice(5, 7)):
            metric.update_state(drawn[batch], scores[batch])
        by_hand = [measure(a, b) for a, b in zip(found, drawn, strict=True)]
        assert float(metric.result()) == pytest.approx(np.nanmean(by_hand), abs=1e-6)
    assert np.isnan(by_hand).sum() == 1
    assert math.isnan(overlap.dice(found[0], drawn[0]))

    model = cnn.build(settings(16))
    told = model.evaluate(images(16, 7), drawn, batch_size=3, verbose=0, return_dict=True)
    answers = model.predict_on_batch(images(16, 7))
    each = [
        (overlap.cross_entropy(score[..., 1] - score[..., 0], mask), overlap.accuracy(score.argmax(-1), mask))
        for score, mask in zip(answers, drawn, strict=True)
    ]
    assert (told["loss"], told["accuracy"]) == pytest.approx(tuple(np.mean(each, axis=0)), abs=1e-5)


def test_dice_over_nothing_is_undefined() -> None:
    metric = Dice()
    metric.update_state(np.zeros((2, 8, 8)), np.zeros((2, 8, 8, 2)))
    assert math.isnan(float(metric.result()))
