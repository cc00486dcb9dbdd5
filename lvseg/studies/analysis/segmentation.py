"""From the frames of a cine to the mask and the outline of the cavity on each.

A margin is what the network says of a pixel: logit(cavity) - logit(background), above 0 where it takes it for cavity
(`lvseg.inference.segmenter`). Everything here works on margins, because their outline is finer than that of a mask.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvseg.dicom.stacks.cine import Cine
from lvseg.imaging.boxes import Box
from lvseg.inference.segmenter import VIEWS, Prediction, Segmenter
from lvseg.studies.analysis.ventricle_regions import OnFirst, ventricle_regions

_BATCH = 16  # frames that the network is shown at once: more are no faster on a CPU
_BORDER = 8  # grid points kept around a region: more than a pixel of any frame measures
# A margin that says no more than its sign: of pixels that the choice of one region takes away or fills.
_SIGN_ONLY = np.float32(1e-3)
_MIRRORED_AND_TURNED = VIEWS[
    5
]  # by a quarter: of all views the one that shares least with the frame as it is


@dataclass(frozen=True)
class Segmentation:
    """The predicted cavity on each of N frames.

    Attributes:
        masks: (N, H, W) uint8, 1 in the cavity.
        contours: (N,) outline (n, 2) of each mask, x (column) and y (row) in pixels; None where the mask is empty.
    """

    masks: NDArray[np.uint8]
    contours: tuple[NDArray[np.float64] | None, ...]


def segment(segmenter: Segmenter, cine: Cine) -> Segmentation:
    """Segment all frames of a cine, in batches across slices and phases, with the model's test-time augmentation."""
    margins = _margins(segmenter, cine, range(len(cine.frames)), VIEWS[: segmenter.views])
    regions = ventricle_regions(
        margins, np.array([frame.slice for frame in cine.frames]), _on_first(segmenter, cine)
    )
    masks = np.zeros(cine.pixels.shape, np.uint8)
    contours: list[NDArray[np.float64] | None] = []
    for margin, region, mask in zip(margins, regions, masks, strict=True):
        if not region.any():
            contours.append(None)
            continue
        frame_margin = _on_frame(segmenter, cine, margin, region)
        mask[:] = frame_margin > 0
        contours.append(Prediction(mask, frame_margin).contour())
    return Segmentation(masks, tuple(contours))


def augmentation_disagreement(
    segmenter: Segmenter, cine: Cine, segmentation: Segmentation, phases: Sequence[int]
) -> float:
    """Return how much of the cavity moves when the frames are shown mirrored and turned by a quarter, in percent.

    Each slice is shown again in one of the phases, taken in turn: a sample that costs little.

    Args:
        segmenter: that made the segmentation.
        cine: what was segmented.
        segmentation: of all its frames.
        phases: from 1, such as end-diastole and end-systole.

    Returns:
        The share of their pixels that the two segmentations do not have in common (100 - Dice); NaN where both are
        empty, or without phases.
    """
    if not phases:
        return float("nan")
    positions = [cine.at[slice_, phases[slice_ % len(phases)]] for slice_ in range(1, cine.slices + 1)]
    margins = _margins(segmenter, cine, positions, [_MIRRORED_AND_TURNED])
    regions = ventricle_regions(
        margins, np.array([cine.frames[i].slice for i in positions]), _on_first(segmenter, cine)
    )
    common = total = 0
    for position, margin, region in zip(positions, margins, regions, strict=True):
        mask = segmentation.masks[position].astype(bool)
        augmented = _on_frame(segmenter, cine, margin, region) > 0
        common += int((mask & augmented).sum())
        total += int(mask.sum() + augmented.sum())
    return 100 * (1 - 2 * common / total) if total else float("nan")


def _margins(
    segmenter: Segmenter, cine: Cine, positions: Sequence[int], views: Sequence[tuple[int, bool]]
) -> NDArray[np.float32]:
    """Return the margins of the frames at some positions on the network's grid, (n, size, size)."""
    parts = [list(positions[start : start + _BATCH]) for start in range(0, len(positions), _BATCH)]

    def on_grid(part: list[int]) -> NDArray[np.float32]:
        return segmenter.batch([cine.pixels[i] for i in part], [cine.spacing_mm] * len(part))

    with ThreadPoolExecutor(1) as ahead:  # the next frames are made ready while the network looks at these
        return np.concatenate([segmenter.margins(batch, views) for batch in ahead.map(on_grid, parts)])


def _on_first(segmenter: Segmenter, cine: Cine) -> list[OnFirst] | None:
    """Return how the network's grid of each slice lies on that of the first; None where all are one."""
    if cine.placements is None:
        return None
    shape = (cine.pixels.shape[1], cine.pixels.shape[2])
    points_per_mm = np.array(segmenter.grid.steps(shape, cine.spacing_mm)) / cine.spacing_mm
    scale = np.diag(points_per_mm)
    return [
        OnFirst(scale @ one.matrix @ np.linalg.inv(scale), scale @ one.offset_mm) for one in cine.placements
    ]


def _on_frame(
    segmenter: Segmenter, cine: Cine, margin: NDArray[np.float32], region: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return a margin on the frame's own pixels (H, W), above 0 in one region only, its holes included.

    Args:
        segmenter: that gave the margin.
        cine: that the frame belongs to.
        margin: (size, size) on the network's grid.
        region: (size, size), where the ventricle is.
    """
    shape = (cine.pixels.shape[1], cine.pixels.shape[2])
    box = Box.of_mask(region)
    if box is None:
        return np.full(shape, -_SIGN_ONLY)
    box = box.widened(_BORDER).clipped(region.shape)
    part = box.slices
    chosen = np.where(
        region[part], np.maximum(margin[part], _SIGN_ONLY), np.minimum(margin[part], -_SIGN_ONLY)
    )
    return segmenter.grid.restored(
        chosen, shape, cine.spacing_mm, beyond=-float(_SIGN_ONLY), corner=(box.top, box.left)
    )
