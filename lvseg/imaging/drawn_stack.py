"""What is drawn on the frames of a stack: label maps and outlines."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.structures import Structure
from lvseg.imaging.types import Contour


@dataclass(frozen=True)
class DrawnStack:
    """What is drawn on each of N frames.

    Attributes:
        labels: (N, H, W) uint8, the numbers of `Structure`.
        outlines: (N,) of each structure that the network knows, (n, 2), x (column) and y (row) in pixels whose first
            centre is (0, 0); None where there is none. That of the myocardium is its outer border.
    """

    labels: NDArray[np.uint8]
    outlines: Mapping[Structure, tuple[Contour | None, ...]]

    @property
    def masks(self) -> NDArray[np.uint8]:
        """The masks of the cavity, (N, H, W) uint8 of 0 and 1."""
        return np.asarray(self.labels == Structure.CAVITY, np.uint8)

    @property
    def contours(self) -> tuple[Contour | None, ...]:
        """The outlines of the cavity, (N,)."""
        return self.outlines[Structure.CAVITY]
