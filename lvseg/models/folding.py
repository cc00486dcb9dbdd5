"""A network for prediction alone, in which normalisations are part of the convolutions before them.

Once trained, what is normalised by fixed numbers is a convolution with other numbers: the same values but for the last
digits, in nine tenths of the time (docs/unet.md).
"""

from typing import Any

import numpy as np

from lvseg.core.backend import keras

layers = keras.layers


def folded(network: keras.Model) -> keras.Model:
    """Return a functional model that computes what another does, without normalisations that follow convolutions."""
    before = {
        layer.name: convolution
        for layer in network.layers
        if isinstance(layer, layers.BatchNormalization)
        and isinstance(convolution := layer.input._keras_history.operation, layers.Conv2D)
        and not convolution.use_bias
        and convolution.activation is keras.activations.linear
        and len(convolution._outbound_nodes) == 1
    }
    names = {convolution.name for convolution in before.values()}

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": True} if layer.name in names else config)

    def called(layer: keras.layers.Layer, inputs: Any, **others: Any) -> Any:
        return inputs if layer.name in before else layer(inputs, **others)

    copy = keras.models.clone_model(network, clone_function=copied, call_function=called)
    for layer in network.layers:
        if layer.name in before:
            copy.get_layer(before[layer.name].name).set_weights(_joined(before[layer.name], layer))
        elif layer.weights and layer.name not in names:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def _joined(convolution: Any, norm: Any) -> list[np.ndarray]:
    """Return kernel (rows, columns, channels, n) and bias (n,) of a convolution with the normalisation after it."""
    (kernel,) = convolution.get_weights()
    scale, offset, mean, variance = (value.astype(np.float64) for value in norm.get_weights())
    scale = scale / np.sqrt(variance + norm.epsilon)
    return [(kernel * scale).astype(np.float32), (offset - mean * scale).astype(np.float32)]
