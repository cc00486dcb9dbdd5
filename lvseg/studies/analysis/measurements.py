"""From outlines to volumes over the beat, end-diastole, end-systole and ejection fraction.

The volume at a phase is the sum over the slices of area x height. A slice reaches half the way to each of its
neighbours, so that a missing one is filled from both sides, and half the usual distance beyond the ends of the stack.
In contrast to the rule for contours (`lvseg.metrics.volumes`) a slice that is empty at one phase counts as empty: the
base moves towards the apex in systole and leaves the upper slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvseg.dicom.stacks.cine import Cine
from lvseg.imaging.outline import area
from lvseg.metrics.volumes import ejection_fraction, end_phases, stroke_volume

_MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class Measurements:
    """The cavity over the beat, in S slices and T phases; what is unknown is NaN, and a phase None.

    Attributes:
        area_mm2: (S, T) of the cavity, by slice and phase.
        volume_ml: (T,) of the cavity.
        time_ms: (T,) of the phases after the R wave.
        ed_phase: end-diastole, the phase of the largest volume, from 1.
        es_phase: end-systole, the phase of the smallest volume, from 1.
        edv_ml: volume at `ed_phase`.
        esv_ml: volume at `es_phase`.
    """

    area_mm2: NDArray[np.float64]
    volume_ml: NDArray[np.float64]
    time_ms: NDArray[np.float64]
    ed_phase: int | None
    es_phase: int | None
    edv_ml: float
    esv_ml: float

    @property
    def sv_ml(self) -> float:
        """The stroke volume: what one beat moves, in ml."""
        return stroke_volume(self.edv_ml, self.esv_ml)

    @property
    def ef_percent(self) -> float:
        """The ejection fraction in percent; NaN where there is no end-diastolic volume."""
        return ejection_fraction(self.edv_ml, self.esv_ml)

    @property
    def ed_and_es(self) -> tuple[int, ...]:
        """End-diastole and end-systole, as far as they are known."""
        return tuple(phase for phase in (self.ed_phase, self.es_phase) if phase is not None)


def measure(cine: Cine, contours: Sequence[NDArray[np.float64] | None]) -> Measurements:
    """Return the measurements of a segmented cine.

    Args:
        cine: what was segmented.
        contours: (N,) outline (n, 2) of the cavity on each of its frames, in pixels; None where there is none.

    Returns:
        Areas and volumes, NaN where pixel size or slice distance are unknown; no phase where nothing is
        segmented, a distance is unknown, or there is one phase only.
    """
    pixel_mm2 = float(np.prod(cine.spacing_mm))
    areas = [0.0 if line is None else abs(area(line)) for line in contours]
    by_slice = np.array(
        [[areas[cine.at[s, p]] for p in range(1, cine.phases + 1)] for s in range(1, cine.slices + 1)]
    )
    curve = heights_mm(cine) @ by_slice  # in pixels x mm: phases can be told without a pixel size
    # One slice has an area, and no volume.
    volume = curve * (pixel_mm2 if cine.slices > 1 else np.nan) / _MM3_PER_ML
    ends = end_phases(curve)
    ed, es = (None, None) if ends is None else (ends[0] + 1, ends[1] + 1)
    return Measurements(
        area_mm2=by_slice * pixel_mm2,
        volume_ml=volume,
        time_ms=cine.times_ms,
        ed_phase=ed,
        es_phase=es,
        edv_ml=float("nan") if ed is None else float(volume[ed - 1]),
        esv_ml=float("nan") if es is None else float(volume[es - 1]),
    )


def heights_mm(cine: Cine) -> NDArray[np.float64]:
    """Return (S,) how much of the heart each slice stands for, in mm; NaN where the distance is unknown."""
    steps = np.diff(cine.depths_mm)
    if not steps.all():  # positions are unknown
        steps = np.full(steps.shape, cine.distance_mm)
    ends = np.concatenate([[cine.distance_mm], steps, [cine.distance_mm]])
    return np.asarray((ends[:-1] + ends[1:]) / 2)
