"""Lengths and times in the headers of NIfTI files: their units, and whether what a header says can be."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of the header's units in mm: none said, m, mm, micrometres.
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_NAMES = {0: "no unit", 1: "metres", 2: "millimetres", 3: "micrometres"}
# The same of times: s, ms, microseconds; none said may be ms or s.
_MILLISECONDS = {0: (1.0, 1000.0), 8: (1000.0,), 16: (1.0,), 24: (0.001,)}
_PIXELS_MM = 0.05, 50.0  # what the middle one of the three steps of a volume of a heart may be
_SAME_SIZE = 0.01  # of the steps of two affines of one header, as a share


def step_ms(header: Any) -> tuple[float, ...]:
    """Return the step of the fourth axis in ms, in each unit that it may have; nothing where it is no time."""
    step, unit = float(header["pixdim"][4]), int(header["xyzt_units"]) & 0x38
    if not (math.isfinite(step) and step > 0):
        return ()
    return tuple(step * scale for scale in _MILLISECONDS.get(unit, ()))


def millimetres(header: Any, steps: NDArray[np.float64]) -> tuple[float, list[str]]:
    """Return by what lengths are to be multiplied to be in mm, and a sentence where that is not what the header says.

    A unit in which no heart has such pixels is not believed where another gives pixels that one has.

    Args:
        header: as nibabel has it.
        steps: (3,) of the axes, in the header's unit.
    """
    unit, middle = int(header["xyzt_units"]) & 7, float(np.median(steps))
    stated = _MILLIMETRES.get(unit, 1.0)
    if _may_be(middle * stated):
        return stated, []
    other = next((one for one, scale in _MILLIMETRES.items() if _may_be(middle * scale)), None)
    if other is None:
        return stated, []
    other = other or 2
    said = f"pixels of {middle:g} {_NAMES.get(unit, 'an unknown unit')}"
    return _MILLIMETRES[other], [
        f"Its header states {said}, which no image of a heart has: taken for {_NAMES[other]}."
    ]


def contradicted(header: Any, steps: NDArray[np.float64]) -> list[str]:
    """Return a sentence where the header gives pixels of other sizes as well: one of its two forms was not kept up.

    Args:
        header: as nibabel has it.
        steps: (3,) of the affine that is used, in the header's unit.
    """
    other = np.abs(np.asarray(header["pixdim"][1:4], float))
    unset = int(header["qform_code"]) <= 0 and (other == other[0]).all() and other[0] in (0.0, 1.0)
    if int(header["sform_code"]) <= 0 or unset or np.allclose(other, steps, rtol=_SAME_SIZE, atol=0):
        return []
    return [
        f"Its header gives pixels of two sizes, {_sizes(steps)} (sform) and {_sizes(other)} (pixdim): the first is "
        "believed."
    ]


def _may_be(pixel_mm: float) -> bool:
    return _PIXELS_MM[0] <= pixel_mm <= _PIXELS_MM[1]


def _sizes(steps: NDArray[np.float64]) -> str:
    return " x ".join(f"{step:.4g}" for step in steps)
