"""Volumes from the whole cine, as a study gets them, against the expert's: what a user of the model meets.

The model chooses end-diastole and end-systole itself, over all frames that there are, and a slice that is empty at one
of them counts as empty. The rule of the 2009 challenge, which counts good contours in pairs, stands in `summaries`.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from lvseg.data.drawn_frames import slice_distance
from lvseg.data.shards import Shard
from lvseg.imaging.outline import area
from lvseg.imaging.structures import STRUCTURES, Structure
from lvseg.inference.segmentation import Segmentation, Stack
from lvseg.metrics.volumes import agreement, ejection_fraction, end_phases

_MM3_PER_ML = 1000.0
MEASURES = ("edv_ml", "esv_ml", "ef_percent")


def cine_volumes(shard: Shard, stack: Stack, segmentation: Segmentation) -> dict[str, float]:
    """Return `MEASURES` of one patient by the model and, with the prefix `reference_`, by the expert.

    NaN where the expert did not draw both phases, or lengths are unknown; the ejection fraction needs no lengths.
    """
    areas = np.array([0.0 if line is None else abs(area(line)) for line in segmentation.contours])
    curve = np.where(stack.at >= 0, areas[stack.at], 0.0).sum(axis=0)
    ends = end_phases(curve)
    model = (math.nan, math.nan) if ends is None else (float(curve[ends[0]]), float(curve[ends[1]]))
    scale = shard.spacing.pixel_mm2 * slice_distance(shard) / _MM3_PER_ML
    values: dict[str, float] = {}
    for prefix, (ed, es) in (("", model), ("reference_", (_drawn(shard, "ED"), _drawn(shard, "ES")))):
        fraction = ejection_fraction(ed, es)
        values |= {
            prefix + name: value
            for name, value in zip(MEASURES, (ed * scale, es * scale, fraction), strict=True)
        }
    return values


def _drawn(shard: Shard, cycle: str) -> float:
    """Return the pixels of the expert's cavity over the slices of one phase; NaN where none was drawn."""
    masks = np.flatnonzero((shard.cycle == cycle) & shard.known[:, STRUCTURES.index(Structure.CAVITY)])
    return (
        float(sum(shard.mask(int(mask), Structure.CAVITY).sum() for mask in masks))
        if masks.size
        else math.nan
    )


def agreements(patients: pd.DataFrame) -> dict[str, Any]:
    """Return how one model's volumes agree with the expert's, a row of `cine_volumes` for each patient."""
    compared = {
        name: agreement(patients[name].tolist(), patients[f"reference_{name}"].tolist()) for name in MEASURES
    }
    return {name: one.told() for name, one in compared.items()}
