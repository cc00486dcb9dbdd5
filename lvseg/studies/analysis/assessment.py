"""How far a study's measurements may be trusted: numbers, and a verdict in plain words.

Each limit says where it comes from. `failed` is kept for studies without an ejection fraction; `look at it` means that
a person should open the report before using the numbers.
"""

from collections.abc import Sequence

import numpy as np

from lvseg.dicom.cine import Cine
from lvseg.studies.analysis.measurements import heights_mm
from lvseg.studies.analysis.result import FAILED, LOOK, OK, Assessment, Measurements

_TAPERED = 0.5  # of the largest area: an end slice below it lies near the apex
_JUMP = 0.6  # of the largest area between neighbours, other than at the base
_EF = (10.0, 80.0)  # percent; beyond lies what clinics hardly ever see
_EDV = (35.0, 450.0)  # ml, the same
_ROUGH = 1.6  # times down and up again, which one beat needs
_DISAGREEMENT = 15.0  # percent


def assess(cine: Cine, measured: Measurements, disagreement: float, strange: Sequence[str]) -> Assessment:
    """Return verdict, reasons and quality of a measured cine.

    Args:
        cine: what was segmented.
        measured: its measurements.
        disagreement: in percent, see `segmenting.disagreement`.
        strange: how the study differs from the data that the model learnt from, see `drift`.
    """
    quality = _quality(cine, measured) | {"disagreement_percent": disagreement}
    failures = _failures(cine, measured)
    doubts = [] if failures else [*_doubts(measured, quality), *strange]
    return Assessment(FAILED if failures else LOOK if doubts else OK, tuple(failures or doubts), quality)


def _failures(cine: Cine, measured: Measurements) -> list[str]:
    """Return why there is no ejection fraction."""
    if not measured.area_mm2.any() and not np.isnan(measured.area_mm2).any():
        return ["No left ventricle was found."]
    reasons = []
    if cine.phases < 2:
        reasons.append("There is one phase only: without a beat there is no ejection fraction.")
    if cine.slices < 2:
        reasons.append("There is one slice only: it makes no volume.")
    if np.isnan(cine.spacing_mm).any():
        reasons.append("The files do not say how large a pixel is: there are no volumes.")
    if np.isnan(heights_mm(cine)).any() and cine.slices > 1:
        reasons.append("The files do not say how far the slices lie apart: there are no volumes.")
    return reasons


def _doubts(measured: Measurements, quality: dict[str, float]) -> list[str]:
    """Return what a person should look at."""
    doubts = []
    ef, edv = measured.ef_percent, measured.edv_ml
    if not _EF[0] <= ef <= _EF[1]:
        doubts.append(f"An ejection fraction of {ef:.0f} % is hardly possible.")
    if not _EDV[0] <= edv <= _EDV[1]:
        doubts.append(f"An end-diastolic volume of {edv:.0f} ml is hardly possible.")
    if quality["slices_skipped"]:
        doubts.append(f"{quality['slices_skipped']:.0f} slices between segmented ones are empty.")
    if not quality["base_covered"]:
        doubts.append("The stack may end before the base: its volumes may be too small.")
    if not quality["apex_covered"]:
        doubts.append("The stack may end before the apex: its volumes may be too small.")
    if quality["largest_jump"] > _JUMP:
        doubts.append(
            f"The area changes by {100 * quality['largest_jump']:.0f} % from one slice to the next."
        )
    if quality["curve_roughness"] > _ROUGH:
        doubts.append("The volume goes up and down more than once a beat.")
    if quality["disagreement_percent"] > _DISAGREEMENT:
        doubts.append(
            f"Shown mirrored and turned, the network draws {quality['disagreement_percent']:.0f} % otherwise."
        )
    return doubts


def _quality(cine: Cine, measured: Measurements) -> dict[str, float]:
    """Return the numbers behind the verdict."""
    nothing = float("nan")
    quality = {
        "slices_found": float(cine.slices),
        "slices_segmented": float((measured.area_mm2 > 0).any(axis=1).sum()),
        "slices_skipped": 0.0,
        "base_covered": nothing,
        "apex_covered": nothing,
        "largest_jump": nothing,
        "curve_roughness": nothing,
    }
    if not measured.ed_phase:
        return quality
    areas = measured.area_mm2[:, measured.ed_phase - 1]
    if np.isnan(areas).any() or not areas.any():
        return quality
    drawn = np.flatnonzero(areas)
    first, last = int(drawn[0]), int(drawn[-1])
    inner = areas[first : last + 1]
    quality["slices_skipped"] = float((inner == 0).sum())
    # The ventricle tapers towards the apex only.
    half = (len(inner) + 1) // 2
    upwards = inner[:half].mean() < inner[-half:].mean()
    base, apex = (last, first) if upwards else (first, last)
    quality["base_covered"] = float(0 < base < cine.slices - 1)
    quality["apex_covered"] = float(0 < apex < cine.slices - 1 or areas[apex] < _TAPERED * areas.max())
    order = inner[::-1] if upwards else inner
    jumps = np.abs(np.diff(order)) / areas.max()
    quality["largest_jump"] = float(jumps.max(initial=0.0))
    swing = float(np.ptp(measured.volume_ml))
    if cine.phases > 2 and swing > 0:
        closed = np.diff(measured.volume_ml, append=measured.volume_ml[:1])
        quality["curve_roughness"] = float(np.abs(closed).sum() / (2 * swing))
    return quality
