"""Slices beyond the base: they show the left atrium, which a network takes for the ventricle at times.

The atrium fills while the ventricle empties. So a slice at the wide end of the stack whose area is larger at
end-systole than at end-diastole is no ventricle. At the other end the same is a sign of an aneurysm, and is kept.
"""

from dataclasses import replace

import numpy as np

from lvseg.dicom.cine import Cine
from lvseg.studies.analysis.drawing import Drawing
from lvseg.studies.analysis.measurements import measure

_LEAST = 3  # slices that must be left to tell the ventricle's beat from


def without_atrium(cine: Cine, drawn: Drawing) -> tuple[Cine, Drawing]:
    """Return a segmented cine without the masks of slices that show the atrium, and with a note of each."""
    for _ in range(cine.slices):
        number = _atrial(cine, drawn)
        if not number:
            break
        note = f"Slice {number} fills while the ventricle empties: it shows the atrium and counts nothing."
        cine = replace(cine, notes=(*cine.notes, note))
        drawn = _without(cine, drawn, number)
    return cine, drawn


def _atrial(cine: Cine, drawn: Drawing) -> int:
    """Return the number of the slice at the wide end if it shows the atrium, else 0."""
    measured = measure(cine, drawn)
    ed, es = (measured.area_mm2[:, phase - 1] for phase in (measured.ed_phase, measured.es_phase))
    held = np.flatnonzero(measured.area_mm2.any(axis=1))
    if not measured.ed_phase or len(held) <= _LEAST:
        return 0
    end = int(held[-1] if ed[held[-2:]].sum() > ed[held[:2]].sum() else held[0])
    return end + 1 if es[end] > ed[end] else 0


def _without(cine: Cine, drawn: Drawing, number: int) -> Drawing:
    """Return masks and contours without those of one slice."""
    other = np.array([frame.slice != number for frame in cine.frames])
    contours = tuple(line if keep else None for line, keep in zip(drawn.contours, other, strict=True))
    return Drawing(drawn.masks * other[:, np.newaxis, np.newaxis].astype(np.uint8), contours)
