"""From a stack of frames to a label map and outlines on each: the one way that evaluation, studies and servers go.

What one frame cannot know is decided by the stack: one body of each structure through slices and beat
(`lvseg.inference.bodies`), and that a slice beyond the base shows the atrium, not the ventricle.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.outline import area
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure
from lvseg.inference import second_look
from lvseg.inference.bodies import OnFirst
from lvseg.inference.segmentation import Segmentation, Stack
from lvseg.inference.segmenter import VIEWS, Prediction, Segmenter

AT_ONCE = 16  # frames that the network is shown at once: more are no faster on a CPU
_FEWEST_SLICES = 3  # that must be left to tell the ventricle's beat from
_END_SLICES = 2  # at either end, whose areas tell which end is the wide one
# Of the area at end-diastole: an atrium fills by more, a wall that hardly moves by less.
_FILLS = 1.2
# Both atria and the roots of the vessels, taken for one cavity, are larger than the slice before them by more than any
# ventricle (1.43 at most, as drawn on 60 patients of ACDC), and keep more of their area.
_LARGER, _KEEPS = 1.5, 0.9
_MOST_ATRIAL = 2  # slices: a stack seldom goes on for more beyond the base


def segment(
    segmenter: Segmenter,
    stack: Stack,
    views: Sequence[tuple[int, bool]] | None = None,
    margins_of: Collection[int] = (),
    batch_size: int = AT_ONCE,
) -> Segmentation:
    """Segment all frames of a stack, in batches across slices and phases.

    Args:
        segmenter: the trained network.
        stack: the frames.
        views: some of `VIEWS`; None for the test-time augmentation that the model was trained for.
        margins_of: indices of the frames whose margins are kept.
        batch_size: frames that the network is shown at once.

    Raises:
        ValueError: an image is empty, or holds NaN or infinity.
    """
    views = VIEWS[: segmenter.views] if views is None else views
    if segmenter.closer is not None:
        sample = second_look.sample(stack)
        first = _looked(segmenter, sample, VIEWS[:1], (), batch_size)
        windows = second_look.windows(stack, sample, first, segmenter.grid, segmenter.closer)
        if windows is not None:
            closer = replace(segmenter, grid=segmenter.closer)
            seen = _looked(closer, windows.cut(stack), views, margins_of, batch_size)
            return windows.put_back(seen)
    return _looked(segmenter, stack, views, margins_of, batch_size)


def segment_alone(segmenter: Segmenter, image: NDArray[np.generic], spacing_mm: Spacing) -> Prediction:
    """Segment a frame (H, W) that knows of no other: a stack of one.

    Raises:
        ValueError: as `segment`.
    """
    stack = Stack(image[np.newaxis], spacing_mm, np.ones(1, np.int64), np.zeros((1, 1), np.int64))
    return segment(segmenter, stack, margins_of=[0]).prediction(0)


def _looked(
    segmenter: Segmenter,
    stack: Stack,
    views: Sequence[tuple[int, bool]],
    margins_of: Collection[int],
    batch_size: int,
) -> Segmentation:
    """Return what the network draws when it looks at the square of its grid once."""
    margins = _margins(segmenter, stack, views, batch_size)
    regions = segmenter.regions(margins, stack.slices, _on_first(segmenter, stack))
    shape = (stack.pixels.shape[1], stack.pixels.shape[2])
    drawn = [segmenter.drawn(*frame, shape, stack.spacing_mm) for frame in zip(margins, regions, strict=True)]
    segmentation = Segmentation(
        np.stack([frame.labels for frame in drawn]),
        {
            structure: tuple(frame.outlines[structure] for frame in drawn)
            for structure in segmenter.structures
        },
        {frame: segmenter.on_pixels(margins[frame, 0], shape, stack.spacing_mm) for frame in margins_of},
    )
    return _without_atrium(stack, segmentation) if segmenter.one_region else segmentation


def _margins(
    segmenter: Segmenter, stack: Stack, views: Sequence[tuple[int, bool]], batch_size: int
) -> NDArray[np.float32]:
    """Return the margins of all frames on the network's grid, (N, C, size, size)."""
    count = len(stack.pixels)
    parts = [range(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]

    def on_grid(part: range) -> NDArray[np.float32]:
        return segmenter.batch([stack.pixels[i] for i in part], [stack.spacing_mm] * len(part))

    with ThreadPoolExecutor(1) as ahead:  # the next frames are made ready while the network looks at these
        return np.concatenate([segmenter.margins(batch, views) for batch in ahead.map(on_grid, parts)])


def _on_first(segmenter: Segmenter, stack: Stack) -> list[OnFirst] | None:
    """Return how the network's grid of each slice lies on that of the first; None where all are one."""
    if stack.placements is None:
        return None
    shape = (stack.pixels.shape[1], stack.pixels.shape[2])
    points_per_mm = np.array(segmenter.grid.steps(shape, stack.spacing_mm)) / stack.spacing_mm
    scale = np.diag(points_per_mm)
    return [
        OnFirst(scale @ one.matrix @ np.linalg.inv(scale), scale @ one.offset_mm) for one in stack.placements
    ]


def _without_atrium(stack: Stack, segmentation: Segmentation) -> Segmentation:
    """Take the left ventricle away from slices that show the left atrium, which a network takes for it at times.

    The atrium fills while the ventricle empties. So a slice at the wide end of the stack whose area is clearly larger
    at end-systole than at end-diastole is no ventricle; nor is one that is far larger than the next slice and does not
    empty. At the other end the same is a sign of an aneurysm, and is kept; the apex may be the wide end then, so what
    hardly fills is kept too.
    """
    areas = np.array([0.0 if line is None else abs(area(line)) for line in segmentation.contours])
    atrial = _atrial_slices(np.where(stack.at >= 0, areas[stack.at], np.nan))
    if not atrial:
        return segmentation
    empty = np.isin(stack.slices, atrial)
    outlines = {
        structure: lines
        if structure is Structure.RIGHT_VENTRICLE
        else tuple(None if nothing else line for line, nothing in zip(lines, empty, strict=True))
        for structure, lines in segmentation.outlines.items()
    }
    labels = segmentation.labels.copy()
    labels[empty[:, np.newaxis, np.newaxis] & (labels != Structure.RIGHT_VENTRICLE)] = 0
    return replace(segmentation, labels=labels, outlines=outlines, atrial=tuple(atrial))


def _atrial_slices(areas: NDArray[np.float64]) -> list[int]:
    """Return the numbers of the slices at the wide end that show the atrium; areas are (S, T), NaN without a frame."""
    found: list[int] = []
    wide_at_last: bool | None = None
    while len(found) < _MOST_ATRIAL:
        segmented = np.flatnonzero((np.nan_to_num(areas) > 0).any(axis=1))
        ed, es = _ends(areas, segmented)
        if len(segmented) <= _FEWEST_SLICES or np.nansum(ed) == np.nansum(es):  # too short, or without a beat
            break
        if wide_at_last is None:
            first, last = np.nansum(ed[segmented[:_END_SLICES]]), np.nansum(ed[segmented[-_END_SLICES:]])
            wide_at_last = bool(last > first)
        end, beside = segmented[[-1, -2]] if wide_at_last else segmented[[0, 1]]
        far_larger = ed[end] > _LARGER * ed[beside] and es[end] > _KEEPS * ed[end]
        if not (es[end] > _FILLS * ed[end] or far_larger):
            break
        found.append(int(end) + 1)
        areas = np.where(np.arange(len(areas))[:, np.newaxis] == end, 0.0, areas)
    return found


def _ends(
    areas: NDArray[np.float64], segmented: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the areas (S,) at end-diastole and at end-systole.

    A phase that lacks slices looks like end-systole: it counts only where fewer than two lack none.
    """
    whole = ~np.isnan(areas[segmented]).any(axis=0)
    if whole.sum() >= 2:
        areas = areas[:, whole]
    curve = np.nansum(areas, axis=0)
    return areas[:, curve.argmax()], areas[:, curve.argmin()]
