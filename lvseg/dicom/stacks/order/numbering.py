"""Image numbers in the names of files: archives keep them there when headers have lost them."""

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from lvseg.core.paths.archives import Item

# As OsiriX and the Sunnybrook archives name images, IM-0004-0048, or a number alone.
_NUMBERED = re.compile(r"^(?:(?P<series>[A-Za-z]+[-_]\d+)[-_])?0*(?P<number>\d+)$")
_ENDS_IN_NUMBER = re.compile(r"^(?P<series>.+)[-_]0*(?P<number>\d+)$")


def number_in_name(item: Item, series: Collection[str] = ()) -> int | None:
    """Return the image number that a file is named by (48 in `IM-0004-0048.dcm`, `48.dcm`), or None.

    Args:
        item: the file.
        series: what else a name may begin with, because other files that count the same images do: `P01` for
            `P01-0048.dcm`.
    """
    match = _match(item, series)
    return int(match["number"]) if match else None


def series_in_name(item: Item, series: Collection[str] = ()) -> str:
    """Return what stands before the number in the name of a file (`IM-0004` in `IM-0004-0048.dcm`), or nothing.

    Args:
        item: the file.
        series: as `number_in_name`.
    """
    match = _match(item, series)
    return (match["series"] if match else None) or ""


def _match(item: Item, series: Collection[str]) -> re.Match[str] | None:
    stem = PurePosixPath(item.name).stem
    match = _NUMBERED.match(stem)
    if match:
        return match
    match = _ENDS_IN_NUMBER.match(stem)
    return match if match and match["series"] in series else None
