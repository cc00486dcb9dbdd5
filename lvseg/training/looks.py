"""What the U-Net is shown: patches as its first look sees them, and others as its second, closer look does."""

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing
from lvseg.models.unet_params import Augmentation, UnetSettings
from lvseg.training.augmentation import Augmented, ImageAndMasks
from lvseg.training.batches import View

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

    def __call__(
        self,
        image: NDArray[np.generic],
        masks: NDArray[np.uint8],
        spacing_mm: Spacing,
        rng: np.random.Generator,
        heart: NDArray[np.float64],
    ) -> ImageAndMasks:
        """Return a patch; see `Augmented`."""
        look: View = self._second if rng.random() < self._share else self._first
        return look(image, masks, spacing_mm, rng, heart)


class CloserLook:
    """Hearts as the second look sees them, by default without any change."""

    def __init__(self, settings: UnetSettings, chance: Augmentation = _UNCHANGED) -> None:
        closer = settings.closer
        self._first = _first_grid(settings)
        self._look = Augmented(Grid(closer.size, closer.spacing_mm), closer.size, chance, around_heart=True)

    def __call__(
        self,
        image: NDArray[np.generic],
        masks: NDArray[np.uint8],
        spacing_mm: Spacing,
        rng: np.random.Generator,
        heart: NDArray[np.float64],
    ) -> ImageAndMasks:
        """Return a patch; see `Augmented`. Pixels of unknown size are what the first look takes them for."""
        return self._look(image, masks, self._first.pixel_mm(image.shape, spacing_mm), rng, heart)


def _first_grid(settings: UnetSettings) -> Grid:
    """Return the square of the first look."""
    return Grid(settings.image_size, settings.spacing_mm)
