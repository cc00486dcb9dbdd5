"""Contours as text in the form of the Sunnybrook data: a file per frame, an `x y` pair per line, in pixels."""

from pathlib import Path

from lvseg.core.files import atomic_path
from lvseg.studies.analysis.result import StudyResult

_FIRST_PIXEL = 1  # coordinate of its centre, as in Sunnybrook's files


def write(folder: Path, result: StudyResult) -> None:
    """Write `IM-0001-<image number>-icontour-auto.txt` for each frame that has a contour.

    `auto` instead of `manual` keeps a later training from taking them for an expert's.

    Args:
        folder: to make; it is whole or absent.
        result: the study.
    """
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for frame, line in zip(result.cine.frames, result.contours, strict=True):
            if line is not None:
                text = "".join(f"{x + _FIRST_PIXEL:.2f} {y + _FIRST_PIXEL:.2f}\n" for x, y in line)
                name = f"IM-0001-{frame.number:04d}-icontour-auto.txt"
                (temporary / name).write_text(text, encoding="ascii")
