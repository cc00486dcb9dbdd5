"""Boxes of whole pixels: what a mask fills, what a contour reaches, and what is shown around it."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Box(NamedTuple):
    """Rows from `top` to below `bottom` and columns from `left` to below `right`; it may reach beyond an image.

    Example:
        >>> mask = np.zeros((64, 80)); mask[10:20, 30:50] = 1
        >>> Box.of_mask(mask).widened(2)
        Box(top=8, left=28, bottom=22, right=52)
    """

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of_mask(cls, mask: NDArray[Any]) -> Self | None:
        """Return the smallest box that holds every pixel of a mask (H, W) that is not 0; None where all are."""
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return None
        return cls(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)

    @classmethod
    def of_points(cls, points: NDArray[np.floating]) -> Self:
        """Return the smallest box that points (n, 2), x and y in pixels, do not leave, centre by centre."""
        left, top = np.floor(points.min(axis=0)).astype(int)
        right, bottom = np.ceil(points.max(axis=0)).astype(int) + 1
        return cls(int(top), int(left), int(bottom), int(right))

    @property
    def shape(self) -> tuple[int, int]:
        """The number of its rows and of its columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """The box as an index of an image that holds it (see `clipped`)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def widened(self, border: int) -> Self:
        """Return the box with so many more pixels on each side."""
        return type(self)(self.top - border, self.left - border, self.bottom + border, self.right + border)

    def resized(self, rows: int, columns: int) -> Self:
        """Return a box of this size around the same middle; of two middles the upper or left one."""
        top, left = (self.top + self.bottom - rows) // 2, (self.left + self.right - columns) // 2
        return type(self)(top, left, top + rows, left + columns)

    def clipped(self, shape: tuple[int, int]) -> Self:
        """Return what of the box lies in an image of this shape; a box of no pixels where nothing does."""
        rows, columns = shape
        (top, bottom), (left, right) = (
            np.clip(ends, 0, count).tolist()
            for ends, count in (((self.top, self.bottom), rows), ((self.left, self.right), columns))
        )
        return type(self)(top, left, bottom, right)

    def moved_into(self, shape: tuple[int, int]) -> Self:
        """Return the box moved into an image of this shape; what is larger than the image is cut off at its border."""
        (rows, columns), (high, wide) = shape, self.shape
        top, left = max(min(self.top, rows - high), 0), max(min(self.left, columns - wide), 0)
        return type(self)(top, left, top + high, left + wide).clipped(shape)
