"""From an image of any matrix, bit depth and pixel size to the square grid of a network, and back.

Pixel centres lie at whole numbers. The image is put in the middle of the square. With a step in grid points per
pixel, source position = (grid position + 0.5 - margin) / step - 0.5, where the margin is what the image leaves of
the square, or minus what reaches beyond it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.spacing import Spacing
from lvseg.imaging.types import Floats, Mask, Pixels, Region

# Outside these percentiles lies what says nothing of the heart: fat next to the coil, and flow.
_CLIP_PERCENT = (0.5, 99.5)
# Rounding alone gives a constant image of 30000 a standard deviation; this share of the mean is below any contrast.
_NO_CONTRAST = 1e-6
_HALF = 0.5  # a grid point belongs to a mask when at least half of it is covered


@dataclass(frozen=True)
class Grid:
    """The square that a network looks at.

    Attributes:
        size: grid points in each direction.
        spacing_mm: between grid points; None scales every image to fit, whatever its pixels measure.

    Example:
        >>> Grid(192, spacing_mm=1.4).image(pixels, Spacing(1.2, 1.2)).shape
        (192, 192, 1)
    """

    size: int
    spacing_mm: float | None = None

    def image(self, image: Pixels, spacing: Spacing) -> Floats:
        """Return an image (H, W) of any real type as a network takes it: (size, size, 1) float32, normalised.

        Args:
            image: in its original type.
            spacing: of its pixels.

        Raises:
            ValueError: as `normalised`.
        """
        return self._resampled(self.normalised(image, spacing), spacing)[..., np.newaxis]

    def normalised(self, image: Pixels, spacing: Spacing) -> Floats:
        """Return an image (H, W) as float32, of mean 0 and standard deviation 1 over what the square shows of it.

        What lies beyond the square, the air of a wide field of view say, then has no say.

        Raises:
            ValueError: as the function `normalised`.
        """
        shape = np.shape(image)
        if len(shape) != 2:
            return normalised(image)
        reach = [self.size / step for step in self.steps(shape, spacing)]
        beyond = [max(0, int((count - seen) / 2)) for count, seen in zip(shape, reach, strict=True)]
        shown = tuple(slice(b, count - b) for b, count in zip(beyond, shape, strict=True))
        return normalised(image, shown)

    def mask(self, mask: Mask, spacing: Spacing) -> Mask:
        """Return a mask (H, W) of 0 and 1 on the grid, (size, size) uint8: 1 where at least half is covered."""
        if self._fits(mask.shape, spacing):
            return mask.astype(np.uint8)
        return (self._resampled(mask.astype(np.float32), spacing) >= _HALF).astype(np.uint8)

    def restored(
        self,
        scores: Floats,
        shape: tuple[int, int],
        spacing: Spacing,
        beyond: float = 0.0,
        corner: tuple[int, int] = (0, 0),
    ) -> Floats:
        """Return values on the square grid, (size, size) or (size, size, C), on the original (H, W[, C]).

        Args:
            scores: the values; a part of the square alone will do.
            shape: H and W.
            spacing: of its pixels.
            beyond: the value of pixels that `scores` does not reach.
            corner: row and column of the square that `scores` begins at.
        """
        if self._fits(shape, spacing) and scores.shape[:2] == shape:
            return scores
        whole = np.full((*shape, *scores.shape[2:]), beyond, scores.dtype)
        reached = []
        for axis, (count, step) in enumerate(zip(shape, self.steps(shape, spacing), strict=True)):
            positions = (np.arange(count) + 0.5) * step + (self.size - count * step) / 2 - 0.5 - corner[axis]
            reached.append(_inside(positions, scores.shape[axis]))
            scores = _resampled(scores, axis, positions[reached[axis]], step)
        whole[np.ix_(*reached)] = scores
        return whole

    def pixel_mm(self, shape: tuple[int, ...], spacing: Spacing) -> Spacing:
        """Return how far the pixels of an image lie apart; of one that does not say (NaN), what the grid assumes."""
        if spacing.known:
            return spacing
        return Spacing(*((self.spacing_mm or 1.0) * step for step in self.steps(shape, spacing)))

    def steps(self, shape: tuple[int, ...], spacing: Spacing) -> tuple[float, float]:
        """Return grid points per pixel, down and across.

        An image that does not say what its pixels measure (NaN) is scaled to fit.
        """
        if self.spacing_mm is None or not np.isfinite(spacing).all():
            step = self.size / max(shape)
            return step, step
        return float(spacing[0]) / self.spacing_mm, float(spacing[1]) / self.spacing_mm

    def _fits(self, shape: tuple[int, ...], spacing: Spacing) -> bool:
        """Return whether pixels are grid points already."""
        return shape == (self.size, self.size) and self.steps(shape, spacing) == (1.0, 1.0)

    def _resampled(self, image: Floats, spacing: Spacing) -> Floats:
        """Return a float image (H, W) on the grid: bilinear, smoothed where it is reduced.

        What the image does not reach gets its lowest value, as air has.
        """
        if self._fits(image.shape, spacing):
            return image
        square = np.full((self.size, self.size), image.min(), dtype=np.float32)
        reached = []
        for axis, step in enumerate(self.steps(image.shape, spacing)):
            count = image.shape[axis]
            positions = (np.arange(self.size) + 0.5 - (self.size - count * step) / 2) / step - 0.5
            reached.append(_inside(positions, count))
            image = _resampled(image, axis, positions[reached[axis]], 1 / step)
        square[np.ix_(*reached)] = image
        return square


def normalised(image: Pixels, shown: tuple[slice, ...] = (slice(None), slice(None))) -> Floats:
    """Return an image (H, W) as float32 of mean 0 and standard deviation 1, free of its window and bit depth.

    The darkest and brightest half per cent are clipped first, so that a few extreme pixels do not set the
    scale. A constant image becomes 0.

    Args:
        image: of any real type.
        shown: the part that mean, standard deviation and limits are taken from.

    Raises:
        ValueError: the image is empty, or holds NaN or infinity.
    """
    values = np.asarray(image, dtype=np.float32)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"an image has rows and columns, this has the shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("the image holds NaN or infinite pixels")
    low, high = clip_limits(values[shown])
    values = np.clip(values, low, high)
    part = values[shown]
    mean, deviation = part.mean(dtype=np.float64), part.std(dtype=np.float64)
    if deviation <= _NO_CONTRAST * max(1.0, abs(mean)):
        return np.zeros_like(values)
    return np.asarray((values - mean) / deviation, np.float32)


def clip_limits(values: Pixels) -> tuple[Any, Any]:
    """Return the values below and above which pixels are clipped, two of them.

    They are order statistics, ten times as fast as interpolated percentiles.
    """
    flat = values.ravel()
    ranks = [round(percent / 100 * (flat.size - 1)) for percent in _CLIP_PERCENT]
    ordered = np.partition(flat, ranks)
    return ordered[ranks[0]], ordered[ranks[1]]


def _inside(positions: NDArray[np.floating], count: int) -> Region:
    """Return which positions (m,) lie on one of `count` pixels."""
    return (positions > -0.5) & (positions < count - 0.5)


def _resampled(values: Floats, axis: int, positions: NDArray[np.floating], step: float) -> Floats:
    """Return `values` at `positions` (m,) of one axis, `step` apart, by linear interpolation.

    A triangle one pixel wide interpolates; a step above 1 needs it wider, or fine texture turns to noise.
    Sums tap by tap, so that the bits do not depend on the number of cores.
    """
    reach = max(1.0, step)
    first = np.floor(positions - reach).astype(int) + 1
    taps = first[:, np.newaxis] + np.arange(int(np.ceil(2 * reach)))
    weights = np.maximum(0.0, 1 - np.abs(taps - positions[:, np.newaxis]) / reach)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    source = np.moveaxis(values, axis, 0)
    total = np.zeros((len(positions), *source.shape[1:]), dtype=np.float32)
    for tap, weight in zip(taps.T, weights.T, strict=True):
        total += source[np.clip(tap, 0, len(source) - 1)] * weight.reshape(-1, *[1] * (source.ndim - 1))
    return np.moveaxis(total, 0, axis)
