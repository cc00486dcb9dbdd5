"""The header of a DICOM file: the facts that the readers need."""

import functools
import io
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import Tag

from lvseg.core.archives import Item, UnreadableError
from lvseg.dicom.tolerance import tolerant

LARGEST = 256 * 2**20  # bytes of one file that are read
_HEAD = 16 * 1024  # bytes; holds the header of nearly every classic image
_KEYWORDS = [
    "SOPClassUID", "SOPInstanceUID", "ImageType", "SeriesDescription", "PatientID", "SliceThickness",
    "SpacingBetweenSlices", "TriggerTime", "CardiacNumberOfImages", "SeriesInstanceUID", "SeriesNumber",
    "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "SamplesPerPixel",
    "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "BitsAllocated",
    "BitsStored", "PixelRepresentation", "StudyInstanceUID", "Modality", "ProtocolName", "RescaleSlope",
    "RescaleIntercept", "NominalInterval", "AcquisitionNumber", "AcquisitionTime", "InversionTime",
    "Manufacturer", "ManufacturerModelName",
]  # fmt: skip
_TAGS = {keyword: Tag(keyword) for keyword in _KEYWORDS}
_PHANTOM = "LVSEG", "PHANTOM"  # manufacturer and model that the stage `phantom` writes
_PIXEL_TAGS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
_UNDEFINED_LENGTH = 0xFFFFFFFF
_LITTLE_ENDIAN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}


class MultiFrameError(UnreadableError):
    """A file with many frames; see `lvseg.dicom.multiframe`."""


@dataclass(frozen=True)
class Image:
    """The header of one image; lengths in mm, times in ms, None where not said.

    Most of it is for telling series apart. The scanner's value of a pixel is `slope` x what is stored + `intercept`.
    `frame` counts from 0 in a file of many frames and is None in a file of one. `synthetic`: our
    own phantom made it, no scanner.
    """

    item: Item
    rows: int
    columns: int
    number: int | None
    patient_id: str
    sop_uid: str
    series_uid: str
    series_number: int | None
    description: str
    image_type: tuple[str, ...]
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    thickness: float | None
    slice_spacing: float | None
    trigger_time: float | None
    phases: int | None
    inverted: bool
    dtype: str | None = field(repr=False)  # None: only a decoder can tell
    offset: int = field(repr=False)
    frame: int | None = None
    study_uid: str = ""
    modality: str = ""
    protocol: str = ""
    slope: float = 1.0
    intercept: float = 0.0
    beat_ms: float | None = None
    inversion_time: float | None = None
    acquisition: int | None = None
    acquired: str = ""
    synthetic: bool = False

    @functools.cached_property
    def normal(self) -> np.ndarray | None:
        """Unit normal of the image plane, or None where the orientation is unknown or degenerate."""
        if self.orientation is None:
            return None
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        length = np.linalg.norm(normal)
        return normal / length if 0.5 < length < 2 else None

    @property
    def affine(self) -> np.ndarray:
        """(4, 4) from (column, row, 0, 1) of a pixel centre to patient coordinates in mm (PS3.3 C.7.6.2).

        Where the orientation is unknown or degenerate, rows and columns run along the patient's axes.
        """
        row_spacing, column_spacing = self.spacing or (1.0, 1.0)
        known = None if self.normal is None else self.orientation
        orientation = known or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
        affine = np.eye(4)
        affine[:3, 0] = np.multiply(orientation[:3], column_spacing)
        affine[:3, 1] = np.multiply(orientation[3:], row_spacing)
        affine[:3, 2] = np.cross(orientation[:3], orientation[3:])
        affine[:3, 3] = self.position or (0.0, 0.0, 0.0)
        return affine


@tolerant()
def read_image(item: Item) -> Image:
    """Read the header of a file.

    Raises:
        UnreadableError: the file is empty, truncated, not DICOM, or not one grey image.
    """
    return _image(item, *locate(item))


def locate(item: Item) -> tuple[Dataset, int, int]:
    """Return the header of a file with only the tags of interest, and the place and length of its pixels.

    Values are still as they stand in the file: they are to be looked at within `tolerant`.

    Raises:
        UnreadableError: as `read_image`, but for what the image is.
    """
    if item.size == 0:
        raise UnreadableError("empty file")
    head = item.read(_HEAD)
    header, offset, length = _parse(head)
    named = head[128:132] == b"DICM"
    if offset < 0 and named and item.size > len(head):
        header, offset, length = _parse(item.read(LARGEST))
    if header is None or not (named or "Rows" in header):
        raise UnreadableError("not a DICOM file")
    if "Rows" not in header and offset < 0 and "SOPClassUID" not in header:
        raise UnreadableError("DICOM file without an image (DICOMDIR or the like)")
    if offset < 0:
        raise UnreadableError("DICOM file without pixel data, or truncated before it")
    if length != _UNDEFINED_LENGTH and offset + length > item.size:
        raise UnreadableError(f"truncated: {offset + length - item.size:,} bytes of pixel data are missing")
    return header, offset, length


