"""Contours as text in the form of the Sunnybrook data: a file per frame, an `x y` pair per line, in pixels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvseg.core.paths.files import atomic_path
from lvseg.imaging.structures import Structure
from lvseg.studies.analysis.result import StudyResult

_FIRST_PIXEL = 1  # coordinate of its centre, as in Sunnybrook's files


def write(folder: Path, result: StudyResult) -> None:
    """Write `IM-0001-<image number>-icontour-auto.txt` for each frame that has an endocardium.

    Where the model drew a wall, `...-ocontour-auto.txt` is its epicardium, and `...-rcontour-auto.txt` the border of a
    right ventricle, for which Sunnybrook's form has no name. `auto` instead of `manual` keeps a later training from
    taking them for an expert's.

    Args:
        folder: to make; it is whole or absent.
        result: the study.
    """
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        none: tuple[None, ...] = (None,) * len(result.labels)
        outer = result.outlines.get(Structure.MYOCARDIUM, none)
        right = result.outlines.get(Structure.RIGHT_VENTRICLE, none)
        for n, (frame, labels) in enumerate(zip(result.cine.frames, result.labels, strict=True)):
            walled = bool((labels == Structure.MYOCARDIUM).any())
            lines = {"i": result.contours[n], "o": outer[n] if walled else None, "r": right[n]}
            for kind, line in lines.items():
                if line is not None:
                    name = f"IM-0001-{frame.number:04d}-{kind}contour-auto.txt"
                    (temporary / name).write_text(_text(line), encoding="ascii")


def _text(line: NDArray[np.float64]) -> str:
    return "".join(f"{x + _FIRST_PIXEL:.2f} {y + _FIRST_PIXEL:.2f}\n" for x, y in line)
