"""What the article's networks are trained towards, and what is measured on the way."""

import keras

from lvseg.models.overlap import Dice, SmoothedDice
from lvseg.params import TrainParams


def compiled(model: keras.Model, settings: TrainParams) -> keras.Model:
    """Compile in place with Adam, cross-entropy on logits, accuracy and both Dice measures."""
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy"), Dice(), SmoothedDice()],
    )
    return model
