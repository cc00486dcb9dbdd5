"""The frames that an evaluation looks at, one at a time."""

import math
from dataclasses import dataclass

import numpy as np

from lvseg.core.errors import UserError
from lvseg.data import shards
from lvseg.data.examples import Example
from lvseg.imaging.outline import area
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure


@dataclass(frozen=True)
class DrawnFrame:
    """A frame with a label map: what an expert drew on it.

    Attributes:
        image: (H, W), original type.
        spacing_mm: of its pixels; NaN where the source does not say.
        labels: (H, W) uint8, the numbers of `Structure`.
        known: (3,) bool, the structures that were drawn here, or are stated to be absent.
        contour: (n, 2) float64, the endocardium: x (column) and y (row) in pixels; without points where there is none.
        epi_contour: (m, 2) float64, the epicardium, or None where it was not drawn.
        slice_distance_mm: from slice to slice, thickness and gap together; NaN where the source does not say.
    """

    image: np.ndarray
    spacing_mm: Spacing
    labels: np.ndarray
    known: np.ndarray
    contour: np.ndarray
    epi_contour: np.ndarray | None
    slice_distance_mm: float

    @property
    def endo(self) -> np.ndarray:
        """(H, W) uint8, 1 inside the endocardium."""
        return np.asarray(self.labels == Structure.CAVITY, np.uint8)


def load(example: Example) -> DrawnFrame:
    """Return the frame of an example, read from its shard: pixels, label map and contours.

    Raises:
        UserError: the shard is missing or damaged.
    """
    shard = shards.read(example.shard)
    epi = _contour(shard, example.frame, "ocontour")
    endo = _contour(shard, example.frame, "icontour")
    if endo is None and not example.cavity:
        endo = np.zeros((0, 2))
    if endo is None:
        raise UserError(
            f"{example.shard}, frame {example.frame}: a mask without contour: run `dvc repro extract`"
        )
    return DrawnFrame(
        image=np.asarray(shard.pixels[example.frame]),
        labels=np.asarray(shard.labels[example.mask]),
        known=shard.known[example.mask],
        contour=endo,
        epi_contour=epi,
        spacing_mm=shard.spacing,
        slice_distance_mm=slice_distance(shard),
    )


def _contour(shard: shards.Shard, frame: int, kind: str) -> np.ndarray | None:
    """Return the largest contour of a kind on a frame."""
    indices = np.flatnonzero((shard.contour_frame == frame) & (shard.contour_kind == kind))
    return max((shard.contour(int(i)) for i in indices), key=lambda line: abs(area(line)), default=None)


def slice_distance(shard: shards.Shard) -> float:
    """Return the distance from slice to slice in mm: thickness and gap, or else the positions of the slices.

    NaN where the source says neither.
    """
    stated = float(shard.thickness_mm + shard.gap_mm)
    if not np.isnan(stated):
        return stated
    numbers, first = np.unique(shard.slice, return_index=True)
    steps = np.linalg.norm(np.diff(shard.affine[first, :3, 3], axis=0), axis=1)
    steps = steps[(np.diff(numbers) == 1) & (steps > 0)]
    return float(np.median(steps)) if steps.size else math.nan
