"""How a network is shown an example."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing

ImageAndMasks = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class DrawnSlice:
    """An image and what is drawn on it, as they were read.

    Attributes:
        image: (H, W), original type.
        masks: (C, H, W) uint8 of 0 and 1, of each structure.
        spacing_mm: between rows and between columns.
        heart: row and column (2,) of the middle of the patient's heart on this image.
    """

    image: NDArray[np.generic]
    masks: NDArray[np.uint8]
    spacing_mm: Spacing
    heart: NDArray[np.float64]


class View(Protocol):
    """What makes of an example what a network sees."""

    def __call__(self, drawn: DrawnSlice, rng: np.random.Generator) -> ImageAndMasks:
        """Return image (size, size, 1) and masks (size, size, C), both float32.

        Args:
            drawn: the example.
            rng: of this example in this epoch, for what is left to chance.

        Raises:
            ValueError: the image is empty, or holds NaN or infinity.
        """


class OnGrid:
    """Examples as they are, on a grid."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def __call__(self, drawn: DrawnSlice, rng: np.random.Generator) -> ImageAndMasks:
        """Return image and masks; nothing is left to chance."""
        on_grid = [self._grid.mask(mask, drawn.spacing_mm).astype(np.float32) for mask in drawn.masks]
        return self._grid.image(drawn.image, drawn.spacing_mm), np.stack(on_grid, axis=-1)
