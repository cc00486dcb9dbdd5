"""Whether a file holds a patient, and a table without him."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from lvseg.labels.layouts import key_of
from lvseg.privacy.contents import MOST, UnopenedError, layers
from lvseg.privacy.search import Search
from lvseg.privacy.values import Kind, Value

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
_EMBEDDED = b"data:image/"  # in a page
_SHORTEST_BEGINNING = 4  # letters: `P1` begins names of many
_LARGEST_TABLE = 256 * 2**20  # bytes


class Traces:
    """What is looked for of one patient.

    Attributes:
        too_short: names that come about by chance in contents: only paths and cells of tables are compared with them.
    """

    def __init__(self, names: Iterable[str]) -> None:
        named = sorted(set(names))
        self._keys = {key_of(name) for name in named}
        self._search = Search(Value(Kind.PATIENT_ID, name) for name in named)
        self.too_short = [name for name in named if Search([Value(Kind.PATIENT_ID, name)]).left_out.total()]

    def in_path(self, path: str) -> bool:
        """Return whether a folder or a file of a path bears a name of his, whatever stands behind it."""
        return any(self._bears(part) for part in PurePosixPath(path).parts)

    def _bears(self, part: str) -> bool:
        """Return whether a name is his, with its ending, or begins with his and a mark: `patient001_4d.nii.gz`."""
        name = part.partition(".")[0]
        if {key_of(part), key_of(name)} & self._keys:
            return True
        ends = [at for at, letter in enumerate(name) if letter in "_-" and at >= _SHORTEST_BEGINNING]
        return any(key_of(name[:at]) in self._keys for at in ends)

    def in_file(self, path: Path, name: str) -> bool:
        """Return whether a file that is called `name` holds him; of an archive one member is in memory at a time.

        Raises:
            UnopenedError: part of it cannot be looked into.
        """
        if not zipfile.is_zipfile(path):
            return self.in_content(name, path.read_bytes())
        try:
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    if self.in_path(member.filename):
                        return True
                    if member.file_size > MOST:
                        raise UnopenedError(
                            f"{name} cannot be opened (a member of {member.file_size:,} bytes)"
                        )
                    if self.in_content(member.filename, archive.read(member)):
                        return True
                return False
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
            raise UnopenedError(f"{name} cannot be opened ({error})") from error

    def in_content(self, name: str, content: bytes) -> bool:
        """Return whether the content of a file that is called `name` holds him, whatever it is packed in."""
        if without_rows(self._keys, name, content) is not None:
            return True
        return any(bool(self._search.find(inner)) for _, inner in layers(name, content))

    def without(self, name: str, content: bytes) -> bytes | None:
        """Return a table without his rows; None where the file is no table, or has none of them."""
        return without_rows(self._keys, name, content)

    def mended(self, name: str, content: bytes, shown: bool) -> bytes | None:
        """Return what stays of a file that is called `name`: all of it, a table without his rows, or None for nothing.

        Args:
            shown: whether pictures, and pages with pictures, may show him without naming him.

        Raises:
            UnopenedError: part of it cannot be looked into.
        """
        if self.in_path(name) or (shown and shows_images(name, content)):
            return None
        left = self.without(name, content)
        content = content if left is None else left
        return None if self.in_content(name, content) else content


def shows_images(name: str, content: bytes) -> bool:
    """Return whether a file is a picture, or a page with pictures in it: of whom, it need not say."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in PICTURES or (suffix == ".html" and _EMBEDDED in content)


def without_rows(keys: set[str], name: str, content: bytes) -> bytes | None:
    """Return a table without the rows in which a cell is one of the ids (in the form of `key_of`).

    The other rows keep their bytes. A table is a CSV file, or JSON as MLflow keeps tables (`columns`, `data`).

    Returns:
        None where the content is no table, or no row is left out.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if len(content) > _LARGEST_TABLE:
        return None
    if suffix == ".csv":
        return _csv_without(keys, content)
    return _json_without(keys, content) if suffix == ".json" else None


def _csv_without(keys: set[str], content: bytes) -> bytes | None:
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    encoding = "utf-16" if wide else "utf-8"
    lines = content.decode(encoding, errors="surrogateescape").splitlines(keepends=True)
    rows, kept, last = csv.reader(io.StringIO("".join(lines), newline="")), [], 0
    try:
        for row in rows:
            if not keys & {key_of(cell.lstrip("\ufeff'")) for cell in row}:
                kept += lines[last : rows.line_num]
            last = rows.line_num
    except csv.Error:
        return None
    return None if len(kept) == len(lines) else "".join(kept).encode(encoding, errors="surrogateescape")


def _json_without(keys: set[str], content: bytes) -> bytes | None:
    try:
        table = json.loads(content)
    except ValueError:
        return None
    if not isinstance(table, dict) or table.keys() != {"columns", "data"}:
        return None
    kept = [row for row in table["data"] if not keys & {key_of(str(cell)) for cell in row}]
    if len(kept) == len(table["data"]):
        return None
    return json.dumps({**table, "data": kept}, separators=(",", ":")).encode()
