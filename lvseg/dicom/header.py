"""The header of a DICOM file: the facts that the readers need."""

import io
from dataclasses import dataclass

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import Tag

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import content
from lvseg.dicom.bounds import TOO_MUCH, bounded
from lvseg.dicom.image import Image

_HEAD = 16 * 1024  # bytes; holds the header of nearly every classic image
_KEYWORDS = [
    "SOPClassUID", "SOPInstanceUID", "ImageType", "SeriesDescription", "PatientID", "SliceThickness",
    "SpacingBetweenSlices", "TriggerTime", "CardiacNumberOfImages", "SeriesInstanceUID", "SeriesNumber",
    "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "SamplesPerPixel",
    "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "SliceLocation", "FrameOfReferenceUID", "ModalityLUTSequence",
    "StudyInstanceUID", "Modality", "ProtocolName", "RescaleSlope",
    "RescaleIntercept", "NominalInterval", "AcquisitionNumber", "AcquisitionTime", "InversionTime",
    "Manufacturer", "ManufacturerModelName", "BurnedInAnnotation", "TemporalPositionIdentifier", "ContentTime",
    "PixelPaddingValue", "PixelPaddingRangeLimit",
]  # fmt: skip
_TAGS = {keyword: Tag(keyword) for keyword in _KEYWORDS}
PHANTOM = "LVSEG", "PHANTOM"  # manufacturer and model that the stage `phantom` writes
_FLOAT_TAGS = {0x7FE00008: 32, 0x7FE00009: 64}  # Float and Double Float Pixel Data, and their bits
_PIXEL_TAGS = {*_FLOAT_TAGS, 0x7FE00010}
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")  # how zip, gzip, 7z and RAR begin
_UNDEFINED_LENGTH = 0xFFFFFFFF
_WITHOUT_CLASS = {"", "1.2.840.10008.1.3.10"}  # a DICOMDIR has none in its data set
_IMPLICIT = "1.2.840.10008.1.2"
_LITTLE_ENDIAN = {_IMPLICIT, "1.2.840.10008.1.2.1"}
# Enhanced and legacy converted enhanced MR: where a frame lies stands in its functional groups, even of one frame.
_ENHANCED = {"1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4"}


class MultiFrameError(UnreadableError):
    """A file whose frames have headers of their own; see `lvseg.dicom.multiframe`."""


@dataclass(frozen=True)
class PixelData:
    """Where the pixels of a file are.

    Attributes:
        offset: of their first byte in `content.whole`.
        length: in bytes, as stated; -1 where it is not.
        floating: bits of each where they are floating-point numbers, else 0.
    """

    offset: int
    length: int
    floating: int


@bounded()
def read_image(item: Item) -> Image:
    """Read the header of a file.

    Raises:
        UnreadableError: the file is empty, truncated, not DICOM, or not one grey image whose pixels are understood.
    """
    return _image(item, *locate(item))


def locate(item: Item) -> tuple[Dataset, PixelData]:
    """Return the header of a file with only the tags of interest, and where its pixels are.

    Values are still as they stand in the file: they are to be looked at within `bounded`.

    Raises:
        UnreadableError: as `read_image`, but for what the image is.
    """
    if item.size == 0:
        raise UnreadableError("empty file")
    head = item.read(_HEAD)
    named, size = content.is_named(head), item.size
    if content.is_deflated(head):
        head = content.kept(item)
        size = len(head)
    header, pixel_data = _parse(head)
    if pixel_data is None and size > len(head) and (named or content.may_be_dataset(head)):
        header, pixel_data = _parse(content.whole(item))
    if header is None and head.startswith(_PACKED):
        raise UnreadableError("a packed file, such as an archive inside an archive: unpack it")
    if header is None or not (named or "Rows" in header):
        raise UnreadableError("not a DICOM file")
    if "Rows" not in header and pixel_data is None and "SOPClassUID" not in header:
        if _stored_class(header) in _WITHOUT_CLASS:
            raise UnreadableError("DICOM file without an image (DICOMDIR or the like)")
        raise UnreadableError(
            "its header is damaged, or in another encoding than it says (Transfer Syntax UID)"
        )
    if pixel_data is None:
        raise UnreadableError("DICOM file without pixel data, or truncated before it")
    if pixel_data.length != _UNDEFINED_LENGTH and pixel_data.offset + pixel_data.length > size:
        raise UnreadableError(
            f"truncated: {pixel_data.offset + pixel_data.length - size:,} bytes of pixel data are missing"
        )
    return header, pixel_data


