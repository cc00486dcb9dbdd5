"""The header of a DICOM file: the facts that the readers need."""

import io
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.uid import AllTransferSyntaxes

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import content
from lvseg.dicom.bounds import TOO_MUCH, bounded
from lvseg.dicom.elements import (
    IMPLICIT,
    TAGS,
    number,
    numbers,
    pixel_spacing,
    rescale,
    short,
    stored_bytes,
    stored_class,
    text,
    transfer_syntax,
)
from lvseg.dicom.image import Image

_HEAD = 16 * 1024  # bytes; holds the header of nearly every classic image
PHANTOM = "LVSEG", "PHANTOM"  # manufacturer and model that the stage `phantom` writes
_FLOAT_TAGS = {0x7FE00008: 32, 0x7FE00009: 64}  # Float and Double Float Pixel Data, and their bits
_PIXEL_TAGS = {*_FLOAT_TAGS, 0x7FE00010}
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")  # how zip, gzip, 7z and RAR begin
_UNDEFINED_LENGTH = 0xFFFFFFFF
# The standard's own: of a private one nobody knows in which order it has bytes.
_COMPRESSED = {str(uid) for uid in AllTransferSyntaxes if uid.is_encapsulated}
_WITHOUT_CLASS = {"", "1.2.840.10008.1.3.10"}  # a DICOMDIR has none in its data set
_LITTLE_ENDIAN = {IMPLICIT, "1.2.840.10008.1.2.1"}
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
        if stored_class(header) in _WITHOUT_CLASS:
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
        header = read_partial(stream, at_pixels, force=True, specific_tags=list(TAGS.values()))
    except MemoryError:
        raise UnreadableError(TOO_MUCH) from None
    except Exception:  # a parser may fail in any way on bytes that are not DICOM
        return None, None
    if not content.is_named(beginning) and "Rows" not in header:
        return None, None
    return header, pixel_data[0] if pixel_data else None


def _image(item: Item, header: Dataset, pixel_data: PixelData) -> Image:
    rows, columns = short(header, "Rows"), short(header, "Columns")
    if not rows or not columns:
        raise UnreadableError("no image size in its header")
    if (number(header, "NumberOfFrames") or 1) > 1 or text(header, "SOPClassUID") in _ENHANCED:
        raise MultiFrameError("multi-frame object: only single-frame images are read")
    dtype, low_bit, bits = stored_pixels(header, pixel_data)
    if dtype:
        check_length(pixel_data.length, (1, rows, columns), np.dtype(dtype).itemsize)
    instance, series = number(header, "InstanceNumber"), number(header, "SeriesNumber")
    acquisition, temporal = (
        number(header, "AcquisitionNumber"),
        number(header, "TemporalPositionIdentifier"),
    )
    slope, intercept, unscaled = rescale(header)
    return Image(
        item=item,
        rows=rows,
        columns=columns,
        number=None if instance is None else int(instance),
        patient_id=text(header, "PatientID"),
        sop_uid=text(header, "SOPInstanceUID"),
        sop_class=text(header, "SOPClassUID"),
        series_uid=text(header, "SeriesInstanceUID"),
        series_number=None if series is None else int(series),
        description=text(header, "SeriesDescription"),
        image_type=tuple(text(header, "ImageType").upper().split("\\")),
        orientation=numbers(header, "ImageOrientationPatient", 6),
        position=numbers(header, "ImagePositionPatient", 3),
        spacing=pixel_spacing(header),
        thickness=number(header, "SliceThickness"),
        slice_spacing=number(header, "SpacingBetweenSlices"),
        trigger_time=number(header, "TriggerTime"),
        phases=int(number(header, "CardiacNumberOfImages") or 0) or None,
        inverted=text(header, "PhotometricInterpretation") == "MONOCHROME1",
        dtype=dtype,
        offset=pixel_data.offset,
        bits=bits,
        low_bit=low_bit,
        location=number(header, "SliceLocation"),
        reference_uid=text(header, "FrameOfReferenceUID"),
        study_uid=text(header, "StudyInstanceUID"),
        modality=text(header, "Modality"),
        protocol=text(header, "ProtocolName"),
        slope=slope,
        intercept=intercept,
        unscaled=unscaled,
        beat_ms=number(header, "NominalInterval") or None,
        inversion_time=number(header, "InversionTime"),
        acquisition=None if acquisition is None else int(acquisition),
        acquired=text(header, "AcquisitionTime"),
        temporal=None if temporal is None else int(temporal),
        created=text(header, "ContentTime"),
        drawn_into=text(header, "BurnedInAnnotation").upper() == "YES",
        padding=stored_padding(header),
        synthetic=(text(header, "Manufacturer"), text(header, "ManufacturerModelName")) == PHANTOM,
        manufacturer=text(header, "Manufacturer"),
    )


def stored_pixels(header: Dataset, pixel_data: PixelData) -> tuple[str | None, int, int | None]:
    """Return how the pixels of a file are stored.

    Returns:
        Their type where they lie in the file as they are, None where they must be decoded; the lowest bit that is
        theirs; how many are, None for all of them.

    Raises:
        UnreadableError: they are colours, or the header contradicts itself.
    """
    kind = text(header, "PhotometricInterpretation")
    if short(header, "SamplesPerPixel") > 1 or kind.startswith(("RGB", "YBR", "PALETTE")):
        raise UnreadableError("colour picture, not a measured image")
    if "ModalityLUTSequence" in header:
        raise UnreadableError("its values need a look-up table (Modality LUT), which is not read")
    native = transfer_syntax(header) in _LITTLE_ENDIAN
    if native and pixel_data.length == _UNDEFINED_LENGTH:
        raise UnreadableError(
            "its pixels are compressed, and its header does not say how (Transfer Syntax UID)"
        )
    # Of compressed pixels no length is stated (PS3.5 A.4): these are not, whatever is said.
    native = native or (transfer_syntax(header) in _COMPRESSED and pixel_data.length == _size(header))
    plain = native and header.original_encoding[1] is not False
    if pixel_data.floating:
        return (f"<f{pixel_data.floating // 8}" if plain else None), 0, None
    allocated, sign = short(header, "BitsAllocated"), short(header, "PixelRepresentation")
    stored = short(header, "BitsStored") or allocated
    high = short(header, "HighBit") if stored_bytes(header, "HighBit") else stored - 1
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
    size = short(header, "Rows") * short(header, "Columns") * (short(header, "BitsAllocated") // 8)
    size *= int(number(header, "NumberOfFrames") or 1)
    return size + size % 2


def stored_padding(header: Dataset) -> tuple[int, int] | None:
    """Return the lowest and highest stored value that fill an image up where nothing was measured (PS3.3 C.7.5.1.1.2).

    None where the header names none.
    """
    signed = short(header, "PixelRepresentation") == 1
    little = "little" if header.original_encoding[1] is not False else "big"
    values = [stored_bytes(header, name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
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
