"""What a heart looks like to a model: how alike a study is to the patients that the model learnt from.

Ranges of sizes and volumes (`lvseg.data.ranges`) do not tell a ventricle from what only passes for one, nor from noise.
What surrounds a cavity does: how much of its contrast is fine, middling and coarse structure, how far blood stands out
from what lies around it, how sharp its border is, and how much changes between end-diastole and end-systole. All of it
is relative to the grey values around the cavity and in millimetres, so that scale, matrix and pixel size count little.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lvseg.data import shards
from lvseg.imaging.boxes import Box
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure
from lvseg.imaging.types import Floats, Mask, Pixels

FEATURES = ("finest", "fine", "middling", "coarse", "grey", "contrast", "evenness", "sharpness", "change")
_BANDS_MM = (
    0.7,
    1.4,
    2.8,
    5.6,
    11.2,
)  # standard deviations of the Gaussians between which structure is measured
_AROUND_MM = 30.0  # on each side of the cavity
_RING_MM = (3.0, 12.0)  # from the cavity: muscle, and what lies behind it
_PERCENTILES = (1, 99)  # of the grey values around the cavity: black and white
_LEAST_AREA_MM2 = 150.0  # of a cavity that is looked at: smaller ones are all border
_FEWEST = 5  # patients, below which nobody knows what is usual
# The least spread of a feature, as a share of one: a handful of alike patients would call every other one strange.
_LEAST_SPREAD = 0.1
_SHRINKAGE = 0.3  # of correlations towards none (docs/predict.md has what other values gave)
_LEAST_LIMIT = 2.0  # standard deviations
_MARGIN = 1.5  # times the distance of the training patient that is least like the others


@dataclass(frozen=True)
class Pair:
    """One slice at end-diastole and end-systole.

    Attributes:
        ed: (H, W) values of any real type.
        es: the same; None where it is not known.
        mask: (H, W) the cavity at end-diastole.
        spacing: of the pixels.
    """

    ed: Pixels
    es: Pixels | None
    mask: Mask
    spacing: Spacing


@dataclass(frozen=True)
class Likeness:
    """What the patients of a training look like.

    Attributes:
        mean: (F,) of each of `FEATURES`, over patients.
        spread: (F,) the standard deviation of each.
        precision: (F, F) inverse of the correlations, which are drawn towards none: patients are few.
        limit: the distance beyond which a study is unlike all of them.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    precision: NDArray[np.float64]
    limit: float

    @classmethod
    def of(cls, patients: Iterable[Sequence[float]]) -> "Likeness | None":
        """Return the likeness of some patients, by their features; None where they are too few."""
        known = np.array([features for features in patients if np.isfinite(features).all()])
        if len(known) < _FEWEST:
            return None
        # Each against the others: a patient is like himself.
        apart = [
            cls._fitted(np.delete(known, index, axis=0)).distance(features)
            for index, features in enumerate(known)
        ]
        return replace(cls._fitted(known), limit=max(_LEAST_LIMIT, _MARGIN * max(apart)))

    @classmethod
    def _fitted(cls, known: NDArray[np.float64]) -> "Likeness":
        """Return the likeness of patients (n, F), without a limit."""
        mean, spread = known.mean(axis=0), np.maximum(known.std(axis=0, ddof=1), _LEAST_SPREAD)
        apart = (known - mean) / spread
        correlation = apart.T @ apart / (len(known) - 1)
        drawn = (1 - _SHRINKAGE) * correlation + _SHRINKAGE * np.eye(len(mean))
        return cls(mean, spread, np.linalg.inv(drawn), math.inf)

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Likeness":
        """Return the likeness that `written` gave as JSON values."""
        mean, spread, precision = (np.array(content[name], float) for name in ("mean", "spread", "precision"))
        return cls(mean, spread, precision, float(content["limit"]))

    def written(self) -> dict[str, Any]:
        """Return the likeness as JSON values, which `read` takes."""
        return {
            "mean": self.mean.round(5).tolist(),
            "spread": self.spread.round(5).tolist(),
            "precision": self.precision.round(5).tolist(),
            "limit": round(self.limit, 4),
        }

    def distance(self, features: Sequence[float]) -> float:
        """Return how far features lie from the mean, in standard deviations (Mahalanobis); NaN where one is unknown."""
        apart = (np.array(features) - self.mean) / self.spread
        return float(np.sqrt(apart @ self.precision @ apart / len(apart)))

    def strange(self, features: Sequence[float]) -> list[str]:
        """Return a sentence where a study is unlike all training patients; nothing where that cannot be told."""
        distance = self.distance(features)
        if not distance > self.limit:
            return []
        apart = np.abs(np.array(features) - self.mean) / self.spread
        return [
            f"Unlike the training data: the images look {distance:.1f} standard deviations away from it, at most "
            f"{self.limit:.1f} are usual; most in {_WORDS[FEATURES[int(apart.argmax())]]}."
        ]


