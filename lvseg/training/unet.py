"""How the U-Net is trained: augmented patches to learn from, hearts as they are to validate on."""

from typing import TYPE_CHECKING

from lvseg.data.examples import Example
from lvseg.imaging.grid import Grid
from lvseg.models import unet
from lvseg.models.unet_params import UnetSettings
from lvseg.training.batches import Batches
from lvseg.training.looks import CloserLook, TwoLooks
from lvseg.training.recipe import PredictionSettings, Recipe, Structures

if TYPE_CHECKING:
    from lvseg.params import Params


def _learn(examples: list[Example], settings: UnetSettings, structures: Structures) -> Batches:
    """Return augmented patches."""
    view = TwoLooks(settings)
    return Batches(examples, view, settings.batch_size, settings.images_per_epoch, structures)


def _validate(examples: list[Example], settings: UnetSettings, structures: Structures) -> Batches:
    """Return hearts as the second look sees them where the first one has found them."""
    return Batches(examples, CloserLook(settings), settings.batch_size, structures=structures)


def _settings(params: "Params") -> UnetSettings:
    """Return the preset in use."""
    return params.train_unet.chosen()


def _prediction(settings: UnetSettings, structures: Structures) -> PredictionSettings:
    """Return what prediction with the trained network needs."""
    keys = tuple(structure.key for structure in structures)
    closer = Grid(settings.closer.size, settings.closer.spacing_mm)
    return PredictionSettings(settings.image_size, settings.spacing_mm, settings.views, True, keys, closer)


RECIPE = Recipe(
    "unet",
    _settings,
    unet.build,
    _learn,
    _validate,
    _prediction,
    learns_everything=True,
    learns_from_validation=lambda settings: settings.learn_from_validation,
)
