"""The page on one study that a person reads: one HTML file with its pictures inside, one A4 page in print."""

import base64
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvseg.core.files import write_text
from lvseg.studies.analysis.assessment import FAILED, LOOK, OK
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs import montage
from lvseg.studies.outputs.volume_curve import HEIGHT, WIDTH, volume_curve

# Of each verdict: class of style, sign, heading, and what it means. Sign and words tell it without colour.
_VERDICTS = {
    OK: ("ok", "✓", "OK", "The checks found nothing odd."),
    LOOK: ("look", "!", "Look at it", "Look at the contours before you use the numbers."),
    FAILED: ("failed", "✕", "Failed", "There is no ejection fraction."),
}
_YES_NO, _SHARE, _PERCENT = "yes or no", "of 1", "%"
# Of each number behind the verdict: what it is, and its unit.
_QUALITY = {
    "slices_found": ("slices in the stack", ""),
    "slices_segmented": ("with a cavity", ""),
    "slices_skipped": ("empty between them", ""),
    "empty_beyond_base": ("an empty slice beyond the base", _YES_NO),
    "empty_beyond_apex": ("an empty slice beyond the apex", _YES_NO),
    "apex_mm2": ("last slice with a cavity at the apex, in mm²", ""),
    "systole_share": ("of the beat from end-diastole to end-systole", _SHARE),
    "largest_jump": ("largest change from slice to slice", _SHARE),
    "curve_roughness": ("ups and downs of the volume in a beat", ""),
    "disagreement_percent": ("drawn otherwise when mirrored and turned", _PERCENT),
}
_UNKNOWN = "–"
_MS_PER_MINUTE = 60_000


def write(path: Path, result: StudyResult) -> None:
    """Write the page; what is unknown is a dash.

    Args:
        path: of the HTML file.
        result: the study.
    """
    from lvseg.pages.environment import environment

    pages = environment(Path(__file__).parent)
    kind, sign, verdict, meaning = _VERDICTS[result.assessment.verdict]
    picture = montage.draw(result)
    html = pages.get_template("study.html").render(
        result=result,
        kind=kind,
        sign=sign,
        verdict=verdict,
        meaning=meaning,
        volumes=_volumes(result),
        facts=_facts(result),
        quality=[_quality(name, value) for name, value in result.assessment.quality.items()],
        curve=volume_curve(result.measurements),
        field={"width": WIDTH, "height": HEIGHT},
        montage=picture,
        picture=f"data:image/webp;base64,{base64.b64encode(picture.webp).decode()}",
        marks={result.measurements.es_phase: "ES", result.measurements.ed_phase: "ED"},
    )
    write_text(path, html)


def _quality(name: str, value: float) -> str:
    """Return a number behind the verdict as people read it, such as `base covered: yes`; see `_QUALITY`."""
    words, unit = _QUALITY.get(name, (name.replace("_", " "), ""))
    if unit == _YES_NO and math.isfinite(value):
        return f"{words}: {'yes' if value else 'no'}"
    if unit in (_SHARE, _PERCENT):
        return f"{words}: {_figure(100 * value if unit == _SHARE else value, ' %')}"
    return f"{words}: {_figure(value, decimals=0 if float(value).is_integer() else 2)}"


def _volumes(result: StudyResult) -> dict[str, tuple[str, str, str]]:
    """Return what was measured, by its short name: value, unit, and what it is; dashes where all masks are empty."""
    measurements = result.measurements
    values = {
        "EF": (measurements.ef_percent, "%", "ejection fraction"),
        "EDV": (measurements.edv_ml, "ml", "end-diastolic volume"),
        "ESV": (measurements.esv_ml, "ml", "end-systolic volume"),
        "SV": (measurements.sv_ml, "ml", "stroke volume"),
    }
    segmented = bool(result.masks.any())
    return {
        name: (_figure(value if segmented else math.nan), unit, words)
        for name, (value, unit, words) in values.items()
    }


def _facts(result: StudyResult) -> dict[str, str]:
    """Return where the volumes were taken and what the images are like, by the words of the page."""
    cine, measurements = result.cine, result.measurements
    rows, columns = result.masks.shape[1:]
    high, wide = cine.spacing_mm
    a_minute = f" ({_MS_PER_MINUTE / cine.beat_ms:.0f} a minute)" if cine.beat_ms > 0 else ""
    return {
        "end-diastole": _phase(measurements.ed_phase, measurements.time_ms),
        "end-systole": _phase(measurements.es_phase, measurements.time_ms),
        "heart beat": _figure(cine.beat_ms, " ms") + a_minute,
        "slices × phases": f"{cine.slices} × {cine.phases}",
        "slice distance": _figure(cine.distance_mm, " mm", 1),
        "slice thickness": _figure(cine.thickness_mm, " mm", 1),
        "pixel spacing": f"{_figure(high, decimals=2)} × {_figure(wide, ' mm', 2)}" if high > 0 else _UNKNOWN,
        "matrix": f"{rows} × {columns}",
    }


def _phase(phase: int | None, time_ms: NDArray[np.float64]) -> str:
    """Return a phase and, where it is known, its time."""
    if phase is None:
        return _UNKNOWN
    time = _figure(float(time_ms[phase - 1]), " ms")
    return f"phase {phase}" + ("" if time == _UNKNOWN else f", {time}")


def _figure(value: float, unit: str = "", decimals: int = 0) -> str:
    """Return a number with its unit; a dash alone for what is unknown."""
    return f"{value:,.{decimals}f}{unit}" if math.isfinite(value) else _UNKNOWN