def _parse(content: bytes) -> tuple[Dataset | None, int, int]:
    """Return the header with only the tags of interest, and the place and length of the pixels (-1: none)."""
    stream = io.BytesIO(content)
    found = [-1, -1]

    def at_pixels(tag: int, _vr: str | None, length: int) -> bool:
        if tag not in _PIXEL_TAGS:
            return False
        found[:] = [stream.tell(), length]
        return True

    try:
        header = read_partial(stream, at_pixels, force=True, specific_tags=list(_TAGS.values()))
    except Exception:  # a parser may fail in any way on bytes that are not DICOM
        return None, -1, -1
    if content[128:132] != b"DICM" and "Rows" not in header:
        return None, -1, -1
    if _syntax(header) == "1.2.840.10008.1.2.1.99":
        found[1] = _UNDEFINED_LENGTH  # places in a deflated stream mean nothing in the file
    return header, found[0], found[1]


def _syntax(header: Dataset) -> str:
    """Return the transfer syntax; implicit little endian where none is said (PS3.5 10.1)."""
    try:
        return str(header.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2"))
    except Exception:  # as in `_bytes`: a damaged element may fail in any way
        return ""


def _image(item: Item, header: Dataset, offset: int, length: int) -> Image:
    rows, columns = _short(header, "Rows"), _short(header, "Columns")
    if not rows or not columns:
        raise UnreadableError("no image size in its header")
    if (_number(header, "NumberOfFrames") or 1) > 1:
        raise MultiFrameError("multi-frame object: only single-frame images are read")
    if _short(header, "SamplesPerPixel") > 1:
        raise UnreadableError("colour picture, not a measured image")
    dtype = stored_type(header)
    if dtype and length < rows * columns * np.dtype(dtype).itemsize:
        raise UnreadableError(f"truncated: {length:,} bytes of pixel data for {rows} x {columns} pixels")
    number, series = _number(header, "InstanceNumber"), _number(header, "SeriesNumber")
    acquisition = _number(header, "AcquisitionNumber")
    return Image(
        item=item,
        rows=rows,
        columns=columns,
        number=None if number is None else int(number),
        patient_id=_text(header, "PatientID"),
        sop_uid=_text(header, "SOPInstanceUID"),
        series_uid=_text(header, "SeriesInstanceUID"),
        series_number=None if series is None else int(series),
        description=_text(header, "SeriesDescription"),
        image_type=tuple(_text(header, "ImageType").upper().split("\\")),
        orientation=_numbers(header, "ImageOrientationPatient", 6),
        position=_numbers(header, "ImagePositionPatient", 3),
        spacing=_spacing(header),
        thickness=_number(header, "SliceThickness"),
        slice_spacing=_number(header, "SpacingBetweenSlices"),
        trigger_time=_number(header, "TriggerTime"),
        phases=int(_number(header, "CardiacNumberOfImages") or 0) or None,
        inverted=_text(header, "PhotometricInterpretation") == "MONOCHROME1",
        dtype=dtype,
        offset=offset,
        study_uid=_text(header, "StudyInstanceUID"),
        modality=_text(header, "Modality"),
        protocol=_text(header, "ProtocolName"),
        slope=_number(header, "RescaleSlope") or 1.0,
        intercept=_number(header, "RescaleIntercept") or 0.0,
        beat_ms=_number(header, "NominalInterval") or None,
        inversion_time=_number(header, "InversionTime"),
        acquisition=None if acquisition is None else int(acquisition),
        acquired=_text(header, "AcquisitionTime"),
        synthetic=(_text(header, "Manufacturer"), _text(header, "ManufacturerModelName")) == _PHANTOM,
    )


def stored_type(header: Dataset) -> str | None:
    """Return the type of the pixels where they lie in the file as they are; None where they must be decoded."""
    bits, sign = _short(header, "BitsAllocated"), _short(header, "PixelRepresentation")
    plain = _syntax(header) in _LITTLE_ENDIAN and bits in (8, 16, 32)
    return f"<{'i' if sign else 'u'}{bits // 8}" if plain else None


def _bytes(header: Dataset, keyword: str) -> bytes:
    """Return the value of an element as it stands in the file: conversion by pydicom costs ten times as much."""
    try:
        element = header.get_item(_TAGS[keyword])
    except Exception:  # missing, or damaged in whatever way: it counts as missing
        return b""
    value = element.value if isinstance(element, RawDataElement) else None
    return value if isinstance(value, bytes) else b""


def _text(header: Dataset, keyword: str) -> str:
    return _bytes(header, keyword).decode("latin-1").strip("\0 ")


def _number(header: Dataset, keyword: str) -> float | None:
    """Return a decimal or integer string as a number; None where it is not one."""
    numbers = _numbers(header, keyword, 1)
    return None if numbers is None else numbers[0]


def _numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return exactly `count` finite numbers, or None."""
    try:
        numbers = tuple(map(float, _text(header, keyword).split("\\")))
    except ValueError:
        return None
    plausible = len(numbers) == count and all(abs(number) < 1e9 for number in numbers)  # False for NaN
    return numbers if plausible else None


def _short(header: Dataset, keyword: str) -> int:
    """Return an unsigned short (US), 0 where it is missing or damaged."""
    value = _bytes(header, keyword)
    return int.from_bytes(value, "little" if header.original_encoding[1] else "big") if len(value) == 2 else 0


def _spacing(header: Dataset) -> tuple[float, float] | None:
    spacing = _numbers(header, "PixelSpacing", 2)
    return (spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None
