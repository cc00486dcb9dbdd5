"""What is written of one study into its folder."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lvseg.core.archives import SetAside
from lvseg.core.files import write_text
from lvseg.studies.analysis.result import FAILED, ModelFacts, StudyResult

RECORD = "measurements.json"


@dataclass(frozen=True)
class Outputs:
    """What is written beside measurements, report and movie.

    Attributes:
        all_phases: the segmentation object holds every phase; else end-diastole and end-systole.
        nifti: also the masks as NIfTI.
        contours: also the contours as text, in Sunnybrook's form.
    """

    all_phases: bool
    nifti: bool
    contours: bool


def write(folder: Path, result: StudyResult, aside: Sequence[SetAside], outputs: Outputs) -> dict[str, Any]:
    """Write all outputs of a study into an empty folder, and return its record."""
    from lvseg.studies.outputs import contours_text, dicom_seg, movie, nifti, study_page

    measured = result.measurements
    ends = sorted({phase for phase in (measured.ed_phase, measured.es_phase) if phase})
    phases = range(1, result.cine.phases + 1) if outputs.all_phases else ends
    fault = dicom_seg.write(folder / "segmentation.dcm", result, list(phases))
    study_page.write(folder / "report.html", result)
    movie.write(folder / "cine.webp", result)
    if outputs.nifti:
        nifti.write(folder / "segmentation.nii.gz", result)
    if outputs.contours:
        contours_text.write(folder / "contours", result)
    facts = record(result, aside) | {"segmentation_missing": fault}
    write_record(folder, facts)
    return facts


def record(result: StudyResult, aside: Sequence[SetAside]) -> dict[str, Any]:
    """Return what `measurements.json` says; it names no patient, and unknown values are None."""
    cine, measured = result.cine, result.measurements
    return {
        "study": result.name,
        "verdict": result.assessment.verdict,
        "reasons": list(result.assessment.reasons),
        "edv_ml": _number(measured.edv_ml),
        "esv_ml": _number(measured.esv_ml),
        "sv_ml": _number(measured.sv_ml),
        "ef_percent": _number(measured.ef_percent),
        "ed_phase": measured.ed_phase or None,
        "es_phase": measured.es_phase or None,
        "volume_ml": [_number(value) for value in measured.volume_ml],
        "time_ms": [_number(value) for value in measured.time_ms],
        "area_mm2": [[_number(value) for value in row] for row in measured.area_mm2],
        "quality": {name: _number(value) for name, value in result.assessment.quality.items()},
        "cine": {
            "series": cine.series,
            "why": cine.why,
            "others": list(cine.others),
            "notes": list(cine.notes),
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
        },
        "set_aside": _counted(aside),
        "model": _model(result.model),
    }


def failure(name: str, reason: str, aside: Sequence[SetAside], model: ModelFacts) -> dict[str, Any]:
    """Return the record of a study that could not be segmented."""
    return {
        "study": name,
        "verdict": FAILED,
        "reasons": [reason],
        "set_aside": _counted(aside),
        "model": _model(model),
    }


def write_record(folder: Path, facts: dict[str, Any]) -> None:
    """Write `measurements.json`: the same facts give the same bytes."""
    write_text(folder / RECORD, json.dumps(facts, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """Return what `measurements.json` of a study's folder says."""
    content: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return content


def _counted(aside: Sequence[SetAside]) -> dict[str, int]:
    """Return how many files were set aside for each reason; their names may name the patient."""
    return dict(sorted(Counter(entry.reason for entry in aside).items()))


def _model(facts: ModelFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "version": facts.version or None,
        "weights_sha256": facts.weights,
        "code": facts.code,
    }


def _number(value: float) -> float | None:
    """Return a number to three decimals, None where it is unknown."""
    return round(float(value), 3) + 0.0 if np.isfinite(value) else None
