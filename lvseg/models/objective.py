"""How the article's networks are trained, what is measured on the way, and how they are asked."""

from collections.abc import Callable

import keras

from lvseg.batches import Batches, OnGrid
from lvseg.dataset import Example
from lvseg.grid import Grid
from lvseg.models.overlap import Dice, SmoothedDice
from lvseg.params import Params, TrainParams
from lvseg.recipe import Asked, Recipe


def compiled(model: keras.Model, settings: TrainParams) -> keras.Model:
    """Compile in place with Adam, cross-entropy on logits, accuracy and both Dice measures."""
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy"), Dice(), SmoothedDice()],
    )
    return model


def as_in_the_article(name: str, build: Callable[[TrainParams], keras.Model]) -> Recipe:
    """Return the recipe of one of the article's networks: whole images, scaled to fit, as they are."""

    def batches(examples: list[Example], settings: TrainParams) -> Batches:
        return Batches(examples, OnGrid(Grid(settings.image_size)), settings.batch_size)

    def asked(settings: TrainParams) -> Asked:
        return Asked(settings.image_size, spacing_mm=None, views=1, one_region=False)

    def settings(params: Params) -> TrainParams:
        own: TrainParams = getattr(params, f"train_{name}")
        return own

    return Recipe(name, settings, build, learn=batches, validate=batches, asked=asked)
