"""The ranges of the training patients, kept with a model: what is unlike them, nobody tried.

A network that normalises each image and works on a grid in mm bears other scanners, but not every one. What a scanner
and a body decide is compared: how bright blood and fat are against the rest, the size of pixels and image, the
distance of slices, and the volumes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lvseg.data import shards
from lvseg.data.drawn_frames import slice_distance
from lvseg.imaging.structures import Structure
from lvseg.metrics.volumes import volumes

# Of the range to either side, and of the nearest value: a few patients do not show the whole range.
_MARGIN = 0.5
_FRAMES = 24  # that the brightness is taken from
# What is compared, in words, with its unit.
WORDS = {
    "bright_share": ("share of the brightest half of the scale", "%"),
    "middle_grey": ("median grey within the scale", "%"),
    "pixel_mm": ("pixel size", "mm"),
    "field_mm": ("field of view", "mm"),
    "distance_mm": ("distance of slices", "mm"),
    "edv_ml": ("end-diastolic volume", "ml"),
    "ef_percent": ("ejection fraction", "%"),
}


def brightness(pixels: np.ndarray) -> dict[str, float]:
    """Return what the grey values of frames (n, H, W) of one study look like, whatever their scale, in percent."""
    shown = pixels[:: max(len(pixels) // _FRAMES, 1)].astype(np.float32)
    low, middle, high = np.percentile(shown, (1, 50, 99.5))
    if high <= low:
        return {"bright_share": math.nan, "middle_grey": math.nan}
    return {
        "bright_share": 100 * float((shown > (low + high) / 2).mean()),
        "middle_grey": 100 * float((middle - low) / (high - low)),
    }


def geometry(shape: tuple[int, int], spacing_mm: Sequence[float], distance_mm: float) -> dict[str, float]:
    """Return pixel size, field of view and distance of slices in mm; `shape` is rows and columns."""
    return {
        "pixel_mm": float(max(spacing_mm)),
        "field_mm": float(max(shape[0] * spacing_mm[0], shape[1] * spacing_mm[1])),
        "distance_mm": float(distance_mm),
    }


@dataclass(frozen=True)
class DataRanges:
    """The lowest and highest value of the training patients, by the names of `WORDS`."""

    ranges: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, patients: Iterable[Mapping[str, float]]) -> "DataRanges":
        """Return the ranges over patients; a value that no patient has is left out."""
        known = list(patients)
        values = {name: [p[name] for p in known if name in p and math.isfinite(p[name])] for name in WORDS}
        return cls({name: (min(numbers), max(numbers)) for name, numbers in values.items() if numbers})

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "DataRanges":
        """Return the ranges that `written` gave as JSON values."""
        return cls({name: (float(low), float(high)) for name, (low, high) in content.items()})

    def written(self) -> dict[str, list[float]]:
        """Return the ranges as JSON values."""
        return {name: [round(low, 4), round(high, 4)] for name, (low, high) in sorted(self.ranges.items())}

    def outside(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the values that lie far from all training patients."""
        far = {}
        for name, (low, high) in self.ranges.items():
            value = values.get(name, math.nan)
            if value < low - _reach(low, high, low) or value > high + _reach(low, high, high):
                far[name] = value
        return far

    def strange(self, values: Mapping[str, float]) -> list[str]:
        """Return a sentence for each value that lies far from all training patients."""
        sentences = []
        for name, value in self.outside(values).items():
            (low, high), (words, unit) = self.ranges[name], WORDS[name]
            sentences.append(
                f"Unlike the training data: {words} {value:.3g} {unit}, there {low:.3g} to {high:.3g}."
            )
        return sentences


def _reach(low: float, high: float, near: float) -> float:
    return _MARGIN * max(high - low, abs(near) * _MARGIN)


def of_shards(paths: Iterable[Path]) -> DataRanges:
    """Return the ranges over the patients of some shards."""
    return DataRanges.of([_of_patient(path) for path in sorted(paths)])


def _of_patient(path: Path) -> dict[str, float]:
    """Return the values of one shard that are compared, by the names of `WORDS`; volumes from the expert's contours."""
    shard = shards.read(path)
    distance = slice_distance(shard)
    values = brightness(shard.pixels[shard.label_frame]) if len(shard.label_frame) else {}
    rows, columns = shard.pixels.shape[1:]
    spacing = (float(shard.spacing_mm[0]), float(shard.spacing_mm[1]))
    areas: dict[str, dict[int, float]] = {"ED": {}, "ES": {}, "": {}}
    for index, (frame, cycle) in enumerate(zip(shard.label_frame, shard.cycle, strict=True)):
        cavity = shard.mask(index, Structure.CAVITY)
        areas[str(cycle)][int(shard.slice[frame])] = float(cavity.sum()) * spacing[0] * spacing[1]
    drawn = volumes(areas["ED"], areas["ES"], distance)
    return (
        values
        | geometry((rows, columns), spacing, distance)
        | {
            "edv_ml": drawn.edv_ml or math.nan,
            "ef_percent": drawn.ef_percent,
        }
    )