def _parse(beginning: bytes) -> tuple[Dataset | None, PixelData | None]:
    """Return the header with only the tags of interest, and where the pixels are, if they are in sight."""
    stream = io.BytesIO(beginning)
    pixel_data: list[PixelData] = []

    def at_pixels(tag: int, _vr: str | None, length: int) -> bool:
        if tag not in _PIXEL_TAGS:
            return False
        pixel_data[:] = [PixelData(stream.tell(), length, _FLOAT_TAGS.get(int(tag), 0))]
        return True

    try:
        header = read_partial(stream, at_pixels, force=True, specific_tags=list(_TAGS.values()))
    except MemoryError:
        raise UnreadableError(TOO_MUCH) from None
    except Exception:  # a parser may fail in any way on bytes that are not DICOM
        return None, None
    if not content.is_named(beginning) and "Rows" not in header:
        return None, None
    return header, pixel_data[0] if pixel_data else None


def _syntax(header: Dataset) -> str:
    """Return the transfer syntax; implicit little endian where none is said (PS3.5 10.1)."""
    try:
        return str(header.file_meta.get("TransferSyntaxUID", _IMPLICIT))
    except Exception:  # as in `_bytes`: a damaged element may fail in any way
        return ""


def _stored_class(header: Dataset) -> str:
    """Return the SOP class that the file meta information names; nothing where it names none."""
    try:
        return str(header.file_meta.get("MediaStorageSOPClassUID", ""))
    except Exception:  # as in `_syntax`
        return ""


def _image(item: Item, header: Dataset, pixel_data: PixelData) -> Image:
    rows, columns = _short(header, "Rows"), _short(header, "Columns")
    if not rows or not columns:
        raise UnreadableError("no image size in its header")
    if (_number(header, "NumberOfFrames") or 1) > 1 or _text(header, "SOPClassUID") in _ENHANCED:
        raise MultiFrameError("multi-frame object: only single-frame images are read")
    dtype, low_bit, bits = stored_pixels(header, pixel_data)
    if dtype:
        check_length(pixel_data.length, (1, rows, columns), np.dtype(dtype).itemsize)
    number, series = _number(header, "InstanceNumber"), _number(header, "SeriesNumber")
    acquisition, temporal = (
        _number(header, "AcquisitionNumber"),
        _number(header, "TemporalPositionIdentifier"),
    )
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
        offset=pixel_data.offset,
        bits=bits,
        low_bit=low_bit,
        location=_number(header, "SliceLocation"),
        reference_uid=_text(header, "FrameOfReferenceUID"),
        study_uid=_text(header, "StudyInstanceUID"),
        modality=_text(header, "Modality"),
        protocol=_text(header, "ProtocolName"),
        slope=_number(header, "RescaleSlope") or 1.0,
        intercept=_number(header, "RescaleIntercept") or 0.0,
        beat_ms=_number(header, "NominalInterval") or None,
        inversion_time=_number(header, "InversionTime"),
        acquisition=None if acquisition is None else int(acquisition),
        acquired=_text(header, "AcquisitionTime"),
        temporal=None if temporal is None else int(temporal),
        created=_text(header, "ContentTime"),
        drawn_into=_text(header, "BurnedInAnnotation").upper() == "YES",
        padding=stored_padding(header),
        synthetic=(_text(header, "Manufacturer"), _text(header, "ManufacturerModelName")) == PHANTOM,
        manufacturer=_text(header, "Manufacturer"),
    )


