"""Slices beyond the base: they show the left atrium, which a network takes for the ventricle at times.

The atrium fills while the ventricle empties. So a slice at the wide end of the stack whose area is larger at
end-systole than at end-diastole is no ventricle. At the other end the same is a sign of an aneurysm, and is kept.
"""

from dataclasses import replace

import numpy as np

from lvseg.dicom.stacks.cine import Cine
from lvseg.studies.analysis.measurements import measure
from lvseg.studies.analysis.segmentation import Segmentation

_FEWEST_SLICES = 3  # that must be left to tell the ventricle's beat from
_END_SLICES = 2  # at either end, whose areas tell which end is the wide one


def without_atrial_slices(cine: Cine, segmentation: Segmentation) -> tuple[Cine, Segmentation]:
    """Return a cine and its segmentation without the masks of slices that show the atrium.

    Returns:
        The cine, with a note on each of these slices, and the masks and contours of the others.
    """
    for _ in range(cine.slices):
        slice_ = _atrial_slice(cine, segmentation)
        if slice_ is None:
            break
        note = f"Slice {slice_} fills while the ventricle empties: it shows the atrium and counts nothing."
        cine = replace(cine, notes=(*cine.notes, note))
        segmentation = _without_slice(cine, segmentation, slice_)
    return cine, segmentation


def _atrial_slice(cine: Cine, segmentation: Segmentation) -> int | None:
    """Return the number of the slice at the wide end if it shows the atrium, else None."""
    measurements = measure(cine, segmentation.contours)
    segmented = np.flatnonzero(measurements.area_mm2.any(axis=1))
    if measurements.ed_phase is None or measurements.es_phase is None or len(segmented) <= _FEWEST_SLICES:
        return None
    ed = measurements.area_mm2[:, measurements.ed_phase - 1]
    es = measurements.area_mm2[:, measurements.es_phase - 1]
    widens = ed[segmented[-_END_SLICES:]].sum() > ed[segmented[:_END_SLICES]].sum()
    end = int(segmented[-1] if widens else segmented[0])
    return end + 1 if es[end] > ed[end] else None


def _without_slice(cine: Cine, segmentation: Segmentation, slice_: int) -> Segmentation:
    """Return masks and contours without those of one slice."""
    other = np.array([frame.slice != slice_ for frame in cine.frames])
    contours = tuple(line if keep else None for line, keep in zip(segmentation.contours, other, strict=True))
    return Segmentation(segmentation.masks * other[:, np.newaxis, np.newaxis].astype(np.uint8), contours)
