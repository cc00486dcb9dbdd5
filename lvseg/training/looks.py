"""What the U-Net is shown: patches as its first look sees them, and others as its second, closer look does."""

from dataclasses import replace

import numpy as np

from lvseg.imaging.grid import Grid
from lvseg.models.unet_params import Augmentation, UnetSettings
from lvseg.training.augmentation import Augmented
from lvseg.training.views import DrawnSlice, ImageAndMasks, View

_UNCHANGED = Augmentation(
    rotation_degrees=0.0,
    mirror=False,
    scale=1.0,
    shift_mm=0.0,
    elastic_mm=0.0,
    gamma=0.0,
    contrast=0.0,
    shading=0.0,
    blur_mm=0.0,
    noise=0.0,
)


class TwoLooks:
    """Patches of both kinds, by chance."""

    def __init__(self, settings: UnetSettings) -> None:
        chance, closer = settings.augmentation, settings.closer
        self._first = Augmented(_first_grid(settings), settings.crop, chance)
        self._second = CloserLook(settings, chance.model_copy(update={"shift_mm": closer.shift_mm}))
        self._share = closer.share

    def __call__(self, drawn: DrawnSlice, rng: np.random.Generator) -> ImageAndMasks:
        """Return a patch; see `Augmented`."""
        look: View = self._second if rng.random() < self._share else self._first
        return look(drawn, rng)


class CloserLook:
    """Hearts as the second look sees them, by default without any change."""

    def __init__(self, settings: UnetSettings, chance: Augmentation = _UNCHANGED) -> None:
        closer = settings.closer
        self._first = _first_grid(settings)
        self._look = Augmented(Grid(closer.size, closer.spacing_mm), closer.size, chance, around_heart=True)

    def __call__(self, drawn: DrawnSlice, rng: np.random.Generator) -> ImageAndMasks:
        """Return a patch; see `Augmented`. Pixels of unknown size are what the first look takes them for."""
        spacing_mm = self._first.pixel_mm(drawn.image.shape, drawn.spacing_mm)
        return self._look(replace(drawn, spacing_mm=spacing_mm), rng)


def _first_grid(settings: UnetSettings) -> Grid:
    """Return the square of the first look."""
    return Grid(settings.image_size, settings.spacing_mm)
