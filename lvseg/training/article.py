"""How the article's networks are trained: on whole images, scaled to fit, as they are."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lvseg.core.backend import keras
from lvseg.data.examples import Example
from lvseg.imaging.grid import Grid
from lvseg.models.article_params import TrainParams
from lvseg.training.batches import Batches
from lvseg.training.recipe import PredictionSettings, Recipe, Structures
from lvseg.training.views import OnGrid

if TYPE_CHECKING:
    from lvseg.params import Params


def article_recipe(name: str, build: Callable[[TrainParams], keras.Model]) -> Recipe:
    """Return the recipe of one of the article's networks.

    Args:
        name: of the model; its parameters are `train_<name>` in params.yaml.
        build: returns the compiled network.
    """

    def settings(params: "Params") -> TrainParams:
        section: TrainParams = getattr(params, f"train_{name}")
        return section

    def network(settings: TrainParams, structures: Structures) -> keras.Model:
        return build(settings)

    def batches(examples: list[Example], settings: TrainParams, structures: Structures) -> Batches:
        return Batches(examples, OnGrid(Grid(settings.image_size)), settings.batch_size)

    def prediction(settings: TrainParams, structures: Structures) -> PredictionSettings:
        keys = tuple(structure.key for structure in structures)
        return PredictionSettings(settings.image_size, None, views=1, one_region=False, structures=keys)

    return Recipe(name, settings, network, learn=batches, validate=batches, prediction=prediction)
