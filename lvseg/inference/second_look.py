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

from lvseg.imaging.boxes import Box
from lvseg.imaging.grid import Grid, clip_limits
from lvseg.imaging.outline import area
from lvseg.imaging.placement import Placement, SlicesInSpace
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.types import Contour
from lvseg.inference.segmentation import Segmentation, Stack
from lvseg.inference.segmenter import SURELY_OUTSIDE

_PHASES = 4  # of a beat, evenly apart, that tell where the heart lies
_LARGEST = 4  # times the sides of an image: of what is smaller beside its window, no heart is seen
_NOTHING_PX2 = 1e-6  # the area of an outline of which nothing lies on the image


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
        """Return what the windows show of a stack; beyond its images it is as dark as the darkest that counts."""
        pixels = np.empty((len(stack.pixels), *self.boxes[0].shape), stack.pixels.dtype)
        for frame, image in enumerate(stack.pixels):
            of_image, of_window = self._parts(frame)
            shown = image[of_image]
            if shown.shape != pixels.shape[1:]:
                pixels[frame], _ = clip_limits(shown if shown.size else image)
            pixels[frame][of_window] = shown
        return replace(stack, pixels=pixels, spacing_mm=self.spacing_mm, placements=self.placements)

    def put_back(self, seen: Segmentation) -> Segmentation:
        """Return what was drawn in the windows, on the whole images, and of which slices it may be a part."""
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
                None if line is None else self._on_image(line + corner)
                for line, corner in zip(lines, corners, strict=True)
            )
            for structure, lines in seen.outlines.items()
        }
        cut = {int(self.slices[frame]) for frame, drawn in enumerate(seen.labels) if self._cuts(frame, drawn)}
        return replace(seen, labels=labels, outlines=outlines, margins=margins, cut=tuple(sorted(cut)))

    def _on_image(self, line: Contour) -> Contour | None:
        """Return what of an outline (n, 2) lies on the images; None where nothing does."""
        rows, columns = self.shape
        # Pulled onto the border, what lies beyond it encloses nothing.
        inside = np.clip(line, -0.5, (columns - 0.5, rows - 0.5))
        return inside if abs(area(inside)) > _NOTHING_PX2 else None

    def _cuts(self, frame: int, drawn: NDArray[np.uint8]) -> bool:
        """Return whether the labels of a window reach one of its edges that is not beyond the image."""
        box, (rows, columns) = self.boxes[self.slices[frame] - 1], self.shape
        return bool(
            (box.top > 0 and drawn[0].any())
            or (box.bottom < rows and drawn[-1].any())
            or (box.left > 0 and drawn[:, 0].any())
            or (box.right < columns and drawn[:, -1].any())
        )

    def _parts(self, frame: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return where image and window of a frame overlap, on either."""
        box = self.boxes[self.slices[frame] - 1]
        shown = box.clipped(self.shape)
        (top, left), (rows, columns) = (shown.top - box.top, shown.left - box.left), shown.shape
        return shown.slices, (slice(top, top + rows), slice(left, left + columns))


def windows(stack: Stack, seen: Stack, first: Segmentation, grid: Grid, closer: Grid) -> Windows | None:
    """Return what the second look sees; None where the first one found no heart, or images are too small to hold one.

    Args:
        stack: all frames.
        seen: those of the first look.
        first: what it drew on them.
        grid: of the first look.
        closer: of the second.
    """
    shape = (stack.pixels.shape[1], stack.pixels.shape[2])
    spacing = grid.pixel_mm(shape, stack.spacing_mm)
    size = [math.ceil(closer.size * (closer.spacing_mm or 1.0) / length) for length in spacing]
    space = SlicesInSpace(shape, spacing, stack.placements)
    found = [
        space.on_first(slice_, np.argwhere(mask))
        for slice_, mask in zip(seen.slices, first.masks, strict=True)
    ]
    points = np.concatenate(found)
    if not len(points) or any(n > _LARGEST * count for n, count in zip(size, shape, strict=True)):
        return None
    centre = points.mean(axis=0)
    boxes = []
    for slice_ in range(1, len(stack.at) + 1):
        pixel = space.from_first(slice_, centre)
        top, left = (round(float(p) - (n - 1) / 2) for p, n in zip(pixel, size, strict=True))
        boxes.append(Box(top, left, top + size[0], left + size[1]))
    if stack.placements is None:
        return Windows(boxes, stack.slices, shape, spacing, None)
    off = [
        (np.array([b.top + b.bottom - 1, b.left + b.right - 1]) / 2 - space.middle) * np.array(spacing)
        for b in boxes
    ]
    moved = [
        Placement(one.matrix, one.offset_mm + one.matrix @ by - off[0])
        for one, by in zip(stack.placements, off, strict=True)
    ]
    return Windows(boxes, stack.slices, shape, spacing, moved)
