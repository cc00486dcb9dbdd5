"""The volume of the cavity over the beat, as the places of a drawing."""

import math
from dataclasses import dataclass

import numpy as np

from lvseg.studies.analysis.measurements import Measurements

WIDTH, HEIGHT = 88.0, 40.0  # mm of the field that the curve fills
_UPWARDS, _ACROSS = 4, 6  # ticks at most, above the first
_STEPS = (1, 2, 5, 10)  # between ticks, times a power of ten: numbers that people read at a glance


@dataclass(frozen=True)
class Tick:
    """A value on an axis: where it lies in mm from the field's left or upper edge, and how it is written."""

    at: float
    text: str


@dataclass(frozen=True)
class VolumeCurve:
    """What is drawn in a field of `WIDTH` x `HEIGHT` mm; y grows downwards.

    Attributes:
        points: (x, y) of each phase whose volume is known.
        across: ticks of time or phase.
        upwards: ticks of volume in ml.
        marks: x of ED and of ES, by these names, from left to right.
        timed: time in ms lies across; otherwise the number of the phase.
    """

    points: tuple[tuple[float, float], ...]
    across: tuple[Tick, ...]
    upwards: tuple[Tick, ...]
    marks: dict[str, float]
    timed: bool


def volume_curve(measurements: Measurements) -> VolumeCurve | None:
    """Return the drawing of a study's volumes, from zero; None where fewer than two are known, or all are zero."""
    known = np.flatnonzero(np.isfinite(measurements.volume_ml))
    if known.size < 2 or not measurements.volume_ml[known].any():
        return None
    timed = bool((np.diff(measurements.time_ms) > 0).all())  # not where a time is NaN
    times = measurements.time_ms if timed else np.arange(1.0, measurements.volume_ml.size + 1)
    start, length = float(times.min()), float(np.ptp(times))
    x = (times - start) / length * WIDTH
    highest = float(measurements.volume_ml[known].max())
    step = _step(highest / _UPWARDS)
    top = step * math.ceil(highest / step)
    y = HEIGHT * (1 - measurements.volume_ml / top)
    pace = max(_step(length / _ACROSS), 1.0)
    across = np.arange(math.ceil(start / pace), math.floor((start + length) / pace) + 1) * pace
    levels = np.arange(0, top + step / 2, step)
    phases = {"ED": measurements.ed_phase, "ES": measurements.es_phase}
    marks = {name: phase for name, phase in phases.items() if phase is not None}
    return VolumeCurve(
        points=tuple((float(x[phase]), float(y[phase])) for phase in known),
        across=tuple(Tick(float((value - start) / length * WIDTH), f"{value:g}") for value in across),
        upwards=tuple(Tick(float(HEIGHT * (1 - value / top)), f"{value:g}") for value in levels),
        marks={name: float(x[marks[name] - 1]) for name in sorted(marks, key=marks.__getitem__)},
        timed=timed,
    )


def _step(least: float) -> float:
    """Return the smallest of ..., 0.5, 1, 2, 5, 10, 20, ... that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in _STEPS if power * step >= least)
