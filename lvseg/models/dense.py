"""The article's dense network: 12,714,048 parameters at 256 x 256, the humble baseline."""

from lvseg.core.backend import keras
from lvseg.models.article import compiled
from lvseg.models.article_params import TrainParams

layers = keras.layers


def build(settings: TrainParams) -> keras.Model:
    """Return the compiled network: images (batch, size, size, 1) to scores (batch, size, size, 2).

    The article puts a softmax over all size * size * 2 outputs before a loss that expects logits. All
    outputs together then sum to 1, each is next to 0, and the loss stays at ln 2 whatever the image. The
    softmax is left out unless `as_published` is set.
    """
    size = settings.image_size
    image = keras.Input((size, size, 1), name="image")
    hidden = layers.Flatten(name="flatten")(image)
    hidden = layers.Dense(64, activation="relu", name="hidden")(hidden)
    activation = "softmax" if settings.as_published else None
    scores = layers.Dense(size * size * 2, activation=activation, name="pixels")(hidden)
    scores = layers.Reshape((size, size, 2), name="scores")(scores)
    return compiled(keras.Model(image, scores, name="dense"), settings)
