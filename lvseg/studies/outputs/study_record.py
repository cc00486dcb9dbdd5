"""`measurements.json`: what is known of one study, as numbers and words that name no patient.

It holds no date, host or path: the same study and model give the same bytes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from lvseg.core.paths.archives import SetAside
from lvseg.core.paths.files import write_text
from lvseg.dicom.stacks.cine import Cine
from lvseg.studies.analysis.assessment import FAILED, Verdict
from lvseg.studies.analysis.result import ModelFacts, StudyResult

FILE_NAME = "measurements.json"
_DECIMALS = 3  # a microlitre, a micrometre, a thousandth of a percent


class ModelRecord(TypedDict):
    """The model of a study's record; `version` is None for a model from a folder.

    `experience` says in a sentence what it learnt from and how it did on others.
    """

    name: str
    version: str | None
    weights_sha256: str
    code: str
    experience: str


class CineRecord(TypedDict):
    """The cine of a study's record: which series it is and why, its size, and a hash of its pixels.

    Lengths are in mm, times in ms; what the source does not say is None. `affines` has a matrix (4, 4) for each slice,
    from (column, row, 0, 1) of a pixel's centre to patient coordinates: slices need not be parallel.
    """

    series: str
    why: str
    others: list[str]
    notes: list[str]
    affines: list[list[list[float]]]
    slices: int
    phases: int
    frames: int
    rows: int
    columns: int
    spacing_mm: list[float | None]
    depths_mm: list[float | None]
    distance_mm: float | None
    thickness_mm: float | None
    beat_ms: float | None
    pixels_sha256: str


class StudyRecord(TypedDict):
    """All that `measurements.json` says, by its keys; a study that could not be segmented has the first five alone.

    `mass_g` is of the left ventricle's wall at its end-diastole, without papillary muscles; the right ventricle
    (`rv_...`) is measured at the phases of the left one. `per_m2` has the measures for each square metre of the body's
    surface. `missing` says why a measure is None, `tested_error` how far off the model was on patients it had not seen,
    on average. Numbers have three decimals; the unknown is None. `segmentation_missing` says why there is no DICOM
    object, or is None where there is one. `set_aside` counts the files that were not used, by reason: their names may
    name the patient.
    """

    study: str
    verdict: Verdict
    reasons: list[str]
    set_aside: dict[str, int]
    model: ModelRecord
    edv_ml: NotRequired[float | None]
    esv_ml: NotRequired[float | None]
    sv_ml: NotRequired[float | None]
    ef_percent: NotRequired[float | None]
    cardiac_output_l_min: NotRequired[float | None]
    mass_g: NotRequired[float | None]
    rv_edv_ml: NotRequired[float | None]
    rv_esv_ml: NotRequired[float | None]
    rv_sv_ml: NotRequired[float | None]
    rv_ef_percent: NotRequired[float | None]
    surface_m2: NotRequired[float | None]
    per_m2: NotRequired[dict[str, float | None]]
    missing: NotRequired[dict[str, str]]
    tested_error: NotRequired[dict[str, float]]
    structures: NotRequired[list[str]]
    ed_phase: NotRequired[int | None]
    es_phase: NotRequired[int | None]
    volume_ml: NotRequired[list[float | None]]
    time_ms: NotRequired[list[float | None]]
    area_mm2: NotRequired[list[list[float | None]]]
    quality: NotRequired[dict[str, float | None]]
    cine: NotRequired[CineRecord]
    segmentation_missing: NotRequired[str | None]


def record_of(result: StudyResult, segmentation_missing: str | None) -> StudyRecord:
    """Return the record of a study.

    Args:
        result: the study.
        segmentation_missing: why there is no DICOM object, or None where there is one.
    """
    measurements = result.measurements
    return {
        "study": result.name,
        "verdict": result.assessment.verdict,
        "reasons": list(result.assessment.reasons),
        "edv_ml": _number(measurements.edv_ml),
        "esv_ml": _number(measurements.esv_ml),
        "sv_ml": _number(measurements.sv_ml),
        "ef_percent": _number(measurements.ef_percent),
        "cardiac_output_l_min": _number(measurements.cardiac_output_l_min),
        "mass_g": _number(measurements.mass_g),
        "rv_edv_ml": _number(measurements.rv_edv_ml),
        "rv_esv_ml": _number(measurements.rv_esv_ml),
        "rv_sv_ml": _number(measurements.rv_sv_ml),
        "rv_ef_percent": _number(measurements.rv_ef_percent),
        "surface_m2": _number(measurements.surface_m2),
        "per_m2": {name: _number(value) for name, value in measurements.per_surface.items()},
        "missing": dict(measurements.missing),
        "tested_error": {error.measure: error.mean_absolute for error in result.model.errors},
        "structures": [structure.key for structure in result.outlines],
        "ed_phase": measurements.ed_phase,
        "es_phase": measurements.es_phase,
        "volume_ml": [_number(value) for value in measurements.volume_ml],
        "time_ms": [_number(value) for value in measurements.time_ms],
        "area_mm2": [[_number(value) for value in row] for row in measurements.area_mm2],
        "quality": {name: _number(value) for name, value in result.assessment.quality.items()},
        "cine": _cine(result.cine),
        "set_aside": _counted(result.set_aside),
        "model": _model(result.model),
        "segmentation_missing": segmentation_missing,
    }


def record_of_failure(
    name: str, reason: str, set_aside: Sequence[SetAside], model: ModelFacts
) -> StudyRecord:
    """Return the record of a study that could not be segmented, for a reason that names no patient."""
    return {
        "study": name,
        "verdict": FAILED,
        "reasons": [reason],
        "set_aside": _counted(set_aside),
        "model": _model(model),
    }


def write_record(folder: Path, record: StudyRecord) -> None:
    """Write `measurements.json` into a study's folder: the same record gives the same bytes."""
    write_text(folder / FILE_NAME, json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_record(folder: Path) -> StudyRecord:
    """Return what `measurements.json` of a study's folder says.

    Raises:
        FileNotFoundError: there is none, or another process is about to write it again.
    """
    record: StudyRecord = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    return record


def _cine(cine: Cine) -> CineRecord:
    return {
        "series": cine.series,
        "why": cine.why,
        "others": list(cine.others),
        "notes": list(cine.notes),
        "affines": [
            cine.frames[cine.at[n, 1]].image.affine.round(6).tolist() for n in range(1, cine.slices + 1)
        ],
        "slices": cine.slices,
        "phases": cine.phases,
        "frames": len(cine.frames),
        "rows": cine.pixels.shape[1],
        "columns": cine.pixels.shape[2],
        "spacing_mm": [_number(value) for value in cine.spacing_mm],
        "depths_mm": [_number(value) for value in cine.depths_mm],
        "distance_mm": _number(cine.distance_mm),
        "thickness_mm": _number(cine.thickness_mm),
        "beat_ms": _number(cine.beat_ms),
        "pixels_sha256": hashlib.sha256(np.ascontiguousarray(cine.pixels).data).hexdigest(),
    }


def _model(facts: ModelFacts) -> ModelRecord:
    return {
        "name": facts.name,
        "version": facts.version or None,
        "weights_sha256": facts.weights,
        "code": facts.code,
        "experience": facts.experience,
    }


def _counted(set_aside: Sequence[SetAside]) -> dict[str, int]:
    """Return how many files were set aside for each reason."""
    return dict(sorted(Counter(file.reason for file in set_aside).items()))


def _number(value: float) -> float | None:
    """Return a number with `_DECIMALS`, never -0.0; None where it is unknown."""
    return round(float(value), _DECIMALS) + 0.0 if np.isfinite(value) else None
