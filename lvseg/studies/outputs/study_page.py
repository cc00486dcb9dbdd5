"""The page on one study that a person reads: one HTML file with its pictures inside, one A4 page in print."""

import base64
import math
from pathlib import Path

import numpy as np

from lvseg.core.files import write_text
from lvseg.studies.analysis.result import FAILED, LOOK, OK, StudyResult
from lvseg.studies.outputs import curve, montage

_VERDICTS = {
    OK: ("ok", "✓", "OK", "The checks found nothing odd."),
    LOOK: ("look", "!", "Look at it", "Look at the contours before you use the numbers."),
    FAILED: ("failed", "✕", "Failed", "There is no ejection fraction."),
}
_UNKNOWN = "–"


def write(path: Path, result: StudyResult) -> None:
    """Write the page; what is unknown is a dash.

    Args:
        path: of the HTML file.
        result: the study.
    """
    from lvseg.pages.environment import environment

    pages = environment(Path(__file__).parent)
    kind, sign, verdict, meaning = _VERDICTS[result.assessment.verdict]
    found = bool(result.masks.any())
    drawn = montage.draw(result)
    html = pages.get_template("study.html").render(
        result=result,
        kind=kind,
        sign=sign,
        verdict=verdict,
        meaning=meaning,
        volumes=_volumes(result, found),
        facts=_facts(result),
        quality={
            name.replace("_", " "): _figure(value, decimals=0 if float(value).is_integer() else 2)
            for name, value in result.assessment.quality.items()
        },
        curve=curve.curve(result.measurements),
        field={"width": curve.WIDTH, "height": curve.HEIGHT},
        montage=drawn,
        picture=f"data:image/webp;base64,{base64.b64encode(drawn.webp).decode()}",
        marks={result.measurements.es_phase: "ES", result.measurements.ed_phase: "ED"},
    )
    write_text(path, html)


def _volumes(result: StudyResult, found: bool) -> dict[str, tuple[str, str, str]]:
    """Return what was measured, by its short name: value, unit, and what it is."""
    own = result.measurements
    values = {
        "EF": (own.ef_percent, "%", "ejection fraction"),
        "EDV": (own.edv_ml, "ml", "end-diastolic volume"),
        "ESV": (own.esv_ml, "ml", "end-systolic volume"),
        "SV": (own.sv_ml, "ml", "stroke volume"),
    }
    return {
        name: (_figure(value if found else math.nan), unit, words)
        for name, (value, unit, words) in values.items()
    }


def _facts(result: StudyResult) -> dict[str, str]:
    """Return where the volumes were taken and what the images are like."""
    cine, own = result.cine, result.measurements
    rows, columns = result.masks.shape[1:]
    high, wide = cine.spacing_mm
    return {
        "end-diastole": _phase(own.ed_phase, own.time_ms),
        "end-systole": _phase(own.es_phase, own.time_ms),
        "heart beat": _figure(cine.beat_ms, " ms")
        + (f" ({60_000 / cine.beat_ms:.0f} a minute)" if cine.beat_ms > 0 else ""),
        "slices × phases": f"{cine.slices} × {cine.phases}",
        "slice distance": _figure(cine.distance_mm, " mm", 1),
        "slice thickness": _figure(cine.thickness_mm, " mm", 1),
        "pixel spacing": f"{_figure(high, decimals=2)} × {_figure(wide, ' mm', 2)}" if high > 0 else _UNKNOWN,
        "matrix": f"{rows} × {columns}",
    }


def _phase(phase: int, time_ms: np.ndarray) -> str:
    """Return a phase and, where it is known, its time."""
    if not phase:
        return _UNKNOWN
    time = _figure(float(time_ms[phase - 1]), " ms")
    return f"phase {phase}" + ("" if time == _UNKNOWN else f", {time}")


def _figure(value: float, unit: str = "", decimals: int = 0) -> str:
    """Return a number with its unit; a dash alone for what is unknown."""
    return f"{value:,.{decimals}f}{unit}" if math.isfinite(value) else _UNKNOWN
