"""Stacks from what studies and training data are kept as."""

import numpy as np

from lvseg.data.shards import Shard
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
    slices = shard.order.astype(np.int64)
    phases, phase = np.unique(shard.phase, return_inverse=True)
    at = np.full((slices.max(), len(phases)), -1, np.int64)
    at[slices - 1, phase] = np.arange(len(shard.pixels))
    return Stack(
        pixels=shard.pixels,
        spacing_mm=shard.spacing,
        slices=slices,
        at=at,
        placements=shard.space.placements,
    )
