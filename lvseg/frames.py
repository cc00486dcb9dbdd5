"""The contoured frames that an evaluation compares with, one at a time."""

from dataclasses import dataclass

import numpy as np

from lvseg import shards
from lvseg.dataset import Example
from lvseg.errors import UserError
from lvseg.outline import area


@dataclass(frozen=True)
class Frame:
    """A contoured frame and what an expert drew on it.

    Attributes:
        image: (H, W), original type.
        endo: (H, W) uint8, 1 inside the endocardium.
        contour: (n, 2) float64, the endocardium: x (column) and y (row) in pixels.
        epi_contour: (m, 2) float64, the epicardium, or None where it was not drawn.
        spacing_mm: (2,) float64, between rows and between columns.
        slice_distance_mm: from slice to slice, thickness and gap together; NaN where the source does not say.
    """

    image: np.ndarray
    endo: np.ndarray
    contour: np.ndarray
    epi_contour: np.ndarray | None
    spacing_mm: np.ndarray
    slice_distance_mm: float


def load(example: Example) -> Frame:
    """Read one example."""
    shard = shards.read(example.shard)
    epi = _contour(shard, example.frame, "ocontour")
    endo = _contour(shard, example.frame, "icontour")
    if endo is None:
        raise UserError(
            f"{example.shard}, frame {example.frame}: a mask without contour: run `dvc repro extract`"
        )
    return Frame(
        image=np.asarray(shard.pixels[example.frame]),
        endo=np.asarray(shard.endo[example.mask]),
        contour=endo,
        epi_contour=epi,
        spacing_mm=shard.spacing_mm,
        slice_distance_mm=float(shard.thickness_mm + np.nan_to_num(shard.gap_mm)),
    )


def _contour(shard: shards.Shard, frame: int, kind: str) -> np.ndarray | None:
    """Return the largest contour of a kind on a frame."""
    own = np.flatnonzero((shard.contour_frame == frame) & (shard.contour_kind == kind))
    return max((shard.contour(int(i)) for i in own), key=lambda line: abs(area(line)), default=None)
