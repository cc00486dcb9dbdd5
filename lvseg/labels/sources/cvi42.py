"""Workspaces of cvi42 (`.cvi42wsx`): XML that gives contours by the UID of their image.

Nested entries `Hash:item` with a key hold them: ImageStates, the image's UID, Contours, the name of the contour, and
there Points (`Point:x`, `Point:y`) and SubpixelResolution, by which these are to be divided.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

import numpy as np

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.imaging.types import Contour
from lvseg.labels.sources.contours import checked, filled
from lvseg.labels.sources.label_map import Reading
from lvseg.labels.sources.matching import Drawings, Images
from lvseg.labels.sources.structures import Region, Table, region_of

_LARGEST = 512 * 2**20  # bytes
_DEEPEST = 200  # elements within one another
_LONGEST_NUMBER = 100  # letters, blanks around it included
_COPY = re.compile(r"\d{4}$")  # after the name of a second contour of the same kind on one image


@dataclass
class _Line:
    """A contour as it stands in the file."""

    image: str
    name: str
    points: list[list[float]] = field(default_factory=list)
    resolution: float = math.nan  # until the file says it

    def contour(self) -> Contour:
        """Return its points (n, 2) in pixels.

        Raises:
            UnreadableError: a number is none, or is missing.
        """
        if any(len(point) != 2 for point in self.points):
            raise UnreadableError("a point has no two coordinates")
        if not np.isfinite(np.array(self.points)).all():
            raise UnreadableError("a coordinate is no number")
        if not (math.isfinite(self.resolution) and self.resolution > 0):
            raise UnreadableError("it does not say its SubpixelResolution")
        return checked(np.array(self.points, float).reshape(-1, 2) / self.resolution)


def read_cvi42(item: Item, images: Images, table: Table) -> Reading:
    """Return the label maps of a workspace.

    Args:
        item: the file.
        images: of the same patient.
        table: the user's own words for the names of contours.
    """
    reading, drawings = Reading(), Drawings()
    with reading.or_set_aside(item, "workspace of cvi42"):
        _lay(_lines(item), item, images, table, reading, drawings)
        drawings.close(reading, item.label, "contours")
    return reading


def _lay(
    lines: Iterable[_Line], item: Item, images: Images, table: Table, reading: Reading, drawings: Drawings
) -> None:
    """Lay the contours of a workspace on their images, and report those of which nothing says what they go around."""
    drawn: dict[tuple[str, Region], list[_Line]] = {}
    unknown: dict[str, int] = {}
    for line in lines:
        name = _COPY.sub("", line.name)
        region = region_of(table, name)
        if region is None:
            unknown[name] = unknown.get(name, 0) + 1
        elif region is not Region.OTHER:
            drawn.setdefault((line.image, region), []).append(line)
    for name, count in unknown.items():
        reading.refuse(name, count, "contours", item.label)
    for (uid, region), marked in drawn.items():
        try:
            image = images.drawn_on([(uid, [])], None)
            points = [line.contour() for line in marked]
            drawings.add(image, region, filled(points, (image.rows, image.columns)))
        except UnreadableError as error:
            drawings.faults[str(error)] += len(marked)


def _lines(item: Item) -> list[_Line]:
    """Return all contours of a workspace."""
    if item.size > _LARGEST:
        raise UnreadableError(f"{item.size:,} bytes are too many for a workspace")
    workspace = _Workspace()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = workspace.start, workspace.end
    parser.CharacterDataHandler = workspace.text
    try:
        parser.Parse(item.read(), True)
    except expat.ExpatError as error:
        raise UnreadableError(f"no XML: {error}") from None
    if not workspace.is_workspace:
        raise UnreadableError("XML without `ImageStates`: no workspace of cvi42")
    return workspace.lines


def _refuse(*_: object) -> NoReturn:
    # A workspace has neither; entities can grow a small file beyond any memory, or name files of this machine.
    raise UnreadableError("XML with a document type or entities, which no workspace has: refused")


class _Workspace:
    """The contours of a file, gathered while it is parsed: a tree of it would be many times its size."""

    def __init__(self) -> None:
        self.lines: list[_Line] = []
        self.is_workspace = False
        self._keys: list[str] = []  # of the elements that stand open
        self._text = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._keys) >= _DEEPEST:
            raise UnreadableError(f"XML of more than {_DEEPEST} elements within one another: refused")
        self._keys.append(attributes.get("Hash:key", name))
        self._text = ""
        place = self._place()
        self.is_workspace |= self._keys[-1] == "ImageStates"
        if len(place) == 3 and place[1] == "Contours":
            self.lines.append(_Line(place[0], place[2]))
        elif place[-1:] == ["List:item"] and place[1:2] == ["Contours"] and place[3:4] == ["Points"]:
            self.lines[-1].points.append([])

    def end(self, _name: str) -> None:
        place = self._place()
        if len(place) > 3 and place[1] == "Contours":
            if place[3] == "SubpixelResolution":
                self.lines[-1].resolution = self._number()
            elif place[3] == "Points" and place[-1] in ("Point:x", "Point:y") and self.lines[-1].points:
                self.lines[-1].points[-1].append(self._number())
        self._keys.pop()
        self._text = ""

    def text(self, text: str) -> None:
        if len(self._text) <= _LONGEST_NUMBER:  # nothing else of a text is looked at
            self._text += text[: _LONGEST_NUMBER + 1]

    def _place(self) -> list[str]:
        """Return the keys below the nearest `ImageStates`: UID, Contours, name and so on."""
        if "ImageStates" not in self._keys:
            return []
        return self._keys[len(self._keys) - self._keys[::-1].index("ImageStates") :]

    def _number(self) -> float:
        try:
            if len(self._text) > _LONGEST_NUMBER:
                raise ValueError
            return float(self._text)
        except ValueError:
            return math.nan
