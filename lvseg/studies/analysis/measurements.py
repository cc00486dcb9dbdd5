"""From outlines to volumes over the beat, end-diastole, end-systole, ejection fraction and mass.

The volume at a phase is the sum over the slices of area x height. A slice reaches half the way to each of its
neighbours, so that a missing one is filled from both sides, and half the usual distance beyond the ends of the stack.
In contrast to the rule for contours (`lvseg.metrics.volumes`) a slice that is empty at one phase counts as empty: the
base moves towards the apex in systole and leaves the upper slices.

The phases are those of the left ventricle: the right one is measured at its end-diastole and end-systole as well. The
mass is that of the wall at end-diastole, between epicardium and endocardium; papillary muscles and trabeculae are part
of the cavity, and no part of the mass.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvseg.dicom.stacks.cine import Cine
from lvseg.imaging.outline import area
from lvseg.imaging.structures import Structure
from lvseg.metrics.volumes import MUSCLE_G_PER_ML, ejection_fraction, end_phases, stroke_volume
from lvseg.studies.analysis.body import Body

_MM3_PER_ML = 1000.0
_ML_PER_L = 1000.0
_MS_PER_MINUTE = 60_000.0
# Names of the measures that grow with the body, and are set against its surface.
PER_SURFACE = (
    "edv_ml", "esv_ml", "sv_ml", "cardiac_output_l_min", "mass_g", "rv_edv_ml", "rv_esv_ml", "rv_sv_ml",
)  # fmt: skip
Outlines = Sequence[NDArray[np.float64] | None]


@dataclass(frozen=True)
class Measurements:
    """The ventricles over the beat, in S slices and T phases; what is unknown is NaN, and a phase None.

    Attributes:
        area_mm2: (S, T) of the cavity, by slice and phase.
        volume_ml: (T,) of the cavity.
        time_ms: (T,) of the phases after the R wave.
        ed_phase: end-diastole, the phase of the largest volume, from 1.
        es_phase: end-systole, the phase of the smallest volume, from 1.
        edv_ml: volume at `ed_phase`.
        esv_ml: volume at `es_phase`.
        mass_g: of the left ventricle's wall at `ed_phase`, without papillary muscles.
        rv_edv_ml: volume of the right ventricle at `ed_phase`.
        rv_esv_ml: volume of the right ventricle at `es_phase`.
        beat_ms: duration of the heart beat.
        surface_m2: of the patient's body.
        sex: F or M of the patient, "" where unknown.
        missing: why a measure that is unknown is so, by its name.
    """

    area_mm2: NDArray[np.float64]
    volume_ml: NDArray[np.float64]
    time_ms: NDArray[np.float64]
    ed_phase: int | None
    es_phase: int | None
    edv_ml: float
    esv_ml: float
    mass_g: float = math.nan
    rv_edv_ml: float = math.nan
    rv_esv_ml: float = math.nan
    beat_ms: float = math.nan
    surface_m2: float = math.nan
    sex: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def sv_ml(self) -> float:
        """The stroke volume: what one beat moves, in ml."""
        return stroke_volume(self.edv_ml, self.esv_ml)

    @property
    def ef_percent(self) -> float:
        """The ejection fraction in percent; NaN where there is no end-diastolic volume."""
        return ejection_fraction(self.edv_ml, self.esv_ml)

    @property
    def cardiac_output_l_min(self) -> float:
        """What the left ventricle moves in a minute, in l: stroke volume x heart rate."""
        if not self.beat_ms > 0:
            return math.nan
        return self.sv_ml / _ML_PER_L * _MS_PER_MINUTE / self.beat_ms

    @property
    def rv_sv_ml(self) -> float:
        """The stroke volume of the right ventricle, in ml."""
        return stroke_volume(self.rv_edv_ml, self.rv_esv_ml)

    @property
    def rv_ef_percent(self) -> float:
        """The ejection fraction of the right ventricle in percent."""
        return ejection_fraction(self.rv_edv_ml, self.rv_esv_ml)

    @property
    def per_surface(self) -> dict[str, float]:
        """The `PER_SURFACE` measures for each square metre of the body's surface."""
        return {name: float(getattr(self, name)) / self.surface_m2 for name in PER_SURFACE}

    @property
    def base_first(self) -> bool | None:
        """Whether the first slice lies at the base: the wide end at end-diastole, for it tapers towards the apex."""
        if self.ed_phase is None:
            return None
        areas = self.area_mm2[:, self.ed_phase - 1]
        segmented = np.flatnonzero(np.nan_to_num(areas))
        if segmented.size == 0 or np.isnan(areas).any():
            return None
        inner = areas[segmented[0] : segmented[-1] + 1]
        half = (len(inner) + 1) // 2
        return bool(inner[:half].mean() >= inner[-half:].mean())

    @property
    def ed_and_es(self) -> tuple[int, ...]:
        """End-diastole and end-systole, as far as they are known."""
        return tuple(phase for phase in (self.ed_phase, self.es_phase) if phase is not None)


