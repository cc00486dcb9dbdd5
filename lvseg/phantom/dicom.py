"""MR Image Storage files, explicit VR little endian, written byte by byte.

Own encoder rather than pydicom's: the reader under test then did not write its own input, the bytes hang on no library
version, and a frame costs a fraction of a millisecond because all that a series shares is encoded once.
Attributes follow PS3.3 A.4.3 (MR Image IOD); types 1 and 2 are all present.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Value = str | int | float | bytes | tuple[str | int | float, ...]
Elements = Mapping[int, tuple[str, Value]]

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_LONG = {"OB", "OW", "UN", "SQ", "UT"}  # VRs with a four-byte length
_NUMBERS = {"US": "<H", "SS": "<h", "UL": "<I", "FD": "<d"}


def uid(*parts: object) -> str:
    """A valid UID under 2.25 that is always the same for the same parts."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16]) >> 1 | 1 << 120}"


def decimal(value: float) -> str:
    """A DS value: at most 16 characters, no negative zero."""
    return f"{round(value, 6) + 0.0:.10g}"


def image_elements(pixels: NDArray[np.int16]) -> dict[int, tuple[str, Value]]:
    """The image pixel module of one frame (rows, columns)."""
    rows, columns = pixels.shape
    return {
        0x00280002: ("US", 1),
        0x00280004: ("CS", "MONOCHROME2"),
        0x00280010: ("US", rows),
        0x00280011: ("US", columns),
        0x00280100: ("US", 16),
        0x00280101: ("US", 16),
        0x00280102: ("US", 15),
        0x00280103: ("US", 1),
        0x00280106: ("SS", int(pixels.min())),
        0x00280107: ("SS", int(pixels.max())),
        0x7FE00010: ("OW", pixels.astype("<i2").tobytes()),
    }


def sequence(elements: Elements) -> bytes:
    """The value of a sequence (SQ) of one item."""
    content = _encode_all(elements)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def file_bytes(elements: Elements) -> bytes:
    """A whole DICOM file of one instance's elements {tag: (VR, value)}."""
    instance = elements[0x00080018][1]
    meta: dict[int, tuple[str, Value]] = {
        0x00020001: ("OB", b"\x00\x01"),
        0x00020002: ("UI", MR_IMAGE_STORAGE),
        0x00020003: ("UI", instance),
        0x00020010: ("UI", EXPLICIT_LITTLE_ENDIAN),
        0x00020012: ("UI", uid("lvseg", "phantom", "writer")),
        0x00020013: ("SH", "LVSEG_PHANTOM"),
    }
    group = _encode_all(meta)
    length = _element(0x00020000, "UL", len(group))
    return b"\x00" * 128 + b"DICM" + length + group + _encode_all(elements)


def _encode_all(elements: Elements) -> bytes:
    return b"".join(_encoded(tag, *elements[tag]) for tag in sorted(elements))


def _encoded(tag: int, vr: str, value: Value) -> bytes:
    return _element(tag, vr, value) if isinstance(value, bytes) else _remembered(tag, vr, value)


def _element(tag: int, vr: str, value: Value) -> bytes:
    data = _data(vr, value)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    return head + (struct.pack("<HI", 0, len(data)) if vr in _LONG else struct.pack("<H", len(data))) + data


_remembered = lru_cache(maxsize=4096)(_element)


def _data(vr: str, value: Value) -> bytes:
    if isinstance(value, bytes):
        return value + b"\x00" * (len(value) % 2)
    values: Iterable[str | int | float] = value if isinstance(value, tuple) else (value,)
    if vr in _NUMBERS:
        return b"".join(struct.pack(_NUMBERS[vr], number) for number in values)
    text = "\\".join(decimal(v) if vr == "DS" and not isinstance(v, str) else str(v) for v in values)
    data = text.encode("latin-1")
    return data + (b"\x00" if vr == "UI" else b" ") * (len(data) % 2)
