"""Normalisation in one operation, and as a part of the convolution before it: what Keras computes, sooner."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.core.backend import keras
from lvseg.inference.segmenter import load_segmenter
from lvseg.models import keras_file, unet
from lvseg.models.folding import folded
from lvseg.models.normalisation import FusedBatchNormalization
from tests.lvseg.training.unet_training import TINY

import tensorflow as tf  # isort: skip

layers = keras.layers


def images(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(2.0, 3.0, shape).astype(np.float32)


def of_one_layer(kind: Any) -> keras.Model:
    """Return a network of one normalisation, with weights that change its input."""
    image = keras.Input((None, None, 3))
    network = keras.Model(image, kind(momentum=0.9, name="norm")(image))
    network.set_weights(
        [np.array(values, np.float32) for values in ([1, 2, 3], [4, -5, 6], [1, 0, 2], [1, 2, 9])]
    )
    return network


@pytest.mark.parametrize("size", [1, 6], ids=["few values", "many values"])
def test_one_operation_learns_what_several_learn(size: int) -> None:
    seen, wanted = images(4, size, size, 3), images(4, size, size, 3) ** 2
    learnt = []
    for kind in (layers.BatchNormalization, FusedBatchNormalization):
        network = of_one_layer(kind)
        shown = keras.ops.convert_to_numpy(network(seen, training=True))
        network.compile(keras.optimizers.SGD(0.01), "mse")
        network.fit(seen, wanted, batch_size=4, epochs=2, shuffle=False, verbose=0)
        learnt.append([shown, *network.get_weights(), network.predict_on_batch(seen)])
    for own, other in zip(*learnt, strict=True):
        np.testing.assert_allclose(other, own, rtol=1e-4, atol=1e-5)


def test_a_saved_network_holds_layers_of_keras_alone(tmp_path: Path) -> None:
    keras_file.save_model(unet.build(TINY), tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    kinds = {type(layer) for layer in loaded.layers}
    assert layers.BatchNormalization in kinds
    assert FusedBatchNormalization not in kinds


def test_folded_it_computes_the_same_without_normalisations() -> None:
    network, seen = unet.build(TINY), images(2, 64, 64, 1)
    rng = np.random.default_rng(0)
    network.set_weights([values + rng.uniform(0.1, 0.3, values.shape) for values in network.get_weights()])
    other = folded(network)
    assert other is not None
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in other.layers)
    expected = network.predict_on_batch(seen)
    np.testing.assert_allclose(
        other.predict_on_batch(seen), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
    )


def test_a_segmenter_asks_the_folded_network_and_keeps_the_trained_one(tmp_path: Path) -> None:
    keras_file.save_model(unet.build(TINY), tmp_path / "model.keras")
    how = {"size": 64, "spacing_mm": 1.4, "views": 1, "one_region": True}
    segmenter, seen = load_segmenter(tmp_path / "model.keras", how), images(2, 64, 64, 1)
    assert any(isinstance(layer, layers.BatchNormalization) for layer in segmenter.network.layers)
    assert segmenter.quick is not None
    np.testing.assert_array_equal(segmenter.logits(seen), segmenter.quick.predict_on_batch(seen))


def test_what_others_need_too_is_not_folded() -> None:
    """Values that are used beside their normalisation, changed before it, or normalised as others are."""
    image = keras.Input((8, 8, 1))

    def convolved(**how: Any) -> Any:
        return layers.Conv2D(2, 3, padding="same", use_bias=False, **how)(image)

    sound, used, shown, bent, norm = (
        convolved(),
        convolved(),
        convolved(),
        convolved(activation="relu"),
        layers.BatchNormalization(),
    )
    normalised = [layers.BatchNormalization()(values) for values in (sound, used, shown, bent)]
    shared = [norm(convolved()), norm(convolved()), layers.BatchNormalization(scale=False)(convolved())]
    network = keras.Model(image, [layers.Add()([*normalised, *shared]) + used * 2.0, shown])
    network.set_weights([np.abs(images(*values.shape)) for values in network.get_weights()])
    other, seen = folded(network), images(2, 8, 8, 1)
    assert other is not None
    assert len(network.layers) - len(other.layers) == 1, "the sound one alone"
    for own, same in zip(network.predict_on_batch(seen), other.predict_on_batch(seen), strict=True):
        np.testing.assert_allclose(same, own, rtol=1e-5)


def test_of_nothing_to_fold_there_is_no_quick_network() -> None:
    image = keras.Input((8, 8, 1))
    assert folded(keras.Model(image, layers.Conv2D(2, 3)(image))) is None
    assert folded(keras.Sequential([image, layers.BatchNormalization()])) is None


def test_a_training_normalises_in_one_operation() -> None:
    network, seen = unet.build(TINY), images(2, 64, 64, 1)
    learning = tf.function(lambda values: network(values, training=True)).get_concrete_function(seen)
    kinds = {operation.type for operation in learning.graph.get_operations()}
    assert "FusedBatchNormV3" in kinds
    assert "SquaredDifference" not in kinds
