"""From outlines to volumes over the beat, end-diastole, end-systole and ejection fraction.

The volume at a phase is the sum over the slices of area x height. A slice reaches half the way to each of its
neighbours, so that a missing one is filled from both sides, and half the usual distance beyond the ends of the stack.
In contrast to the rule for contours (`lvseg.metrics.volumes`) a slice that is empty at one phase counts as empty: the
base moves towards the apex in systole and leaves the upper slices.
"""

import numpy as np

from lvseg.dicom.cine import Cine
from lvseg.imaging.outline import area
from lvseg.studies.analysis.drawing import Drawing
from lvseg.studies.analysis.result import Measurements

_MM3_PER_ML = 1000.0


def measure(cine: Cine, drawn: Drawing) -> Measurements:
    """Return the measurements of a segmented cine; NaN where pixel size or slice distance are unknown."""
    pixel_mm2 = float(np.prod(cine.spacing_mm))
    areas = [0.0 if line is None else abs(area(line)) for line in drawn.contours]
    by_slice = np.array(
        [[areas[cine.at[s, p]] for p in range(1, cine.phases + 1)] for s in range(1, cine.slices + 1)]
    )
    curve = heights_mm(cine) @ by_slice  # in pixels x mm: phases can be told without a pixel size
    ed = es = 0
    if cine.phases > 1 and curve.any() and np.isfinite(curve).all():
        # Not smoothed: systole is steeper than diastole, so that smoothing would shift both ends.
        ed, es = int(curve.argmax()) + 1, int(curve.argmin()) + 1
    # One slice has an area, and no volume.
    volume = curve * (pixel_mm2 if cine.slices > 1 else np.nan) / _MM3_PER_ML
    return Measurements(
        area_mm2=by_slice * pixel_mm2,
        volume_ml=volume,
        time_ms=cine.times_ms,
        ed_phase=ed,
        es_phase=es,
        edv_ml=float(volume[ed - 1]) if ed else float("nan"),
        esv_ml=float(volume[es - 1]) if es else float("nan"),
    )


def heights_mm(cine: Cine) -> np.ndarray:
    """Return (S,) how much of the heart each slice stands for, in mm; NaN where the distance is unknown."""
    steps = np.diff(cine.depths_mm)
    if not steps.all():  # positions are unknown
        steps = np.full(steps.shape, cine.distance_mm)
    ends = np.concatenate([[cine.distance_mm], steps, [cine.distance_mm]])
    return np.asarray((ends[:-1] + ends[1:]) / 2)
