"""A second, closer look at the heart that the first look found.

The first look finds the heart in the whole image. The second one sees nothing but the heart, always in the middle, on a
finer grid and in its own brightness, which leaves the network less to tell apart. As a heart stays where it is while it
beats, a few phases tell where.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lvseg.dicom.stacks.alignment import Placement
from lvseg.imaging.boxes import Box
from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing
from lvseg.inference.segmentation import Segmentation, Stack
from lvseg.inference.segmenter import SURELY_OUTSIDE

_PHASES = 4  # of a beat, evenly apart, that tell where the heart lies
_STRAIGHT = Placement(np.eye(2), np.zeros(2))


def sample(stack: Stack) -> Stack:
    """Return the frames of a few phases of a stack, of every slice."""
    at = stack.at[:, np.unique(np.arange(_PHASES) * stack.at.shape[1] // _PHASES)]
    unseen = (at < 0).all(axis=1)
    at[unseen, 0] = stack.at[unseen].max(axis=1)  # slices that these phases do not show
    frames = np.unique(at[at >= 0])
    at = np.where(at >= 0, np.searchsorted(frames, at), -1)
    return replace(stack, pixels=stack.pixels[frames], slices=stack.slices[frames], at=at)


@dataclass(frozen=True)
class Windows:
    """What the second look sees of each frame.

    Attributes:
        boxes: (S,) of each slice, all of one size; they may reach beyond the images.
        slices: (N,) number of the slice of each frame.
        shape: H and W of the images.
        spacing_mm: of their pixels; where unknown, what the first look took it for.
        placements: as `Stack` has them, of the windows.
    """

    boxes: Sequence[Box]
    slices: NDArray[np.int64]
    shape: tuple[int, int]
    spacing_mm: Spacing
    placements: Sequence[Placement] | None

    def cut(self, stack: Stack) -> Stack:
        """Return what the windows show of a stack; beyond its images it is as dark as they are."""
        pixels = np.empty((len(stack.pixels), *self.boxes[0].shape), stack.pixels.dtype)
        for frame, image in enumerate(stack.pixels):
            of_image, of_window = self._parts(frame)
            pixels[frame] = image.min()
            pixels[frame][of_window] = image[of_image]
        return replace(stack, pixels=pixels, spacing_mm=self.spacing_mm, placements=self.placements)

    def put_back(self, seen: Segmentation) -> Segmentation:
        """Return what was drawn in the windows, on the whole images."""
        labels = np.zeros((len(seen.labels), *self.shape), np.uint8)
        margins = {frame: np.full(self.shape, SURELY_OUTSIDE, np.float32) for frame in seen.margins}
        for frame, of_frame in enumerate(labels):
            of_image, of_window = self._parts(frame)
            of_frame[of_image] = seen.labels[frame][of_window]
            if frame in margins:
                margins[frame][of_image] = seen.margins[frame][of_window]
        corners = [np.array([self.boxes[s - 1].left, self.boxes[s - 1].top]) for s in self.slices]
        outlines = {
            structure: tuple(
                None if line is None else line + corner for line, corner in zip(lines, corners, strict=True)
            )
            for structure, lines in seen.outlines.items()
        }
        return replace(seen, labels=labels, outlines=outlines, margins=margins)

    def _parts(self, frame: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return where image and window of a frame overlap, on either."""
        box = self.boxes[self.slices[frame] - 1]
        shown = box.clipped(self.shape)
        (top, left), (rows, columns) = (shown.top - box.top, shown.left - box.left), shown.shape
        return shown.slices, (slice(top, top + rows), slice(left, left + columns))


def windows(stack: Stack, seen: Stack, first: Segmentation, grid: Grid, closer: Grid) -> Windows | None:
    """Return what the second look sees; None where the first one found no heart.

    Args:
        stack: all frames.
        seen: those of the first look.
        first: what it drew on them.
        grid: of the first look.
        closer: of the second.
    """
    shape = (stack.pixels.shape[1], stack.pixels.shape[2])
    middle = (np.array(shape) - 1) / 2
    pixel_mm = np.array([(grid.spacing_mm or 1.0) * step for step in grid.steps(shape, stack.spacing_mm)])
    placed = stack.placements or [_STRAIGHT] * len(stack.at)
    found = [
        placed[slice_ - 1].on_first((np.argwhere(mask) - middle) * pixel_mm)
        for slice_, mask in zip(seen.slices, first.masks, strict=True)
    ]
    points = np.concatenate(found)
    if not len(points):
        return None
    centre = points.mean(axis=0)
    reach = closer.size * (closer.spacing_mm or 1.0) / pixel_mm
    size = [math.ceil(length) for length in reach]
    boxes = []
    for one in placed:
        pixel = middle + one.from_first(centre[np.newaxis])[0] / pixel_mm
        top, left = (round(float(p) - (n - 1) / 2) for p, n in zip(pixel, size, strict=True))
        boxes.append(Box(top, left, top + size[0], left + size[1]))
    off = [(np.array([b.top + b.bottom - 1, b.left + b.right - 1]) / 2 - middle) * pixel_mm for b in boxes]
    moved = [
        Placement(one.matrix, one.offset_mm + one.matrix @ by - off[0])
        for one, by in zip(placed, off, strict=True)
    ]
    spacing = Spacing(float(pixel_mm[0]), float(pixel_mm[1]))
    return Windows(boxes, stack.slices, shape, spacing, moved if stack.placements else None)
