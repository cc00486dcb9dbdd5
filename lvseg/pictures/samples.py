"""Images beside their labels: what the networks are shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lvseg.data import drawn_frames
from lvseg.data.examples import Example
from lvseg.pictures import style

_COLUMNS = 4  # examples of a part
_COLUMN_INCHES, _PART_INCHES = 2.1, 4.5  # width of an example, height of a part: image, mask and title
_FAINTNESS = 0.35  # of the image below its mask


def draw_samples(path: Path, parts: Mapping[str, Sequence[Example]]) -> None:
    """Draw slices of each part beside their reference masks, evenly taken from the part's patients.

    Args:
        path: PNG to write.
        parts: examples by the name of their part; an empty part is left out.

    Raises:
        UserError: a shard cannot be read.
    """
    chosen = {part: _evenly(examples) for part, examples in parts.items() if examples}
    with style.drawing(path, _COLUMN_INCHES * _COLUMNS, _PART_INCHES * len(chosen)) as figure:
        for block, (part, examples) in zip(
            figure.subfigures(len(chosen), 1, squeeze=False)[:, 0], chosen.items(), strict=True
        ):
            block.suptitle(f"{part}: image (above) and manual contour, filled (below)", fontweight="bold")
            panels = block.subplots(2, _COLUMNS)
            for axes in panels.flat:
                axes.set_axis_off()
            for column, example in enumerate(examples):
                frame = drawn_frames.load(example)
                picture = style.grey(frame.image)
                style.show(panels[0, column], picture)
                style.show(panels[1, column], np.maximum(frame.endo, _FAINTNESS * picture))
                panels[0, column].set_title(caption(example), fontsize=7, fontweight="normal")


def caption(example: Example) -> str:
    """Return patient, slice, phase and, where known, ED or ES of a slice."""
    cycle = f" ({example.cycle})" if example.cycle else ""
    return f"{example.patient}\nslice {example.slice}, phase {example.phase}{cycle}"


def _evenly(examples: Sequence[Example]) -> list[Example]:
    """Return up to a row of examples from the middles of equal stretches of the sequence."""
    count = min(_COLUMNS, len(examples))
    return [examples[(2 * i + 1) * len(examples) // (2 * count)] for i in range(count)]
