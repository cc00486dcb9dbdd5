"""What lies inside a file: members of archives, tables, texts of pictures and of models, what is coded as text."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

from lvseg.dicom.bounds import bounded
from lvseg.privacy import coded, tables

_DEEPEST = 5  # containers within containers
MOST = 2**30  # bytes that one container or member may unpack to
_ZIP, _ZIP_END = b"PK\x03\x04", b"PK\x05\x06"
_STREAMS: dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b\x08": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ\0": ("xz", lzma.open),
}
# By how they begin: what nothing here can look into.
_CLOSED = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\x1f\x9d": "a file of compress",
    b"%PDF-": "a PDF file, whose pages are compressed drawings",
    b"Salted__": "encrypted by OpenSSL",
    b"-----BEGIN PGP MESSAGE": "encrypted by PGP",
    b"age-encryption.org": "encrypted by age",
}


class UnopenedError(Exception):
    """A container that cannot be opened: what it holds is not known. The message names it."""


def layers(place: str, content: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield (place, bytes) of a content as it is and of everything that lies packed inside it.

    Args:
        place: what a person calls the content; what lies inside is called `place/name`.
        content: a whole file.
        depth: how many containers it lies in.

    Raises:
        UnopenedError: a container is damaged, encrypted, of a kind that nothing here reads, too large, or one of too
            many.
    """
    for start, kind in _CLOSED.items():
        if content.startswith(start):
            raise UnopenedError(f"{place} cannot be opened ({kind})")
    if not content.startswith(_ZIP):  # its members come one by one
        yield place, content
    inside = _inside(content)
    while True:
        try:
            name, inner = next(inside)
        except StopIteration:
            return
        except Exception as error:  # each format has errors of its own
            raise UnopenedError(f"{place} cannot be opened ({error})") from error
        if depth == _DEEPEST:
            raise UnopenedError(f"{place} lies in too many containers")
        yield from layers(f"{place}/{name}", inner, depth + 1)


def _inside(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each part of a container; nothing where the content is none."""
    if content.startswith(_ZIP) or (
        _ZIP_END in content[-65_557:] and zipfile.is_zipfile(io.BytesIO(content))
    ):
        yield from _members(content)
        return
    for start, (name, kind) in _STREAMS.items():
        if content.startswith(start) and (name != "bzip2" or content[4:10] == b"1AY&SY"):
            yield name, _read(kind(io.BytesIO(content)))
            return
    if coded.is_zlib(content):
        unpacked = zlib.decompressobj()
        try:
            inner = unpacked.decompress(content, MOST)
        except zlib.error:  # two bytes by chance
            inner = b""
        if unpacked.unconsumed_tail:
            raise ValueError(f"it unpacks to more than {MOST:,} bytes")
        if inner:
            yield "zlib", inner
            return
    opened = tables.reader_of(content)
    yield from _parsed(opened(content)) if opened else coded.parts(content)


def _parsed(parts: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield what a parser makes of a file, within bounds of memory: a table of a kilobyte may state any size.

    Raises:
        ValueError: it would take more.
    """
    while True:
        try:
            with bounded():
                part = next(parts, None)
        except MemoryError:
            raise ValueError("it takes more memory than such a file needs: looks like a bomb") from None
        if part is None:
            return
        yield part


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        comments = [archive.comment, *(member.comment + member.extra for member in members)]
        yield "comments", b"\n".join(comments)
        for member in members:
            with archive.open(member) as file:
                yield member.filename, _read(file)


def _read(file: IO[bytes]) -> bytes:
    """Return what a stream unpacks to.

    Raises:
        ValueError: that is more than `MOST` bytes.
    """
    inner = file.read(MOST + 1)
    if len(inner) > MOST:
        raise ValueError(f"it unpacks to more than {MOST:,} bytes")
    return inner
