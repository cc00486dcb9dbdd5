"""Stacks from what studies and training data are kept as."""

import numpy as np

from lvseg.data.shards import Shard
from lvseg.dicom.stacks.alignment import placements_of_affines
from lvseg.dicom.stacks.cine import Cine
from lvseg.inference.segmentation import Stack


def stack_of_cine(cine: Cine) -> Stack:
    """Return the frames of a study."""
    slices, phases = range(1, cine.slices + 1), range(1, cine.phases + 1)
    return Stack(
        pixels=cine.pixels,
        spacing_mm=cine.spacing_mm,
        slices=np.array([frame.slice for frame in cine.frames], np.int64),
        at=np.array([[cine.at[s, p] for p in phases] for s in slices], np.int64),
        placements=cine.placements,
    )


def stack_of_shard(shard: Shard) -> Stack:
    """Return the frames of a patient of the training data; left-out numbers of slices and phases are closed up."""
    numbers, slices = np.unique(shard.slice, return_inverse=True)
    phases, phase = np.unique(shard.phase, return_inverse=True)
    at = np.full((len(numbers), len(phases)), -1, np.int64)
    at[slices, phase] = np.arange(len(shard.pixels))
    first = np.array([np.flatnonzero(slices == number)[0] for number in range(len(numbers))])
    shape = (shard.pixels.shape[1], shard.pixels.shape[2])
    return Stack(
        pixels=shard.pixels,
        spacing_mm=shard.spacing,
        slices=slices.astype(np.int64) + 1,
        at=at,
        placements=placements_of_affines(shard.affine[first], shape) if shard.spacing.known else None,
    )