def measure(cine: Cine, outlines: Mapping[Structure, Outlines], body: Body) -> Measurements:
    """Return the measurements of a segmented cine.

    Args:
        cine: what was segmented.
        outlines: of each structure that the model knows, (N,) the outline (n, 2) on each frame, in pixels; None where
            there is none. That of the myocardium is the epicardium.
        body: of the patient.

    Returns:
        Areas and volumes, NaN where pixel size or slice distance are unknown; no phase where nothing is
        segmented, a distance is unknown, or there is one phase only.
    """
    pixel_mm2 = float(np.prod(cine.spacing_mm))
    heights = heights_mm(cine)
    # One slice has an area, and no volume.
    to_ml = (pixel_mm2 if cine.slices > 1 else math.nan) / _MM3_PER_ML
    by_slice = _areas(cine, outlines[Structure.CAVITY])
    curve = heights @ by_slice  # in pixels x mm: phases can be told without a pixel size
    volume = curve * to_ml
    ends = end_phases(curve)
    ed, es = (None, None) if ends is None else (ends[0] + 1, ends[1] + 1)

    def at(curve_ml: NDArray[np.float64], phase: int | None) -> float:
        return math.nan if phase is None else float(curve_ml[phase - 1])

    unknown = np.full(cine.phases, math.nan)
    wall, right = unknown, unknown
    if Structure.MYOCARDIUM in outlines:
        wall = heights @ (_areas(cine, outlines[Structure.MYOCARDIUM]) - by_slice) * to_ml
    if Structure.RIGHT_VENTRICLE in outlines:
        right = heights @ _areas(cine, outlines[Structure.RIGHT_VENTRICLE]) * to_ml
    return Measurements(
        area_mm2=by_slice * pixel_mm2,
        volume_ml=volume,
        time_ms=cine.times_ms,
        ed_phase=ed,
        es_phase=es,
        edv_ml=at(volume, ed),
        esv_ml=at(volume, es),
        mass_g=_volume_or_nan(at(wall, ed)) * MUSCLE_G_PER_ML,
        rv_edv_ml=_volume_or_nan(at(right, ed)),
        rv_esv_ml=at(right, es) if at(right, ed) else math.nan,
        beat_ms=cine.beat_ms,
        surface_m2=body.surface_m2,
        sex=body.sex,
        missing=_missing(cine, outlines, body, (at(wall, ed), at(right, ed))),
    )


def _areas(cine: Cine, lines: Outlines) -> NDArray[Any]:
    """Return the areas (S, T) within outlines, in pixels."""
    areas = [0.0 if line is None else abs(area(line)) for line in lines]
    return np.array(
        [[areas[cine.at[s, p]] for p in range(1, cine.phases + 1)] for s in range(1, cine.slices + 1)]
    )


def _volume_or_nan(value: float) -> float:
    """Return a volume, or NaN where nothing of the structure was found: a body without it is none."""
    return value if value > 0 else math.nan


def _missing(
    cine: Cine, outlines: Mapping[Structure, Outlines], body: Body, at_ed: tuple[float, float]
) -> dict[str, str]:
    """Return why measures are unknown, by name; those that need the left ventricle's volume have no word here."""
    words = {}
    for name, structure, volume in zip(
        ("mass_g", "rv_edv_ml"), (Structure.MYOCARDIUM, Structure.RIGHT_VENTRICLE), at_ed, strict=True
    ):
        if structure not in outlines:
            words[name] = f"the model does not draw the {structure.words}"
        elif volume == 0:
            words[name] = f"no {structure.words} was found"
    if not cine.beat_ms > 0:
        words["cardiac_output_l_min"] = "the files do not say credibly how long a heart beat takes"
    if body.contradicts_itself:
        words["surface_m2"] = (
            "height and weight do not go together, as where one is in inches or pounds: --height and --weight give them"
        )
    elif math.isnan(body.surface_m2):
        words["surface_m2"] = "height or weight is not known: --height and --weight give them"
    return words


def heights_mm(cine: Cine) -> NDArray[np.float64]:
    """Return (S,) how much of the heart each slice stands for, in mm; NaN where the distance is unknown."""
    steps = np.diff(cine.depths_mm)
    if not steps.all():  # positions are unknown
        steps = np.full(steps.shape, cine.distance_mm)
    ends = np.concatenate([[cine.distance_mm], steps, [cine.distance_mm]])
    return np.asarray((ends[:-1] + ends[1:]) / 2)
