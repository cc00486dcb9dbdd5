"""What the scanner does to the signal: receive coils, finite k-space, Rician noise, a field of view with edges."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, fftfreq, ifft2

from lvseg.phantom.anatomy.texture import Field


@dataclass(frozen=True)
class Scanner:
    """One examination's settings; made by `draw_scanner`."""

    gain: float  # stored value of blood at the heart
    noise: float  # deviation of either channel, blood being 1
    sampled: tuple[float, float]  # share of k-space acquired along rows and columns
    edge: Literal["square", "round", "corrected"]  # what gradient correction leaves of the field of view


class Receiver:
    """Turns signal images of one size and one coil sensitivity into stored pixels."""

    def __init__(self, scanner: Scanner, sensitivity: Field) -> None:
        self._scanner, self._sensitivity = scanner, sensitivity
        size = len(sensitivity)
        self._window = np.outer(_window(size, scanner.sampled[0]), _window(size, scanner.sampled[1]))
        self._seen = _field_of_view(size, scanner.edge)

    def acquire(self, signal: Field, rng: np.random.Generator) -> NDArray[np.int16]:
        """Pixels (n, n) of a signal image (n, n).

        Noise is white in both channels before the k-space window, as it is in the coil: the magnitude is Rician, and
        the window gives noise and edges the same grain and ringing.
        """
        noise = rng.standard_normal((2, *signal.shape), dtype=np.float32) * np.float32(self._scanner.noise)
        channel = signal * self._sensitivity + noise[0] + 1j * noise[1]
        magnitude = np.abs(ifft2(fft2(channel) * self._window))
        stored = np.rint(magnitude * np.float32(self._scanner.gain) * self._seen)
        return np.asarray(np.clip(stored, 0, 32767), np.int16)


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Settings within the range seen in clinical cine series."""
    return Scanner(
        gain=rng.uniform(170, 420),
        noise=rng.uniform(0.02, 0.05),
        sampled=(rng.uniform(0.72, 0.9), rng.uniform(0.66, 0.85)),
        edge=rng.choice(["round", "round", "corrected", "square"]),
    )


def _window(size: int, share: float) -> Field:
    """Acquired frequencies with a soft shoulder, so that edges ring a little, as after a scanner's own filter."""
    frequency = np.abs(fftfreq(size)) * 2 / share
    return np.asarray(1 / (1 + np.exp((frequency - 0.93) / 0.05)), np.float32)


def _field_of_view(size: int, edge: str) -> Field:
    across = (np.arange(size, dtype=np.float32) - (size - 1) / 2) / (size / 2)
    x, y = across[None, :], across[:, None]
    if edge == "round":
        return np.asarray(x * x + y * y < 0.93, np.float32)
    if edge == "corrected":
        return np.asarray(np.abs(x) < 0.87 + 0.13 * y * y, np.float32)
    return np.ones((size, size), np.float32)
