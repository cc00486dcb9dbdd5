"""What the U-Net is shown: patches as its first look sees them, and others as its second, closer look does."""

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing
from lvseg.models.unet_params import Augmentation, UnetSettings
from lvseg.training.augmentation import Augmented, ImageAndMasks

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
        self._first = Augmented(Grid(settings.image_size, settings.spacing_mm), settings.crop, chance)
        self._second = closer_look(settings, chance.model_copy(update={"shift_mm": closer.shift_mm}))
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
        look = self._second if rng.random() < self._share else self._first
        return look(image, masks, spacing_mm, rng, heart)


def closer_look(settings: UnetSettings, chance: Augmentation = _UNCHANGED) -> Augmented:
    """Return what shows the heart as the second look sees it, by default without any change."""
    closer = settings.closer
    return Augmented(Grid(closer.size, closer.spacing_mm), closer.size, chance, around_heart=True)
