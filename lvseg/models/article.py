"""How the article's networks are compiled, and what is measured while they learn."""

from lvseg.core.backend import keras
from lvseg.models.article_params import TrainParams
from lvseg.models.keras_metrics import Dice, SmoothedDice


def compiled(model: keras.Model, settings: TrainParams) -> keras.Model:
    """Compile in place with Adam, cross-entropy on logits, accuracy and both Dice measures."""
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy"), Dice(), SmoothedDice()],
    )
    return model
