"""From the frames of a cine to the ventricle's mask and outline on each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from lvseg.dicom.cine import Cine
from lvseg.inference.segmenter import VIEWS, Prediction, Segmenter
from lvseg.studies.analysis.ventricle import regions

_BATCH = 16  # frames
_BORDER = 8  # grid points around a region, more than a pixel of the frame measures
_NOTHING = np.float32(1e-3)
_OTHER_VIEW = 5  # of VIEWS: mirrored and turned by a quarter


@dataclass(frozen=True)
class Drawing:
    """What the network drew.

    Attributes:
        masks: (N, H, W) uint8, 1 in the cavity.
        contours: (N,) outline (n, 2) of each mask, x and y in pixels; None where it is empty.
    """

    masks: np.ndarray
    contours: tuple[np.ndarray | None, ...]


def draw(segmenter: Segmenter, cine: Cine) -> Drawing:
    """Segment all frames of a cine, in batches across slices and phases."""
    margins = _margins(segmenter, cine, range(len(cine.frames)), VIEWS[: segmenter.views])
    found = regions(margins, np.array([frame.slice for frame in cine.frames]))
    masks = np.zeros(cine.pixels.shape, np.uint8)
    contours: list[np.ndarray | None] = []
    for margin, region, mask in zip(margins, found, masks, strict=True):
        if not region.any():
            contours.append(None)
            continue
        own = _restored(segmenter, cine, margin, region)
        mask[:] = own > 0
        contours.append(Prediction(mask, own).contour())
    return Drawing(masks, tuple(contours))


def disagreement(segmenter: Segmenter, cine: Cine, drawn: Drawing, phases: tuple[int, ...]) -> float:
    """Return how far the masks of some phases move when the frames are shown mirrored and turned.

    Each slice is looked at again in one of the phases, taken in turn: a sample that costs little. The share of their
    pixels, in percent, that the two drawings do not have in common (100 - Dice); NaN where neither drew anything.
    """
    shown = [cine.at[number, phases[number % len(phases)]] for number in range(1, cine.slices + 1)]
    margins = _margins(segmenter, cine, shown, [VIEWS[_OTHER_VIEW]])
    found = regions(margins, np.array([cine.frames[i].slice for i in shown]))
    common = total = 0
    for position, margin, region in zip(shown, margins, found, strict=True):
        mask = drawn.masks[position].astype(bool)
        own = _restored(segmenter, cine, margin, region) > 0
        common += int((mask & own).sum())
        total += int(mask.sum() + own.sum())
    return 100 * (1 - 2 * common / total) if total else float("nan")


def _margins(
    segmenter: Segmenter, cine: Cine, shown: Sequence[int], views: Sequence[tuple[int, bool]]
) -> np.ndarray:
    """Return the margins of frames on the network's grid, (n, size, size)."""
    parts = [list(shown[start : start + _BATCH]) for start in range(0, len(shown), _BATCH)]

    def ready(part: list[int]) -> np.ndarray:
        return segmenter.batch([cine.pixels[i] for i in part], [cine.spacing_mm] * len(part))

    with ThreadPoolExecutor(1) as ahead:  # the next frames are made ready while the network looks at these
        return np.concatenate([segmenter.margins(batch, views) for batch in ahead.map(ready, parts)])


def _restored(segmenter: Segmenter, cine: Cine, margin: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Return a margin on the frame's own grid (H, W), above 0 in one region only, its holes included."""
    if not region.any():
        return np.full(cine.pixels.shape[1:], -_NOTHING)
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    top, left = max(int(rows[0]) - _BORDER, 0), max(int(columns[0]) - _BORDER, 0)
    part = slice(top, int(rows[-1]) + _BORDER), slice(left, int(columns[-1]) + _BORDER)
    own = np.where(region[part], np.maximum(margin[part], _NOTHING), np.minimum(margin[part], -_NOTHING))
    return segmenter.grid.restored(
        own, cine.pixels.shape[1:], cine.spacing_mm, beyond=-float(_NOTHING), corner=(top, left)
    )
