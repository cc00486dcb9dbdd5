"""A patient whose images and labels are NIfTI files, in numbers and words, as `lvseg inspect` gives him."""

from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from lvseg.core.archives import SetAside, UnreadableError
from lvseg.imaging.structures import Structure
from lvseg.labels.sources.nifti import Volume, read_volume
from lvseg.labels.sources.nifti_layouts import NiftiPatient


def nifti_facts(patient: NiftiPatient) -> tuple[dict[str, Any], list[SetAside]]:
    """Return the facts of one patient as JSON values, with the keys of `summarise` and a few more.

    Returns:
        The facts, to which belong `structures` (frames on which each is known), `phases_drawn`, `unmapped` (labels that
        no structure is known for, and how often they occur), `notes` and `vendor`; and the files that were set aside.
    """
    reading = patient.read({})
    aside, volumes = list(reading.aside), list[Volume]()
    for item in [drawn.image for drawn in patient.drawn if drawn.image] + patient.images:
        try:
            volumes.append(read_volume(item))
        except UnreadableError as error:
            aside.append(SetAside(item.label, str(error)))
    # Where all phases lie in one file, others hold phases of it once more.
    cine = max(volumes, key=lambda volume: volume.shape[3], default=None)
    counted = [cine] if cine and cine.shape[3] > 1 else volumes
    known = Counter(structure for found in reading.maps for structure in found.known)
    notes = list(reading.notes)
    if patient.ed is None or patient.es is None:
        notes.append("nothing says which phases are end-diastole and end-systole")
    first = (patient.images or [drawn.labels for drawn in patient.drawn])[0]
    facts = {
        "id": patient.id,
        "group": patient.group,
        "vendor": patient.vendor,
        "series": "NIfTI",
        "why": f"files named as in {patient.layout}",
        "source": str(PurePosixPath(first.label).parent),
        "rescaled_to_8_bit": False,
        "other_series": {},
        "frames": sum(volume.shape[2] * volume.shape[3] for volume in counted),
        "slices": max((volume.shape[2] for volume in volumes), default=0),
        "phases": sum(volume.shape[3] for volume in counted),
        "spacing_mm": list(counted[0].spacing[:2]) if counted else None,
        "contours": {},
        "contours_joined": 0,
        "ed_phase": patient.ed,
        "es_phase": patient.es,
        "flags": {},
        "evidence": {},
        "duplicates": [],
        "structures": {structure.name.lower(): known[structure] for structure in Structure},
        "phases_drawn": sorted({found.phase for found in reading.maps}),
        "unmapped": dict(reading.unmapped),
        "notes": notes,
    }
    return facts, aside
