"""Smooth random structure in space, and the two ways of laying one tissue over another."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

Field = NDArray[np.floating]  # float32 in practice: half the time of float64
_SIDE = 24  # grains of the cube, which repeats itself after as many
_FINE = 5  # cells per grain of its fine copy
_SMALL_MM = 17.0  # below, a cell of the fine copy is about a pixel, so it need not be interpolated


class Texture:
    """A periodic random field of mean 0 and deviation 1, defined at every point of space.

    The same point has the same value in every slice, so that neighbouring slices and planes that cross agree.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        cube = gaussian_filter(rng.standard_normal((_SIDE,) * 3).astype(np.float32), 0.8, mode="wrap")
        self._coarse = cube / cube.std()
        fine = self._coarse
        for axis in range(3):
            fine = np.repeat(fine, _FINE, axis)
        fine = gaussian_filter(fine, 2.0, mode="wrap", truncate=2.5)
        self._fine = (fine / fine.std()).ravel()

    def __call__(self, x: Field, y: Field, w: Field, scale: float, shift: float = 0.0) -> Field:
        """Values at points in mm; `scale` is the size of its grains in mm, `shift` picks an unrelated part."""
        grain = scale / 1.6
        if scale > _SMALL_MM:
            at = np.stack(np.broadcast_arrays(x / grain + shift, y / grain + 1.7 * shift, w / grain))
            return map_coordinates(self._coarse, at, order=1, mode="grid-wrap", prefilter=False)
        cells = _SIDE * _FINE
        # adding a multiple of the period keeps the numbers positive, where truncation is floor
        i, j, k = (
            ((a * np.float32(_FINE / grain) + (off * _FINE + 100 * cells)).astype(np.int32) % cells)
            for a, off in ((x, shift), (y, 1.7 * shift), (w, 0.0))
        )
        return np.asarray(self._fine[(i * cells + j) * cells + k])


def cover(distance: Field, width: float) -> Field:
    """Share of a pixel inside a border: 1 well inside (distance < 0), 0 outside, a ramp one pixel wide between."""
    return np.asarray(np.clip(0.5 - distance / width, 0, 1))


def lay(canvas: Field, distance: Field, value: Field | float, width: float, ink: float = 0.0) -> None:
    """Lay a tissue over the canvas, in place, where the distance is negative.

    `ink` (0..1) darkens the border itself: in balanced SSFP, fat and water in one pixel cancel to a black line.
    """
    canvas += cover(distance, width) * (value - canvas)
    if ink:
        canvas *= 1 - ink * np.clip(1.25 - np.abs(distance) / (0.75 * width), 0, 1)


def ellipse(
    x: Field,
    y: Field,
    centre: tuple[float | Field, float | Field],
    axes: tuple[float, float],
    turn: float = 0.0,
) -> Field:
    """Distance in mm to an ellipse, negative inside, exact on the border and near enough around it."""
    dx, dy = x - centre[0], y - centre[1]
    cos, sin = np.cos(turn), np.sin(turn)
    a, b = (dx * cos + dy * sin) / axes[0], (dy * cos - dx * sin) / axes[1]
    size = np.sqrt(a * a + b * b) + 1e-6
    slope = np.sqrt((a / axes[0]) ** 2 + (b / axes[1]) ** 2) + 1e-6
    return np.asarray((size - 1) * size / slope)
