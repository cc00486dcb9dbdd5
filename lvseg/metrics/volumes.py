"""What a cardiologist reads: volumes, ejection fraction and mass, by the rule of the 2009 challenge.

Volume = area x (thickness + gap), summed over slices. A slice that lacks either phase counts nothing (Radau et al.
2009), because half of a pair would shift the ejection fraction.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvseg.metrics.fewest import FEWEST

MUSCLE_G_PER_ML = 1.05
_MM3_PER_ML = 1000.0


def stroke_volume(edv_ml: float, esv_ml: float) -> float:
    """Return what one beat moves in ml, from the volumes at end-diastole and end-systole in ml."""
    return edv_ml - esv_ml


def ejection_fraction(edv_ml: float, esv_ml: float) -> float:
    """Return the share of the end-diastolic volume that one beat moves, in percent.

    NaN where there is no end-diastolic volume, or it is not known.

    Example:
        >>> ejection_fraction(120.0, 48.0)
        60.0
    """
    return 100 * stroke_volume(edv_ml, esv_ml) / edv_ml if edv_ml > 0 else math.nan


def end_phases(curve: NDArray[np.floating[Any]]) -> tuple[int, int] | None:
    """Return end-diastole and end-systole of a volume curve (T,), in any unit, as indices of its ends.

    The curve is not smoothed: systole is steeper than diastole, so that smoothing would shift both.

    Returns:
        None where there is one phase only, nothing in any, or a volume is unknown.
    """
    if len(curve) < 2 or not np.isfinite(curve).all() or not np.any(curve):
        return None
    return int(np.argmax(curve)), int(np.argmin(curve))


@dataclass(frozen=True)
class Volumes:
    """The cavity of one patient.

    Attributes:
        edv_ml: at end-diastole, in ml.
        esv_ml: at end-systole, in ml.
    """

    edv_ml: float
    esv_ml: float

    @property
    def stroke_ml(self) -> float:
        """The stroke volume: what one beat moves, in ml."""
        return stroke_volume(self.edv_ml, self.esv_ml)

    @property
    def ef_percent(self) -> float:
        """The ejection fraction in percent; NaN where there is no end-diastolic volume."""
        return ejection_fraction(self.edv_ml, self.esv_ml)


def volumes(ed_mm2: Mapping[int, float], es_mm2: Mapping[int, float], slice_distance_mm: float) -> Volumes:
    """Return the volumes of a stack.

    Args:
        ed_mm2: area of the cavity at end-diastole by slice, in mm2.
        es_mm2: the same at end-systole. Slices that are not in both count nothing.
        slice_distance_mm: thickness and gap together.
    """
    both = sorted(ed_mm2.keys() & es_mm2.keys())
    scale = slice_distance_mm / _MM3_PER_ML
    return Volumes(sum(ed_mm2[i] for i in both) * scale, sum(es_mm2[i] for i in both) * scale)


def mass_g(epi_mm2: Mapping[int, float], endo_mm2: Mapping[int, float], slice_distance_mm: float) -> float:
    """Return the mass of the left ventricle's muscle at end-diastole in g, at `MUSCLE_G_PER_ML`.

    Args:
        epi_mm2: area within the epicardium by slice, in mm2.
        endo_mm2: area within the endocardium by slice, in mm2. Slices that are not in both count nothing.
        slice_distance_mm: thickness and gap together.
    """
    both = sorted(epi_mm2.keys() & endo_mm2.keys())
    muscle = sum(epi_mm2[i] - endo_mm2[i] for i in both)
    return muscle * slice_distance_mm / _MM3_PER_ML * MUSCLE_G_PER_ML


@dataclass(frozen=True)
class Agreement:
    """How automatic and manual measurements of the same patients agree (Bland and Altman 1986).

    Attributes:
        bias: mean of automatic - manual.
        limits: bias -/+ 1.96 standard deviations of the differences; NaN below `FEWEST` patients.
        mean_absolute: mean of |automatic - manual|.
        correlation: Pearson's; NaN below `FEWEST` patients and where either does not vary.
        patients: how many had both values.
    """

    bias: float
    limits: tuple[float, float]
    mean_absolute: float
    correlation: float
    patients: int

    def told(self) -> dict[str, float]:
        """Return it as tables and JSON have it."""
        return {
            "patients": self.patients,
            "bias": self.bias,
            "low": self.limits[0],
            "high": self.limits[1],
            "mae": self.mean_absolute,
            "correlation": self.correlation,
        }


def agreement(automatic: Sequence[float], manual: Sequence[float]) -> Agreement:
    """Compare measurements patient by patient; patients with an undefined value are left out."""
    pairs = np.array([automatic, manual], float)
    first, second = pairs[:, np.isfinite(pairs).all(axis=0)]
    count = first.size
    if not count:
        return Agreement(math.nan, (math.nan, math.nan), math.nan, math.nan, 0)
    apart = first - second
    bias = float(apart.mean())
    enough = count >= FEWEST
    spread = 1.96 * float(apart.std(ddof=1)) if enough else math.nan
    varies = enough and np.ptp(first) > 0 and np.ptp(second) > 0
    correlation = float(np.corrcoef(first, second)[0, 1]) if varies else math.nan
    return Agreement(bias, (bias - spread, bias + spread), float(np.abs(apart).mean()), correlation, count)