_WORDS = {
    "finest": "the finest structure, such as noise",
    "fine": "fine structure",
    "middling": "middling structure",
    "coarse": "coarse structure",
    "grey": "the grey around the cavity",
    "contrast": "the contrast of blood",
    "evenness": "the evenness of blood",
    "sharpness": "the sharpness of the cavity's border",
    "change": "what changes over the beat",
}


def features_of(pairs: Iterable[Pair]) -> tuple[float, ...]:
    """Return the features of a patient, the median over slices; NaN where no slice shows enough of a cavity."""
    of_slices = [features for pair in pairs if (features := _of_slice(pair)) is not None]
    if not of_slices:
        return (math.nan,) * len(FEATURES)
    return tuple(float(value) for value in np.nanmedian(np.array(of_slices), axis=0))


def of_shard(path: Path) -> tuple[float, ...]:
    """Return the features of one patient of the training data, by the expert's contours."""
    shard = shards.read(path)
    at = {
        (int(shard.slice[frame]), str(cycle)): (int(frame), index)
        for index, (frame, cycle) in enumerate(zip(shard.label_frame, shard.cycle, strict=True))
    }
    pairs = []
    for (slice_, cycle), (frame, index) in at.items():
        if cycle == "ED":
            other = at.get((slice_, "ES"))
            es = None if other is None else np.asarray(shard.pixels[other[0]])
            mask = shard.mask(index, Structure.CAVITY)
            pairs.append(Pair(np.asarray(shard.pixels[frame]), es, mask, shard.spacing))
    return features_of(pairs)


def learnt_from(paths: Iterable[Path]) -> dict[str, Any]:
    """Return what `run.json` keeps of the patients of some shards: their number, the synthetic ones, their likeness."""
    known = sorted(paths)
    alike = Likeness.of([of_shard(path) for path in known])
    return {
        "patients": len(known),
        "synthetic": sum(shards.read(path).synthetic for path in known),
        "likeness": alike.written() if alike else None,
    }


def _of_slice(pair: Pair) -> tuple[float, ...] | None:
    box = Box.of_mask(pair.mask)
    if box is None or not pair.spacing.known or pair.mask.sum() * pair.spacing.pixel_mm2 < _LEAST_AREA_MM2:
        return None
    box = box.widened(round(_AROUND_MM / min(pair.spacing))).clipped(pair.mask.shape)
    inside = pair.mask[box.slices].astype(bool)
    black, white = np.percentile(pair.ed[box.slices].astype(np.float32), _PERCENTILES)
    if not white > black:
        return None
    seen = _scaled(pair.ed[box.slices], black, white)
    bands = [ndimage.gaussian_filter(seen, [sigma / mm for mm in pair.spacing]) for sigma in _BANDS_MM]
    structure = [math.log(float(np.std(one - two)) + 1e-4) for one, two in pairwise(bands)]
    away = ndimage.distance_transform_edt(~inside, sampling=tuple(pair.spacing))
    ring = (away >= _RING_MM[0]) & (away <= _RING_MM[1])
    if not ring.any():
        return None
    contrast = float(seen[inside].mean() - seen[ring].mean())
    border = (away > 0) & (away <= 1.5 * max(pair.spacing))
    slope = np.hypot(*np.gradient(bands[1], *pair.spacing))
    change = math.nan
    if pair.es is not None:
        change = math.log(float(np.abs(_scaled(pair.es[box.slices], black, white) - seen).mean()) + 1e-3)
    return (
        *structure,
        float(np.median(seen)),
        contrast,
        float(seen[inside].std()),
        float(slope[border].mean()) * 10,
        change,
    )


def _scaled(image: Pixels, black: float, white: float) -> Floats:
    scaled: Floats = np.clip((image.astype(np.float32) - black) / (white - black), 0, 1)
    return scaled
