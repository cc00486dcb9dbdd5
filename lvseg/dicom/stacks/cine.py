"""The short-axis cine of one study, as it is segmented and measured."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lvseg.dicom.stacks.order.arrangement import PlacedImage
from lvseg.imaging.placement import Placement
from lvseg.imaging.spacing import UNKNOWN, Spacing


@dataclass(frozen=True)
class Cine:
    """N frames in S parallel slices of up to T phases; every frame has H x W pixels of one size.

    A slice may have fewer frames than T: they are spread over the beat by their times.

    Attributes:
        frames: (N,) sorted by slice and phase, both from 1. A slice's number is its place along the normal of the
            image plane; `phase` counts within the slice.
        pixels: (N, H, W) float32, of the scanner's values (rescale slope and intercept applied), high is bright.
        phases: T, of most slices.
        depths_mm: (S,) of the slices along the normal, ascending.
        distance_mm: usual distance from slice to slice; NaN where there is one slice, or positions are unknown.
        thickness_mm: of a slice; NaN where the source does not say.
        beat_ms: duration of the heart beat; NaN where the source does not say.
        series: what was chosen, in words that name no patient.
        why: the evidence for that choice.
        others: what else the study holds, in the same words.
        notes: what was odd and how it was handled, a sentence each, that name no patient.
        doubts: those of the notes on which a measurement depends.
        placements: (S,) how each slice lies to the first in the plane; None where all lie straight behind it.
        named_ends: the phases that files beside the images call end-diastole and end-systole; None where none does.
    """

    frames: tuple[PlacedImage, ...]
    pixels: np.ndarray
    phases: int
    depths_mm: tuple[float, ...]
    distance_mm: float
    thickness_mm: float
    beat_ms: float
    series: str
    why: str
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    placements: tuple[Placement, ...] | None = None
    named_ends: tuple[int, int] | None = None

    @property
    def spacing_mm(self) -> Spacing:
        """How far the pixels lie apart, in mm; NaN where the source does not say."""
        spacing = self.frames[0].image.spacing
        return UNKNOWN if spacing is None else Spacing(*spacing)

    @property
    def slices(self) -> int:
        """S, the number of slices."""
        return len(self.depths_mm)

    @functools.cached_property
    def times_ms(self) -> np.ndarray:
        """When the phases are, (T,) in ms after the R wave; NaN where the source does not say."""
        full = next(held for held in self._held.values() if len(held) == self.phases)
        times = np.array([self.frames[i].image.trigger_time for i in full], np.float64)
        one = len(times) > 1 and bool((times == times[0]).all())  # as of files that say 0 throughout
        return np.full(times.shape, np.nan) if one else times

    @functools.cached_property
    def at(self) -> Mapping[tuple[int, int], int]:
        """Position in `frames` of what is shown at (slice, phase), for every slice and every phase up to T.

        Where a slice has another number of frames than T, it is the one nearest in the beat: by time, else by number.
        """
        places = {}
        for slice_, held in self._held.items():
            times = np.array([self.frames[i].image.trigger_time for i in held], np.float64)
            for phase in range(self.phases):
                nearest = phase
                if len(held) != self.phases:
                    apart = np.abs(times - self.times_ms[phase])
                    if np.isfinite(self.beat_ms):
                        apart = np.minimum(apart, np.abs(self.beat_ms - apart))
                    if not np.isfinite(apart).all():
                        apart = self._steps_apart(held, phase + 1)
                    nearest = int(apart.argmin())
                places[slice_, phase + 1] = held[nearest]
        return places

    def _steps_apart(self, held: Sequence[int], phase: int) -> np.ndarray:
        """Return (n,) how far the frames of a slice are from a phase, in phases, the beat being closed."""
        count = max(self.phases, len(held))
        apart = np.abs([self.frames[i].phase - 1 - (phase - 1) * count / self.phases for i in held])
        return np.asarray(np.minimum(apart, count - apart))

    @functools.cached_property
    def _held(self) -> dict[int, list[int]]:
        """Positions in `frames` by slice."""
        held: dict[int, list[int]] = {}
        for position, frame in enumerate(self.frames):
            held.setdefault(frame.slice, []).append(position)
        return held
