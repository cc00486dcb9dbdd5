"""A network for prediction alone, in which normalisations are part of the convolutions before them.

Once trained, what is normalised by fixed numbers is a convolution with other numbers: the same values but for the last
digits, in nine tenths of the time (docs/unet.md).
"""

from typing import Any

import numpy as np

from lvseg.core.backend import keras

layers = keras.layers


def folded(network: keras.Model) -> keras.Model | None:
    """Return a model that computes what another does, without the normalisations that follow convolutions.

    None where there is nothing to fold, or the network is a sequence of layers and no graph.
    """
    if isinstance(network, keras.Sequential):
        return None
    ends = {id(tensor) for tensor in network.outputs}
    before = {
        layer.name: convolution
        for layer in network.layers
        if isinstance(layer, layers.BatchNormalization) and (convolution := _convolution_of(layer, ends))
    }
    if not before:
        return None
    names = {convolution.name for convolution in before.values()}

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": True} if layer.name in names else config)

    def called(layer: keras.layers.Layer, *inputs: Any, **others: Any) -> Any:
        return inputs[0] if layer.name in before else layer(*inputs, **others)

    copy = keras.models.clone_model(network, clone_function=copied, call_function=called)
    for layer in network.layers:
        if layer.name in before:
            copy.get_layer(before[layer.name].name).set_weights(_joined(before[layer.name], layer))
        elif layer.weights and layer.name not in names:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def _convolution_of(norm: Any, ends: set[int]) -> Any:
    """Return the convolution whose values go through a normalisation and nowhere else; None where there is none."""
    if len(norm._inbound_nodes) > 1 or not (norm.scale and norm.center) or norm.axis not in (-1, 3):
        return None
    before = norm.input._keras_history.operation
    alone = (
        isinstance(before, layers.Conv2D)
        and not before.use_bias
        and before.activation is keras.activations.linear
        and len(before._inbound_nodes) == len(before._outbound_nodes) == 1
        and id(before.output) not in ends
    )
    return before if alone else None


def _joined(convolution: Any, norm: Any) -> list[np.ndarray]:
    """Return kernel (rows, columns, channels, n) and bias (n,) of a convolution with the normalisation after it."""
    (kernel,) = convolution.get_weights()
    scale, offset, mean, variance = (value.astype(np.float64) for value in norm.get_weights())
    scale = scale / np.sqrt(variance + norm.epsilon)
    return [(kernel * scale).astype(np.float32), (offset - mean * scale).astype(np.float32)]
