"""Contour files as the Sunnybrook experts wrote them: one `x y` pair per line, in pixels."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import shapely

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.imaging.outline import area

KINDS = ("icontour", "ocontour", "p1", "p2", "p3")
ENDO, EPI = KINDS[:2]

_NAME = re.compile(
    r"^(?:(?P<series>.*)[-_])?(?P<number>\d+)[-_](?P<kind>[io]|p[1-3])-?(?:contours?)?(?:[-_](?P<by>[a-z]+))?\.txt$",
    re.IGNORECASE,
)
_LARGEST = 4 * 2**20  # bytes; a contour has a few hundred points
_FARTHEST = 1e5  # pixels
# From the last point to the first: no contour of the challenge has more than 0.12 of its length there, or more
# than its longest step.
_GAP_SHARE, _GAP_STEPS = 0.2, 3.0
_FEWEST_STEPS = 8  # points, of fewer the steps tell nothing
_SAME_SHARE = 0.01  # of the area, by which two lines that are one may differ
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


def series_in_name(item: Item) -> str:
    """Return what stands before the number in the name of a contour file: `P01` in `P01-0016-icontour-manual.txt`."""
    match = _NAME.match(PurePosixPath(item.name).name)
    return (match["series"] if match else None) or ""


def patient_folder(item: Item) -> tuple[str, ...]:
    """Return the path of the folder that bears the patient's id: the deepest that is not one of contours."""
    folders = item.parts[:-1]
    while folders and _FOLDER.search(folders[-1]):
        folders = folders[:-1]
    return folders


def convention(first_pixel: int) -> str:
    """Return in words how coordinates were read."""
    return f"x = column, y = row; the centre of the first pixel is {first_pixel} in the files and 0 here"


def read(item: Item, first_pixel: int) -> list[np.ndarray]:
    """Return the closed lines of a contour file, the largest first; nearly all files hold one.

    Further lines stand behind an empty line, or begin where one has come back to its first point. One that only repeats
    another counts once.

    Args:
        item: the file.
        first_pixel: coordinate of the centre of the first pixel in the file; here it is 0.

    Returns:
        Points (n, 2), x and y, n >= 3, without a repeated last point.

    Raises:
        UnreadableError: the file holds something else than three and more pairs of finite numbers.
    """
    if item.size > _LARGEST:
        raise UnreadableError(f"{item.size:,} bytes are too many for a contour")
    text = item.read().decode("utf-8-sig", errors="replace")
    lines: list[np.ndarray] = []
    for stated in _lines(text):
        points = stated[:-1] if len(stated) > 1 and stated[-1] == stated[0] else stated
        if points is stated and _is_open(np.array(points)):
            raise UnreadableError(
                "its line is open: a good part of it is missing between its last point and its first"
            )
        if len(points) >= 3 and not any(_is_same(np.array(points), line + first_pixel) for line in lines):
            lines.append(np.array(points) - first_pixel)
    if not lines:
        count = len({point for points in _lines(text) for point in points})
        raise UnreadableError(f"{count} distinct point(s) enclose no area")
    return sorted(lines, key=lambda line: -abs(area(line)))


def _lines(text: str) -> Iterator[list[tuple[float, float]]]:
    """Yield the points of each line of a text, without those that repeat the one before.

    The last is the first again where the text says so itself.
    """
    points: list[tuple[float, float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.replace(",", " ").split()
        if not fields:
            yield points
            points = []
            continue
        point = _point(fields, number)
        if len(points) > 2 and point == points[0]:
            yield [*points, point]
            points = []
        elif not points or points[-1] != point:
            points.append(point)
    yield points


def _point(fields: Sequence[str], number: int) -> tuple[float, float]:
    try:
        x, y = (float(field) for field in fields)
    except ValueError:
        raise UnreadableError(f"line {number} is not a pair of numbers") from None
    if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > _FARTHEST:
        raise UnreadableError(f"line {number} does not hold pixel coordinates")
    return x, y


def _is_open(points: np.ndarray) -> bool:
    """Return whether a line stops far from where it began, by its own steps: one that was cut off."""
    if len(points) < _FEWEST_STEPS:
        return False
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    gap = float(np.linalg.norm(points[-1] - points[0]))
    return gap > max(_GAP_SHARE * (float(steps.sum()) + gap), _GAP_STEPS * float(steps.max()))


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two lines enclose the same, but for hardly anything."""
    first, second = (shapely.make_valid(shapely.Polygon(line)) for line in (one, other))
    return bool(first.symmetric_difference(second).area <= _SAME_SHARE * max(first.area, second.area))
