"""Contour files as the Sunnybrook experts wrote them: one `x y` pair per line, in pixels."""

import math
import re
from pathlib import PurePosixPath

import numpy as np

from lvseg.core.archives import Item, UnreadableError

KINDS = ("icontour", "ocontour", "p1", "p2", "p3")
ENDO, EPI = KINDS[:2]

_NAME = re.compile(
    r"^(?:.*[-_])?(?P<number>\d+)[-_](?P<kind>[io]|p[1-3])-?(?:contours?)?(?:[-_](?P<by>[a-z]+))?\.txt$",
    re.IGNORECASE,
)
_LARGEST = 4 * 2**20  # bytes; a contour has a few hundred points
_FARTHEST = 1e5  # pixels
_FOLDER = re.compile(r"contours?([-_ ].*)?$|^[io]p?-?contours?$|expert|^(manual|auto)$", re.IGNORECASE)


def parse_name(item: Item) -> tuple[int, str]:
    """Return image number and kind from the name of a contour file.

    Raises:
        UnreadableError: the name is not that of a manual contour.
    """
    match = _NAME.match(PurePosixPath(item.name).name)
    if match is None:
        raise UnreadableError(
            "text file whose name is not that of a contour (IM-0001-0048-icontour-manual.txt)"
        )
    if (match["by"] or "manual").lower() != "manual":
        raise UnreadableError(f"not a manual contour: marked {match['by']}")
    kind = match["kind"].lower()
    return int(match["number"]), kind + "contour" if kind in "io" else kind


def patient_folder(item: Item) -> tuple[str, ...]:
    """Return the path of the folder that bears the patient's id: the deepest that is not one of contours."""
    folders = item.parts[:-1]
    while folders and _FOLDER.search(folders[-1]):
        folders = folders[:-1]
    return folders


def convention(first_pixel: int) -> str:
    """Return in words how coordinates were read."""
    return f"x = column, y = row; the centre of the first pixel is {first_pixel} in the files and 0 here"


def read(item: Item, first_pixel: int) -> np.ndarray:
    """Return the (n, 2) points x, y of a contour file, n >= 3, without a repeated last point.

    Args:
        item: the file.
        first_pixel: coordinate of the centre of the first pixel in the file; here it is 0.

    Raises:
        UnreadableError: the file holds something else than three and more pairs of finite numbers.
    """
    if item.size > _LARGEST:
        raise UnreadableError(f"{item.size:,} bytes are too many for a contour")
    text = item.read().decode("utf-8-sig", errors="replace")
    points: list[tuple[float, float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.replace(",", " ").split()
        if not fields:
            continue
        try:
            x, y = (float(field) for field in fields)
        except ValueError:
            raise UnreadableError(f"line {number} is not a pair of numbers") from None
        if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > _FARTHEST:
            raise UnreadableError(f"line {number} does not hold pixel coordinates")
        if not points or points[-1] != (x, y):
            points.append((x, y))
    if len(points) > 1 and points[0] == points[-1]:
        points.pop()
    if len(points) < 3:
        raise UnreadableError(f"{len(points)} distinct point(s) enclose no area")
    return np.array(points) - first_pixel
