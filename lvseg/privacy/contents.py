"""What lies inside a file: members of archives, texts of pictures, arrays of strings, pictures in pages."""

import base64
import bz2
import gzip
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

_DEEPEST = 5  # containers within containers
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b\x08"
_BZIP2, _XZ = re.compile(rb"BZh[1-9]1AY&SY"), b"\xfd7zXZ\0"
_PNG = b"\x89PNG\r\n\x1a\n"
_NUMPY = b"\x93NUMPY"
_EMBEDDED = re.compile(rb";base64,([A-Za-z0-9+/\s]+={0,2})")


class UnopenedError(Exception):
    """A container that cannot be opened: what it holds is not known. The message names it."""


def layers(place: str, content: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield (place, bytes) of a content as it is and of everything that lies packed inside it.

    Args:
        place: what a person calls the content; what lies inside is called `place/name`.
        content: a whole file.
        depth: how many containers it lies in.

    Raises:
        UnopenedError: a container is damaged, encrypted, or one of too many.
    """
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
    if content.startswith(_ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            yield (
                "comments",
                b"\n".join([archive.comment, *(member.comment + member.extra for member in members)]),
            )
            for member in members:
                yield member.filename, archive.read(member)
    elif content.startswith(_GZIP):
        yield "gzip", gzip.decompress(content)
    elif _BZIP2.match(content):
        yield "bzip2", bz2.decompress(content)
    elif content.startswith(_XZ):
        yield "xz", lzma.decompress(content)
    elif content.startswith(_PNG):
        yield from _png_texts(content)
    elif content.startswith(_NUMPY):
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if array.dtype.kind == "U":
            yield "strings", "\n".join(array.ravel().tolist()).encode()
        elif array.dtype.kind == "S":
            yield "strings", b"\n".join(array.ravel().tolist())
    else:
        for number, match in enumerate(_EMBEDDED.finditer(content), start=1):
            yield f"base64 {number}", base64.b64decode(match[1])


def _png_texts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield keyword and text of each textual chunk of a PNG file (PNG 3rd edition, 11.3.3)."""
    at = len(_PNG)
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        keyword, _, text = content[at + 8 : at + 8 + size].partition(b"\0")
        at += 12 + size
        if kind == b"tEXt":
            yield "tEXt", keyword + b"\n" + text
        elif kind == b"zTXt":
            yield "zTXt", keyword + b"\n" + zlib.decompress(text[1:])
        elif kind == b"iTXt":
            language, translated, said = text[2:].split(b"\0", 2)
            said = zlib.decompress(said) if text[:1] == b"\1" else said
            yield "iTXt", b"\n".join([keyword, language, translated, said])
