"""How far a study's measurements may be trusted: numbers, and a verdict in plain words.

`failed` is kept for studies without an ejection fraction; `look at it` means that a person should open the report
before using the numbers. The limits are choices, from what a heart can do: none was fitted to patients or to a model's
errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lvseg.dicom.stacks.cine import Cine
from lvseg.studies.analysis.measurements import Measurements, heights_mm

Verdict = Literal["ok", "look at it", "failed"]
OK: Verdict = "ok"
LOOK: Verdict = "look at it"
FAILED: Verdict = "failed"
NO_FILE = "There is no"  # begins the reason for each file that was promised and could not be written

# A last slice with less than this at end-diastole, a disc of 16 mm, ends the ventricle: at the usual distance the next
# slice lies beyond it.
_APEX_MM2 = 200.0
_JUMP = 0.6  # of the largest area of a slice at end-diastole; neighbours further apart are no smooth wall
# What clinics hardly ever see beyond.
_EF_PERCENT = (10.0, 80.0)
_EDV_ML = (35.0, 450.0)
_ROUGHNESS = 1.4  # of a volume curve; one beat, down and up again, has 1 and two beats have 2
# Of the beat, from end-diastole to end-systole: about a third at rest, up to a half in a fast heart.
_SYSTOLE = (0.15, 0.55)
_SAME_MOMENT = 0.1  # of the beat, within which two say the same end-diastole or end-systole
_FEWEST_PHASES = 8  # that tell when end-systole is
_SWING = 0.2  # of its largest area, from which on the beat of a slice is told from noise
_DISAGREEMENT_PERCENT = 15.0  # a Dice of 0.85 between the model and itself


@dataclass(frozen=True)
class Assessment:
    """How far the measurements may be trusted.

    Attributes:
        verdict: `ok`, `look at it` or `failed` (no ejection fraction).
        reasons: for a verdict other than ok, a plain sentence each.
        quality: numbers behind it by name, such as `slices_found`; NaN where there is none.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    quality: Mapping[str, float]


def assess(
    cine: Cine, measurements: Measurements, disagreement_percent: float, out_of_distribution: Sequence[str]
) -> Assessment:
    """Return verdict, reasons and quality of a measured cine.

    Args:
        cine: what was segmented.
        measurements: of that cine.
        disagreement_percent: under test-time augmentation, see `augmentation.augmentation_disagreement`.
        out_of_distribution: how the study differs from the training data, a sentence each, see `out_of_distribution`.
    """
    quality = _quality(cine, measurements) | {"disagreement_percent": disagreement_percent}
    if failures := _failures(cine, measurements):
        return Assessment(FAILED, tuple(failures), quality)
    named = _named_otherwise(cine, measurements)
    doubts = [*cine.doubts, *named, *_doubts(measurements, quality), *out_of_distribution]
    return Assessment(LOOK if doubts else OK, tuple(doubts), quality)


def lacking(assessment: Assessment, missing: Mapping[str, str | None]) -> Assessment:
    """Return an assessment that says which promised files are not there; a study without one is not `ok`.

    Args:
        assessment: of what was measured.
        missing: by the name of each file why it was not written, None where it was.
    """
    reasons = tuple(f"{NO_FILE} {name}: {why}." for name, why in missing.items() if why)
    if not reasons:
        return assessment
    verdict = LOOK if assessment.verdict == OK else assessment.verdict
    return Assessment(verdict, (*assessment.reasons, *reasons), assessment.quality)


def _failures(cine: Cine, measurements: Measurements) -> list[str]:
    """Return why there is no ejection fraction."""
    if not measurements.area_mm2.any() and not np.isnan(measurements.area_mm2).any():
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


def _named_otherwise(cine: Cine, measurements: Measurements) -> list[str]:
    """Return a sentence where files beside the images name another end-diastole and end-systole than were measured."""
    ends = measurements.ed_phase, measurements.es_phase
    if cine.named_ends is None or ends[0] is None or ends[1] is None:
        return []
    apart = [
        abs(named - found) for named, found in zip(cine.named_ends, ends, strict=True) if found is not None
    ]
    farthest = max(min(steps, cine.phases - steps) for steps in apart)
    if farthest <= _SAME_MOMENT * cine.phases:
        return []
    ed, es = cine.named_ends
    return [
        f"The files call phase {ed} end-diastole and phase {es} end-systole; the largest and smallest volumes, which "
        f"are measured, are those of phases {ends[0]} and {ends[1]}."
    ]


