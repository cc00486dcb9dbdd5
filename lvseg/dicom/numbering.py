"""Image numbers in the names of files: archives keep them there when headers have lost them."""

import re
from pathlib import PurePosixPath

from lvseg.core.archives import Item

_NUMBERED = re.compile(r"^(?:(?P<series>[A-Za-z]+[-_]\d+)[-_])?0*(?P<number>\d+)$")


def number_in_name(item: Item) -> int | None:
    """Return the image number that a file is named by (48 in `IM-0004-0048.dcm`, `48.dcm`), or None."""
    match = _NUMBERED.match(PurePosixPath(item.name).stem)
    return int(match["number"]) if match else None


def series_in_name(item: Item) -> str:
    """Return what stands before the number in the name of a file (`IM-0004` in `IM-0004-0048.dcm`), or nothing."""
    match = _NUMBERED.match(PurePosixPath(item.name).stem)
    return (match["series"] if match else None) or ""
