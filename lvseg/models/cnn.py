"""The article's convolutional network: 1,857,848 parameters, of any image size that 16 divides."""

from lvseg.core.backend import keras
from lvseg.models.article import compiled
from lvseg.models.article_params import TrainParams

layers = keras.layers


def build(settings: TrainParams) -> keras.Model:
    """Return the compiled network: images (batch, size, size, 1) to scores (batch, size, size, 2).

    The article clips the two class maps at zero (a relu) before the transposed convolution that enlarges
    them, which throws away the evidence against each class. The relu is left out unless `as_published` is
    set.
    """
    size = settings.image_size
    image = keras.Input((size, size, 1), name="image")
    x = layers.Conv2D(100, 5, strides=2, padding="same", activation="relu", name="features_1")(image)
    x = layers.MaxPooling2D(2, padding="same", name="pool_1")(x)
    x = layers.Conv2D(200, 5, strides=2, padding="same", activation="relu", name="features_2")(x)
    x = layers.MaxPooling2D(2, padding="same", name="pool_2")(x)
    x = layers.Conv2D(300, 3, padding="same", activation="relu", name="features_3")(x)
    x = layers.Conv2D(300, 3, padding="same", activation="relu", name="features_4")(x)
    activation = "relu" if settings.as_published else None
    x = layers.Conv2D(2, 1, padding="same", activation=activation, name="classes")(x)
    scores = layers.Conv2DTranspose(2, 31, strides=16, padding="same", name="scores")(x)
    return compiled(keras.Model(image, scores, name="cnn"), settings)
