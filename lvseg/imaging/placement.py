"""How the slices of a stack lie to one another in their plane: turned, or moved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.spacing import Spacing

TURNED_DEGREES = 0.1  # in the plane, below which slices share their pixels' directions
SAME_PLACE_MM = 0.1  # within the plane, of the middle of two slices of one stack


@dataclass(frozen=True)
class Placement:
    """Where the points of a slice lie on the plane of the first, seen along its normal.

    A point that lies (rows, columns) in mm off the middle of its image lies `matrix` @ it + `offset_mm` off the middle
    of the first slice's image.

    Attributes:
        matrix: (2, 2).
        offset_mm: (2,).
    """

    matrix: NDArray[np.float64]
    offset_mm: NDArray[np.float64]

    def on_first(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points (n, 2) of the slice lie on the first."""
        return np.asarray(points_mm @ self.matrix.T + self.offset_mm)

    def from_first(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points (n, 2) of the first slice lie on this one."""
        return np.asarray((points_mm - self.offset_mm) @ np.linalg.inv(self.matrix).T)

    @property
    def moves(self) -> bool:
        """Whether it lies otherwise than straight behind the first."""
        turned = abs(math.degrees(math.atan2(self.matrix[1, 0], self.matrix[1, 1]))) > TURNED_DEGREES
        mirrored = float(np.linalg.det(self.matrix)) < 0
        return turned or mirrored or bool((np.abs(self.offset_mm) > SAME_PLACE_MM).any())


@dataclass(frozen=True)
class SlicesInSpace:
    """The images of a stack's slices, and how each lies to the first.

    Attributes:
        shape: H and W of the images.
        spacing_mm: of their pixels.
        placements: (S,) of the slices; None where all lie straight behind the first.
    """

    shape: tuple[int, int]
    spacing_mm: Spacing
    placements: Sequence[Placement] | None

    @property
    def middle(self) -> NDArray[np.float64]:
        """Row and column of the middle of the images."""
        return (np.array(self.shape) - 1) / 2

    def on_first(self, slice_: int, points: NDArray[np.number]) -> NDArray[np.float64]:
        """Return where points (n, 2) of a slice, rows and columns, lie in mm off the middle of the first image."""
        off_mm = np.asarray((points - self.middle) * self.spacing_mm, np.float64)
        return off_mm if self.placements is None else self.placements[slice_ - 1].on_first(off_mm)

    def from_first(self, slice_: int, point_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return row and column (2,) on a slice of what lies so far off the middle of the first image."""
        if self.placements is not None:
            (point_mm,) = self.placements[slice_ - 1].from_first(point_mm[np.newaxis])
        return np.asarray(self.middle + point_mm / self.spacing_mm)


def placements_of_affines(
    affines: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[Placement, ...] | None:
    """Return how slices of H x W pixels lie to the first by their affines (S, 4, 4), as `Image.affine` gives them.

    Returns:
        None where all lie straight behind the first, or an affine is unknown (NaN).
    """
    if not np.isfinite(affines).all():
        return None
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2, 0, 1])
    centres = (affines @ middle)[:, :3]
    steps = affines[:, :3, [1, 0]]
    axes = np.swapaxes(steps / np.linalg.norm(steps, axis=1, keepdims=True), 1, 2)
    placed = tuple(
        Placement(axes[0] @ of_frame.T, axes[0] @ (centre - centres[0]))
        for of_frame, centre in zip(axes, centres, strict=True)
    )
    return placed if any(one.moves for one in placed) else None