def stored_pixels(header: Dataset, pixel_data: PixelData) -> tuple[str | None, int, int | None]:
    """Return how the pixels of a file are stored.

    Returns:
        Their type where they lie in the file as they are, None where they must be decoded; the lowest bit that is
        theirs; how many are, None for all of them.

    Raises:
        UnreadableError: they are colours, or the header contradicts itself.
    """
    kind = _text(header, "PhotometricInterpretation")
    if _short(header, "SamplesPerPixel") > 1 or kind.startswith(("RGB", "YBR", "PALETTE")):
        raise UnreadableError("colour picture, not a measured image")
    if "ModalityLUTSequence" in header:
        raise UnreadableError("its values need a look-up table (Modality LUT), which is not read")
    native = _syntax(header) in _LITTLE_ENDIAN
    if native and pixel_data.length == _UNDEFINED_LENGTH:
        raise UnreadableError(
            "its pixels are compressed, and its header does not say how (Transfer Syntax UID)"
        )
    plain = (native or pixel_data.length == _size(header)) and header.original_encoding[1] is not False
    if pixel_data.floating:
        return (f"<f{pixel_data.floating // 8}" if plain else None), 0, None
    allocated, sign = _short(header, "BitsAllocated"), _short(header, "PixelRepresentation")
    stored = _short(header, "BitsStored") or allocated
    high = _short(header, "HighBit") if _bytes(header, "HighBit") else stored - 1
    if sign > 1:
        raise UnreadableError(
            f"its header says that pixels are signed and unsigned (PixelRepresentation {sign})"
        )
    if not 0 < stored <= high + 1 <= allocated:
        raise UnreadableError(
            f"its header contradicts itself: {stored} bits stored up to bit {high} of {allocated} allocated"
        )
    dtype = f"<{'i' if sign else 'u'}{allocated // 8}" if plain and allocated in (8, 16, 32) else None
    return dtype, high + 1 - stored, None if stored == allocated else stored


def _size(header: Dataset) -> int:
    """Return how many bytes the pixels of a file take that are not compressed, an even number."""
    size = _short(header, "Rows") * _short(header, "Columns") * (_short(header, "BitsAllocated") // 8)
    size *= int(_number(header, "NumberOfFrames") or 1)
    return size + size % 2


def stored_padding(header: Dataset) -> tuple[int, int] | None:
    """Return the lowest and highest stored value that fill an image up where nothing was measured (PS3.3 C.7.5.1.1.2).

    None where the header names none.
    """
    signed = _short(header, "PixelRepresentation") == 1
    little = "little" if header.original_encoding[1] is not False else "big"
    values = [_bytes(header, name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    known = [int.from_bytes(value, little, signed=signed) for value in values if len(value) == 2]  # type: ignore[arg-type]
    return (min(known), max(known)) if len(values[0]) == 2 else None


def check_length(length: int, shape: tuple[int, int, int], itemsize: int) -> None:
    """Refuse pixel data that cannot be what the header says; a few bytes may follow them.

    Args:
        length: bytes that are there.
        shape: frames, rows and columns.
        itemsize: bytes of a pixel.

    Raises:
        UnreadableError: pixels are missing, or there is a whole row more.
    """
    frames, rows, columns = shape
    size = frames * rows * columns * itemsize
    pixels = (
        f"{length:,} bytes of pixel data for {f'{frames} x ' if frames > 1 else ''}{rows} x {columns} pixels"
    )
    if length < size:
        raise UnreadableError(f"truncated: {pixels}")
    if length >= size + columns * itemsize:
        raise UnreadableError(f"its header contradicts itself: {pixels}")


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
    """Return exactly `count` finite numbers, or None; a decimal comma, as some exporters write, is one."""
    try:
        numbers = tuple(float(part.replace(",", ".")) for part in _text(header, keyword).split("\\"))
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
