"""From a stack of frames to a label map and outlines on each: the one way that evaluation, studies and servers go.

What one frame cannot know is decided by the stack: one body of each structure through slices and beat
(`lvseg.inference.bodies`), and that a slice beyond the base shows the atrium, not the ventricle.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lvseg.dicom.stacks.alignment import Placement
from lvseg.imaging.drawn_stack import DrawnStack
from lvseg.imaging.outline import area
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure
from lvseg.inference.bodies import OnFirst
from lvseg.inference.segmenter import VIEWS, Drawn, Prediction, Segmenter

AT_ONCE = 16  # frames that the network is shown at once: more are no faster on a CPU
_FEWEST_SLICES = 3  # that must be left to tell the ventricle's beat from
_END_SLICES = 2  # at either end, whose areas tell which end is the wide one
# Of the area at end-diastole: an atrium fills by more, a wall that hardly moves by less.
_FILLS = 1.2
_MOST_ATRIAL = 2  # slices: a stack seldom goes on for more beyond the base


@dataclass(frozen=True)
class Stack:
    """N frames of one examination, in any order.

    Attributes:
        pixels: (N, H, W) of any real type.
        spacing_mm: of the pixels; NaN where the source does not say.
        slices: (N,) number of the slice of each frame, 1 to S.
        at: (S, T) index of the frame that shows each slice in each phase, -1 where there is none.
        placements: (S,) how each slice lies to the first in the plane; None where all lie straight behind it.
    """

    pixels: NDArray[np.generic]
    spacing_mm: Spacing
    slices: NDArray[np.int64]
    at: NDArray[np.int64]
    placements: Sequence[Placement] | None = None


@dataclass(frozen=True)
class Segmentation(DrawnStack):
    """What a network draws on the frames of a stack.

    Attributes:
        margins: (H, W) of the cavity on the frames for which they were asked, by their index.
        atrial: numbers of the slices that are left empty, because they fill while the ventricle empties.
    """

    margins: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    atrial: tuple[int, ...] = ()

    def drawn(self, frame: int) -> Drawn:
        """Return what is drawn on one frame."""
        return Drawn(
            self.labels[frame], {structure: lines[frame] for structure, lines in self.outlines.items()}
        )

    def prediction(self, frame: int) -> Prediction:
        """Return what is drawn on one frame for which margins were asked."""
        drawn = self.drawn(frame)
        return Prediction(drawn.labels, drawn.outlines, self.margins[frame])


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
    margins = _margins(segmenter, stack, VIEWS[: segmenter.views] if views is None else views, batch_size)
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
    at end-systole than at end-diastole is no ventricle. At the other end the same is a sign of an aneurysm, and is
    kept; the apex may be the wide end then, so what hardly fills is kept too.
    """
    areas = np.array([0.0 if line is None else abs(area(line)) for line in segmentation.contours])
    by_slice = np.where(stack.at >= 0, areas[stack.at], np.nan)
    atrial: list[int] = []
    while len(atrial) < _MOST_ATRIAL and (slice_ := _atrial_slice(by_slice)) is not None:
        atrial.append(slice_)
        by_slice[slice_ - 1] = 0
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


def _atrial_slice(areas: NDArray[np.float64]) -> int | None:
    """Return the number of the slice at the wide end if it shows the atrium, else None; areas are (S, T)."""
    segmented = np.flatnonzero((np.nan_to_num(areas) > 0).any(axis=1))
    curve = np.nansum(areas, axis=0)
    if len(segmented) <= _FEWEST_SLICES or not curve.any():
        return None
    ed, es = areas[:, curve.argmax()], areas[:, curve.argmin()]
    first, last = np.nansum(ed[segmented[:_END_SLICES]]), np.nansum(ed[segmented[-_END_SLICES:]])
    end = int(segmented[-1] if last > first else segmented[0])
    return end + 1 if es[end] > _FILLS * ed[end] else None
