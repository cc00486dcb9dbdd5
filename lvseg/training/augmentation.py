"""Training images as other scanners and other bodies would have given them."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lvseg.imaging.boxes import Box
from lvseg.imaging.grid import Grid, normalised
from lvseg.models.unet_params import Augmentation
from lvseg.training.views import DrawnSlice, ImageAndMasks

_NODES = 5  # in each direction, whose shifts bend a crop; between them it bends smoothly
_BLURRED = 0.3  # of the images
_FEWER = 1.25  # a source this much finer than the crop is smoothed first, or fine texture turns to noise


@dataclass(frozen=True)
class Augmented:
    """Patches around the ventricle: turned, mirrored, scaled, shifted, bent, with other contrast, shading and noise.

    A patch and its masks come from the original pixels in one interpolation. A mask says how far each grid point is
    covered, so that the network learns where between two points the border runs.

    Attributes:
        grid: that the trained network will look at; its spacing counts, and what images are normalised by.
        crop: grid points in each direction.
        chance: how much of each kind of change there is.
        around_heart: whether the trained network will look at a square of the crop's size around the heart: then a
            patch lies there, also where the ventricle is not, and has its own brightness.
    """

    grid: Grid
    crop: int
    chance: Augmentation
    around_heart: bool = False

    def __call__(self, drawn: DrawnSlice, rng: np.random.Generator) -> ImageAndMasks:
        """Return image (crop, crop, 1) and masks (crop, crop, C), both float32.

        Raises:
            ValueError: the image is empty, or holds NaN or infinity.
        """
        steps = np.array(self.grid.steps(drawn.image.shape, drawn.spacing_mm))
        pixels = self._normalised(drawn, self.crop / steps)
        matrix = self._turn(rng) / steps[:, None]
        centre = drawn.heart.copy() if self.around_heart else _middle(drawn)
        reach = self.chance.shift_mm / self._step_mm
        centre += rng.uniform(-reach, reach, 2) / steps
        places = self._places(rng) - (self.crop - 1) / 2
        sources = np.tensordot(matrix, places, 1) + centre[:, None, None]
        step = math.sqrt(abs(np.linalg.det(matrix)))
        covered = list(drawn.masks.astype(np.float32))
        if step > _FEWER:
            sigma = 0.5 * math.sqrt(step**2 - 1)
            pixels, *covered = (ndimage.gaussian_filter(values, sigma) for values in (pixels, *covered))
        seen = ndimage.map_coordinates(pixels, sources, order=1, cval=float(pixels.min()))
        masks = [ndimage.map_coordinates(values, sources, order=1) for values in covered]
        other = self._as_another_scanner(seen, rng)
        if self.around_heart:
            other = (other - other.mean()) / max(float(other.std()), 1e-6)
        return other[..., np.newaxis], np.stack(masks, axis=-1)

    def _normalised(self, drawn: DrawnSlice, size: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return an image (H, W) as the network will see it; `size` is of the square around the heart, in pixels."""
        if not self.around_heart:
            return self.grid.normalised(drawn.image, drawn.spacing_mm)
        (top, left), (bottom, right) = (
            np.rint(drawn.heart + part * size).astype(int) for part in (-0.5, 0.5)
        )
        rows, columns = drawn.image.shape
        return normalised(drawn.image, Box(top, left, bottom, right).clipped((rows, columns)).slices)

    @property
    def _step_mm(self) -> float:
        """The grid's spacing."""
        assert self.grid.spacing_mm is not None, "changes in mm need a grid in mm"
        return self.grid.spacing_mm

    def _turn(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the matrix (2, 2) from steps on the crop to steps on the grid."""
        limit = math.radians(self.chance.rotation_degrees)
        angle = rng.uniform(-limit, limit)
        scale = math.exp(rng.uniform(-1, 1) * math.log(self.chance.scale))
        mirror = -1.0 if self.chance.mirror and rng.random() < 0.5 else 1.0
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return np.asarray(turn @ np.diag([1.0, mirror]) * scale)

    def _places(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the points (2, crop, crop) of the crop, in its steps, bent where they are meant to be."""
        places = np.mgrid[: self.crop, : self.crop].astype(np.float64)
        if self.chance.elastic_mm:
            shifts = rng.normal(0.0, self.chance.elastic_mm / self._step_mm, (2, _NODES, _NODES))
            between = _between_nodes(self.crop)
            places += between @ shifts @ between.T
        return places

    def _as_another_scanner(
        self, image: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return an image (n, n) with another gamma, brightness, contrast, shading and sharpness, and with noise.

        Its mean stays about 0.
        """
        mean, deviation = float(image.mean()), float(image.std())
        low, high = float(image.min()), float(image.max())
        bent = ((image - low) / max(high - low, 1e-6)) ** math.exp(rng.uniform(-1, 1) * self.chance.gamma)
        bent = (bent - bent.mean()) / max(float(bent.std()), 1e-6) * deviation + mean
        gain = math.exp(rng.uniform(-1, 1) * self.chance.contrast)
        bent = bent * gain + rng.uniform(-1, 1) * self.chance.contrast
        down, across = np.meshgrid(*[np.linspace(-1, 1, count) for count in image.shape], indexing="ij")
        tilt = rng.uniform(-self.chance.shading, self.chance.shading, 3)
        bent *= np.exp(tilt[0] * across + tilt[1] * down + tilt[2] * across * down)
        if rng.random() < _BLURRED:
            bent = ndimage.gaussian_filter(bent, rng.uniform(0.0, self.chance.blur_mm) / self._step_mm)
        noise = rng.normal(0.0, rng.uniform(0.0, 1.0) * self.chance.noise + 1e-9, image.shape)
        return (bent + noise).astype(np.float32)


def _middle(drawn: DrawnSlice) -> NDArray[np.float64]:
    """Return the middle (row, column) of the first structure that is drawn, or else of the heart."""
    first = next((mask for mask in drawn.masks if mask.any()), None)
    return drawn.heart.copy() if first is None else np.array(ndimage.center_of_mass(first))


@cache
def _between_nodes(count: int) -> NDArray[np.float64]:
    """Return the matrix (count, nodes) of cubic interpolation: as a product it takes a hundredth of `zoom`'s time."""
    return np.asarray(ndimage.zoom(np.eye(_NODES), (count / _NODES, 1), order=3))
