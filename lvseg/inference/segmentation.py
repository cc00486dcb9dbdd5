"""What is segmented and what comes out: the frames of an examination, and what a network draws on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.drawn_stack import DrawnStack
from lvseg.imaging.placement import Placement
from lvseg.imaging.spacing import Spacing
from lvseg.inference.segmenter import Drawn, Prediction


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
        atrial: numbers of the slices that are left empty, because they do not empty as a ventricle does.
        cut: numbers of the slices on which something reaches the edge of what the second look sees.
    """

    margins: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    atrial: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()

    def drawn(self, frame: int) -> Drawn:
        """Return what is drawn on one frame."""
        return Drawn(
            self.labels[frame], {structure: lines[frame] for structure, lines in self.outlines.items()}
        )

    def prediction(self, frame: int) -> Prediction:
        """Return what is drawn on one frame for which margins were asked."""
        drawn = self.drawn(frame)
        return Prediction(drawn.labels, drawn.outlines, self.margins[frame])
