"""The elements of a header as they stand in the file: which the readers need, and what each says."""

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

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
TAGS = {keyword: Tag(keyword) for keyword in _KEYWORDS}
IMPLICIT = "1.2.840.10008.1.2"


def stored_bytes(header: Dataset, keyword: str) -> bytes:
    """Return the value of an element as it stands in the file: conversion by pydicom costs ten times as much."""
    try:
        element = header.get_item(TAGS[keyword])
    except Exception:  # missing, or damaged in whatever way: it counts as missing
        return b""
    value = element.value if isinstance(element, RawDataElement) else None
    return value if isinstance(value, bytes) else b""


def text(header: Dataset, keyword: str) -> str:
    """Return an element as text without padding, empty where it is missing or damaged."""
    return stored_bytes(header, keyword).decode("latin-1").strip("\0 ")


def number(header: Dataset, keyword: str) -> float | None:
    """Return a decimal or integer string as a number; None where it is not one."""
    alone = numbers(header, keyword, 1)
    return None if alone is None else alone[0]


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return exactly `count` finite numbers, or None; a decimal comma, as some exporters write, is one."""
    try:
        values = tuple(float(part.replace(",", ".")) for part in text(header, keyword).split("\\"))
    except ValueError:
        return None
    plausible = len(values) == count and all(abs(value) < 1e9 for value in values)  # False for NaN
    return values if plausible else None


def rescale(header: Dataset) -> tuple[float, float, bool]:
    """Return slope and intercept (1 and 0 where not stated), and whether the header states a pair that cannot be."""
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    unread = (slope is None and text(header, "RescaleSlope")) or (
        intercept is None and text(header, "RescaleIntercept")
    )
    if unread or slope == 0:
        return 1.0, 0.0, True
    return 1.0 if slope is None else slope, intercept or 0.0, False


def short(header: Dataset, keyword: str) -> int:
    """Return an unsigned short (US), 0 where it is missing or damaged."""
    value = stored_bytes(header, keyword)
    return int.from_bytes(value, "little" if header.original_encoding[1] else "big") if len(value) == 2 else 0


def pixel_spacing(header: Dataset) -> tuple[float, float] | None:
    """Return the distance between rows and between columns in mm, None where it is missing or not above 0."""
    spacing = numbers(header, "PixelSpacing", 2)
    return (spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None


def transfer_syntax(header: Dataset) -> str:
    """Return the transfer syntax; implicit little endian where none is said (PS3.5 10.1)."""
    try:
        return str(header.file_meta.get("TransferSyntaxUID", IMPLICIT))
    except Exception:  # as in `stored_bytes`: a damaged element may fail in any way
        return ""


def stored_class(header: Dataset) -> str:
    """Return the SOP class that the file meta information names; nothing where it names none."""
    try:
        return str(header.file_meta.get("MediaStorageSOPClassUID", ""))
    except Exception:  # as in `transfer_syntax`
        return ""