def _doubts(measurements: Measurements, quality: dict[str, float]) -> list[str]:
    """Return what a person should look at."""
    doubts = []
    ef, edv = measurements.ef_percent, measurements.edv_ml
    if not _EF_PERCENT[0] <= ef <= _EF_PERCENT[1]:
        doubts.append(f"An ejection fraction of {ef:.0f} % is hardly possible.")
    if not _EDV_ML[0] <= edv <= _EDV_ML[1]:
        doubts.append(f"An end-diastolic volume of {edv:.0f} ml is hardly possible.")
    if quality["slices_skipped"]:
        doubts.append(f"{quality['slices_skipped']:.0f} slices between segmented ones are empty.")
    if not quality["empty_beyond_base"]:
        doubts.append(
            "The cavity reaches the last slice at the base: the stack may end before it, volumes may be too small."
        )
    if not quality["empty_beyond_apex"] and quality["apex_mm2"] > _APEX_MM2:
        doubts.append(
            f"The last slice at the apex still shows {quality['apex_mm2']:.0f} mm2: the stack may end before the "
            "apex, volumes may be too small."
        )
    if not (np.isnan(quality["systole_share"]) or _SYSTOLE[0] <= quality["systole_share"] <= _SYSTOLE[1]):
        doubts.append(
            f"End-systole lies {100 * quality['systole_share']:.0f} % of a beat after end-diastole, which hardly "
            "ever is so."
        )
    for number in _flickering(measurements):
        doubts.append(f"The cavity in slice {number} comes and goes within the beat.")
    for number in _out_of_step(measurements):
        doubts.append(
            f"The cavity in slice {number} widens while the others narrow: its images may be those of other moments."
        )
    if quality["largest_jump"] > _JUMP:
        doubts.append(
            f"The area changes by {100 * quality['largest_jump']:.0f} % from one slice to the next."
        )
    if quality["curve_roughness"] > _ROUGHNESS:
        doubts.append("The volume goes up and down more than once a beat, or unevenly.")
    if quality["disagreement_percent"] > _DISAGREEMENT_PERCENT:
        doubts.append(
            f"Shown mirrored and turned, the network draws {quality['disagreement_percent']:.0f} % otherwise."
        )
    return doubts


def _quality(cine: Cine, measurements: Measurements) -> dict[str, float]:
    """Return the numbers behind the verdict, all but the disagreement; NaN where one cannot be told.

    `empty_beyond_base` and `empty_beyond_apex` are 1 where the stack goes on beyond that end of the ventricle;
    `apex_mm2` is the area of the last slice with a cavity at the apex; `systole_share` is the part of the beat from
    end-diastole to end-systole. `curve_roughness` is how far the volume moves over a beat, in times down and up again.
    """
    unknown = float("nan")
    quality = {
        "slices_found": float(cine.slices),
        "slices_segmented": float((measurements.area_mm2 > 0).any(axis=1).sum()),
        "slices_skipped": 0.0,
        "empty_beyond_base": unknown,
        "empty_beyond_apex": unknown,
        "apex_mm2": unknown,
        "systole_share": unknown,
        "largest_jump": unknown,
        "curve_roughness": unknown,
    }
    if measurements.ed_phase is None:
        return quality
    areas = measurements.area_mm2[:, measurements.ed_phase - 1]
    if np.isnan(areas).any() or not areas.any():
        return quality
    segmented = np.flatnonzero(areas)
    first, last = int(segmented[0]), int(segmented[-1])
    inner = areas[first : last + 1]
    quality["slices_skipped"] = float((inner == 0).sum())
    base, apex = (first, last) if measurements.base_first else (last, first)
    quality["empty_beyond_base"] = float(0 < base < cine.slices - 1)
    quality["empty_beyond_apex"] = float(0 < apex < cine.slices - 1)
    quality["apex_mm2"] = float(areas[apex])
    if cine.phases >= _FEWEST_PHASES and measurements.es_phase is not None:
        quality["systole_share"] = (measurements.es_phase - measurements.ed_phase) % cine.phases / cine.phases
    jumps = np.abs(np.diff(inner)) / areas.max()
    quality["largest_jump"] = float(jumps.max(initial=0.0))
    swing = float(np.ptp(measurements.volume_ml))
    if cine.phases > 2 and swing > 0:
        closed = np.diff(measurements.volume_ml, append=measurements.volume_ml[:1])
        quality["curve_roughness"] = float(np.abs(closed).sum() / (2 * swing))
    return quality


def _flickering(measurements: Measurements) -> list[int]:
    """Return the slices, from 1, whose cavity vanishes at another time than end-systole, when it is smallest."""
    flickering = []
    for number, areas in enumerate(measurements.area_mm2 > 0, 1):
        if areas.all() or not areas.any():
            continue
        gaps = int((areas & ~np.roll(areas, -1)).sum())  # how often it vanishes, the beat being closed
        es = measurements.es_phase
        if gaps > 1 or (es is not None and areas[es - 1]):
            flickering.append(number)
    return flickering


def _out_of_step(measurements: Measurements) -> list[int]:
    """Return the slices, from 1, whose area goes against that of all others together over the beat.

    Those at the ends of the ventricle are left out: the heart moves through them.
    """
    areas = measurements.area_mm2
    if areas.shape[1] < _FEWEST_PHASES or np.isnan(areas).any():
        return []
    found = []
    for index in np.flatnonzero(areas.any(axis=1))[1:-1]:
        own, others = areas[index], areas.sum(axis=0) - areas[index]
        against = float((own - own.mean()) @ (others - others.mean())) < 0
        if against and np.ptp(own) > _SWING * own.max() and np.ptp(others) > _SWING * others.max():
            found.append(int(index) + 1)
    return found
