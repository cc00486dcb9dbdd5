"""How far a segmentation depends on the way in which the frames are shown."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lvseg.inference.segmentation import Segmentation, Stack
from lvseg.inference.segmenter import VIEWS, Segmenter
from lvseg.inference.stacks import segment

_MIRRORED_AND_TURNED = VIEWS[
    5
]  # by a quarter: of all views the one that shares least with the frame as it is


def augmentation_disagreement(
    segmenter: Segmenter, stack: Stack, segmentation: Segmentation, phases: Sequence[int]
) -> float:
    """Return how much of the cavity moves when the frames are shown mirrored and turned by a quarter, in percent.

    Each slice is shown again in one of the phases, taken in turn: a sample that costs little. Those that are taken for
    the atrium do not count, for it takes a beat to tell it.

    Args:
        segmenter: that made the segmentation.
        stack: what was segmented, every slice in every phase.
        segmentation: of all its frames.
        phases: from 1, such as end-diastole and end-systole.

    Returns:
        The share of their pixels that the two segmentations do not have in common (100 - Dice); NaN where both are
        empty, or without phases.
    """
    if not phases:
        return float("nan")
    slices = np.arange(len(stack.at))
    shown = stack.at[slices, np.array(phases)[(slices + 1) % len(phases)] - 1]
    sample = replace(stack, pixels=stack.pixels[shown], slices=slices + 1, at=slices[:, np.newaxis])
    counted = ~np.isin(slices + 1, segmentation.atrial)
    first = segmentation.masks[shown[counted]].astype(bool)
    second = segment(segmenter, sample, [_MIRRORED_AND_TURNED]).masks[counted].astype(bool)
    total = int(first.sum() + second.sum())
    return 100 * (1 - 2 * int((first & second).sum()) / total) if total else float("nan")
