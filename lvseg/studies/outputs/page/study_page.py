"""The page on one study that a person reads: one HTML file with its pictures inside, one A4 page in print."""

import base64
import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvseg.core.paths.files import write_text
from lvseg.imaging.structures import Structure
from lvseg.studies.analysis.assessment import FAILED, LOOK, OK
from lvseg.studies.analysis.healthy import SOURCE, healthy
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs.dicom.source_headers import study_date
from lvseg.studies.outputs.page import montage, movie, tiles
from lvseg.studies.outputs.page.volume_curve import HEIGHT, WIDTH, volume_curve

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


# Of each measure: its short name, unit and decimals. The first four are shown large as well.
_MEASURES = {
    "ef_percent": ("LV EF", "%", 0),
    "edv_ml": ("LV EDV", "ml", 0),
    "esv_ml": ("LV ESV", "ml", 0),
    "sv_ml": ("LV SV", "ml", 0),
    "cardiac_output_l_min": ("cardiac output", "l/min", 1),
    "mass_g": ("LV mass at ED", "g", 0),
    "rv_ef_percent": ("RV EF", "%", 0),
    "rv_edv_ml": ("RV EDV", "ml", 0),
    "rv_esv_ml": ("RV ESV", "ml", 0),
    "rv_sv_ml": ("RV SV", "ml", 0),
}
_LARGE = 4
# Of each structure: what its line is called on the page.
_LINES = {
    Structure.CAVITY: "endocardium of the left ventricle",
    Structure.MYOCARDIUM: "epicardium",
    Structure.RIGHT_VENTRICLE: "right ventricle",
}


@dataclass(frozen=True)
class Row:
    """One line of the table of measures, in words; what is unknown is empty."""

    name: str
    value: str
    per_m2: str
    error: str
    healthy: str


def write(path: Path, result: StudyResult, film: bytes | None = None, dates: bool = False) -> None:
    """Write the page; what is unknown is a dash.

    Args:
        path: of the HTML file.
        result: the study.
        film: the beating heart as an animated WebP, to stand in the page.
        dates: the page says when the patient was examined, and when it was made.
    """
    from lvseg.pages.environment import environment

    pages = environment(Path(__file__).parent)
    kind, sign, verdict, meaning = _VERDICTS[result.assessment.verdict]
    picture, large = montage.draw(result), montage.close_ups(result)
    measurements = result.measurements
    html = pages.get_template("study.html").render(
        result=result,
        kind=kind,
        sign=sign,
        verdict=verdict,
        meaning=meaning,
        volumes=_volumes(result),
        facts=_facts(result) | (_dates(result) if dates else {}),
        quality=[_quality(name, value) for name, value in result.assessment.quality.items()],
        curve=volume_curve(result.measurements),
        field={"width": WIDTH, "height": HEIGHT},
        rows=_rows(result),
        source=SOURCE,
        missing={_named(name): why for name, why in measurements.missing.items()},
        lines={
            _LINES[structure]: "#{:02x}{:02x}{:02x}".format(*tiles.COLOURS[structure])
            for structure in tiles.drawn_structures(result)
        },
        montage=picture,
        picture=_inside(picture.webp),
        large=large,
        closely=_inside(large.webp) if large else None,
        film=_inside(film) if film else None,
        film_size=movie.size(result),
        ends_known=measurements.base_first is not None,
        marks={measurements.es_phase: "ES", measurements.ed_phase: "ED"},
    )
    write_text(path, html)


def _inside(webp: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def _named(measure: str) -> str:
    """Return what a measure is called on the page."""
    words = {"surface_m2": "values per m²", "rv_edv_ml": "right ventricle", "mass_g": "LV mass"}
    return words.get(measure) or _MEASURES[measure][0]


def _rows(result: StudyResult) -> list[Row]:
    """Return the table of measures: those that are not shown large, and those of which more is known than a value."""
    measurements = result.measurements
    if not result.masks.any():
        return []
    errors = {error.measure: error for error in result.model.errors}
    rows = []
    for place, (measure, (name, unit, decimals)) in enumerate(_MEASURES.items()):
        value = getattr(measurements, measure)
        if not math.isfinite(value):
            continue
        indexed = measurements.per_surface.get(measure, math.nan)
        error = errors.get(measure)
        unit_of_error = "points" if unit == "%" else unit
        row = Row(
            name,
            _figure(value, f" {unit}", decimals),
            _figure(indexed, f" {unit}/m²", max(decimals, 1)) if math.isfinite(indexed) else "",
            f"{error.mean_absolute:.1f} {unit_of_error} ({error.patients} patients)" if error else "",
            # The one index that has a range means nothing without a body surface.
            healthy(measure, measurements.sex) if measure != "mass_g" or math.isfinite(indexed) else "",
        )
        if place >= _LARGE or row.per_m2 or row.error or row.healthy:
            rows.append(row)
    return rows


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


def _dates(result: StudyResult) -> dict[str, str]:
    """Return the days of the examination and of this analysis, by the words of the page."""
    examined = study_date(result.cine.frames[0].image.item)
    return {"examined": examined.isoformat() if examined else _UNKNOWN, "analysed": date.today().isoformat()}


def _phase(phase: int | None, time_ms: NDArray[np.float64]) -> str:
    """Return a phase and, where it is known, its time."""
    if phase is None:
        return _UNKNOWN
    time = _figure(float(time_ms[phase - 1]), " ms")
    return f"phase {phase}" + ("" if time == _UNKNOWN else f", {time}")


def _figure(value: float, unit: str = "", decimals: int = 0) -> str:
    """Return a number with its unit; a dash alone for what is unknown."""
    return f"{value:,.{decimals}f}{unit}" if math.isfinite(value) else _UNKNOWN
