"""From an image of any matrix, bit depth and pixel size to the square grid of a network, and back.

Pixel centres lie at whole numbers. The image is put in the middle of the square. With a step in grid points per
pixel, source position = (grid position + 0.5 - margin) / step - 0.5, where the margin is what the image leaves of
the square, or minus what reaches beyond it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

# Outside these percentiles lies what says nothing of the heart: fat next to the coil, and flow.
_CLIP_PERCENT = (0.5, 99.5)


@dataclass(frozen=True)
class Grid:
    """The square that a network looks at.

    Attributes:
        size: grid points in each direction.
        spacing_mm: between grid points; None scales every image to fit, whatever its pixels measure.
    """

    size: int
    spacing_mm: float | None = None

    def image(self, image: np.ndarray, spacing_mm: Any) -> np.ndarray:
        """Return an image (H, W) of any real type as a network takes it: (size, size, 1) float32, normalised.

        Args:
            image: in its original type.
            spacing_mm: of its pixels, between rows and between columns.

        Raises:
            ValueError: as `normalised`.
        """
        return self._resampled(self.normalised(image, spacing_mm), spacing_mm)[..., np.newaxis]

    def normalised(self, image: np.ndarray, spacing_mm: Any) -> np.ndarray:
        """Return an image (H, W) as float32, of mean 0 and deviation 1 over what the square shows of it.

        What lies beyond the square, the air of a wide field of view say, then has no say.

        Raises:
            ValueError: as the function `normalised`.
        """
        shape = np.shape(image)
        if len(shape) != 2:
            return normalised(image)
        reach = [self.size / step for step in self.steps(shape, spacing_mm)]
        beyond = [max(0, int((count - own) / 2)) for count, own in zip(shape, reach, strict=True)]
        shown = tuple(slice(b, count - b) for b, count in zip(beyond, shape, strict=True))
        return normalised(image, shown)

    def mask(self, mask: np.ndarray, spacing_mm: Any) -> np.ndarray:
        """Return a mask (H, W) of 0 and 1 on the grid, (size, size) uint8: 1 where at least half is covered."""
        if self._fits(mask.shape, spacing_mm):
            return mask.astype(np.uint8)
        return (self._resampled(mask.astype(np.float32), spacing_mm) >= 0.5).astype(np.uint8)

    def restored(
        self,
        scores: np.ndarray,
        shape: tuple[int, int],
        spacing_mm: Any,
        beyond: float = 0.0,
        corner: tuple[int, int] = (0, 0),
    ) -> np.ndarray:
        """Return values on the square grid, (size, size) or (size, size, C), on the original (H, W[, C]).

        Args:
            scores: the values; a part of the square alone will do.
            shape: H and W.
            spacing_mm: of its pixels, between rows and between columns.
            beyond: the value of pixels that `scores` does not reach.
            corner: row and column of the square that `scores` begins at.
        """
        if self._fits(shape, spacing_mm) and scores.shape[:2] == shape:
            return scores
        whole = np.full((*shape, *scores.shape[2:]), beyond, scores.dtype)
        reached = []
        for axis, (count, step) in enumerate(zip(shape, self.steps(shape, spacing_mm), strict=True)):
            positions = (np.arange(count) + 0.5) * step + (self.size - count * step) / 2 - 0.5 - corner[axis]
            reached.append(_inside(positions, scores.shape[axis]))
            scores = _resampled(scores, axis, positions[reached[axis]], step)
        whole[np.ix_(*reached)] = scores
        return whole

    def steps(self, shape: tuple[int, ...], spacing_mm: Any) -> tuple[float, float]:
        """Return grid points per pixel, down and across.

        An image that does not say what its pixels measure (NaN) is scaled to fit.
        """
        if self.spacing_mm is None or not np.isfinite(spacing_mm).all():
            step = self.size / max(shape)
            return step, step
        return float(spacing_mm[0]) / self.spacing_mm, float(spacing_mm[1]) / self.spacing_mm

    def _fits(self, shape: tuple[int, ...], spacing_mm: Any) -> bool:
        """Return whether pixels are grid points already."""
        return shape == (self.size, self.size) and self.steps(shape, spacing_mm) == (1.0, 1.0)

    def _resampled(self, image: np.ndarray, spacing_mm: Any) -> np.ndarray:
        """Return a float image (H, W) on the grid: bilinear, smoothed where it is reduced.

        What the image does not reach gets its lowest value, as air has.
        """
        if self._fits(image.shape, spacing_mm):
            return image
        square = np.full((self.size, self.size), image.min(), dtype=np.float32)
        reached = []
        for axis, step in enumerate(self.steps(image.shape, spacing_mm)):
            count = image.shape[axis]
            positions = (np.arange(self.size) + 0.5 - (self.size - count * step) / 2) / step - 0.5
            reached.append(_inside(positions, count))
            image = _resampled(image, axis, positions[reached[axis]], 1 / step)
        square[np.ix_(*reached)] = image
        return square


def normalised(image: np.ndarray, shown: tuple[slice, ...] = (slice(None), slice(None))) -> np.ndarray:
    """Return an image (H, W) as float32 of mean 0 and deviation 1, free of its window and bit depth.

    The darkest and brightest half per cent are clipped first, so that a few extreme pixels do not set the
    scale. A constant image becomes 0.

    Args:
        image: of any real type.
        shown: the part that mean, deviation and limits are taken from.

    Raises:
        ValueError: the image is empty, or holds NaN or infinity.
    """
    values = np.asarray(image, dtype=np.float32)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"an image has rows and columns, this has the shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("the image holds NaN or infinite pixels")
    low, high = _percentiles(values[shown])
    values = np.clip(values, low, high)
    part = values[shown]
    mean, deviation = part.mean(dtype=np.float64), part.std(dtype=np.float64)
    # Rounding alone gives a constant image of 30000 a deviation; 1e-6 of the mean is below any real contrast.
    if deviation <= 1e-6 * max(1.0, abs(mean)):
        return np.zeros_like(values)
    return ((values - mean) / deviation).astype(np.float32)


def _percentiles(values: np.ndarray) -> tuple[np.float32, np.float32]:
    """Return the clipping limits: order statistics, ten times as fast as interpolated percentiles."""
    flat = values.ravel()
    ranks = [round(percent / 100 * (flat.size - 1)) for percent in _CLIP_PERCENT]
    ordered = np.partition(flat, ranks)
    return ordered[ranks[0]], ordered[ranks[1]]


def _inside(positions: np.ndarray, count: int) -> np.ndarray:
    """Return which positions (m,) lie on one of `count` pixels."""
    return (positions > -0.5) & (positions < count - 0.5)


def _resampled(values: np.ndarray, axis: int, positions: np.ndarray, step: float) -> np.ndarray:
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
