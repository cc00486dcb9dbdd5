"""Enhanced MR objects: one file that holds all frames of a series (PS3.3 A.36), as many single images."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import content
from lvseg.dicom.bounds import TOO_MUCH, bounded
from lvseg.dicom.header import (
    PHANTOM,
    MultiFrameError,
    PixelData,
    check_length,
    locate,
    read_image,
    stored_padding,
    stored_pixels,
)
from lvseg.dicom.image import Image

# After the R wave, the best first: the second is of one beat of many, the third of files that were converted.
_TIMES = "NominalCardiacTriggerDelayTime", "ActualCardiacTriggerDelayTime", "TriggerTime"
_LARGEST = 256 * 2**20  # bytes of the pixels of one object, unpacked


@bounded()
def read_images(item: Item) -> list[Image]:
    """Read the header of a file: one image, or one for each frame of an enhanced object.

    Raises:
        UnreadableError: as `dicom.read_image`, or an object that does not say where its frames lie.
    """
    try:
        return [read_image(item)]
    except MultiFrameError:
        pass
    header, pixel_data = locate(item)
    try:
        whole = pydicom.dcmread(io.BytesIO(content.kept(item)), stop_before_pixels=True, force=True)
        return _frames(item, header, whole, pixel_data, *stored_pixels(header, pixel_data))
    except UnreadableError:
        raise
    except MemoryError:
        raise UnreadableError(TOO_MUCH) from None
    except Exception as error:  # a parser may fail in any way on damaged bytes
        raise UnreadableError(f"damaged multi-frame object ({type(error).__name__})") from None


def _frames(
    item: Item,
    header: Dataset,
    whole: Dataset,
    pixel_data: PixelData,
    dtype: str | None,
    low_bit: int,
    bits: int | None,
) -> list[Image]:
    """Return an image for each frame."""
    count, rows, columns = int(whole.get("NumberOfFrames") or 1), int(whole.Rows), int(whole.Columns)
    shared = _first(whole, "SharedFunctionalGroupsSequence")
    groups = whole.get("PerFrameFunctionalGroupsSequence") or []
    if not groups:
        raise UnreadableError("multi-frame object that does not say where its frames lie")
    if len(groups) != count:
        raise UnreadableError(f"multi-frame object of {count} frames that describes {len(groups)}")
    size = rows * columns * (pixel_data.floating or int(whole.BitsAllocated)) // 8
    if not rows or not columns or count * size > _LARGEST:
        raise UnreadableError(f"multi-frame object of {count} x {rows} x {columns} pixels")
    if dtype:
        check_length(pixel_data.length, (count, rows, columns), np.dtype(dtype).itemsize)
    before = (
        _whole_number(whole, "ConcatenationFrameOffsetNumber") or 0
    )  # in the other files of one that was cut
    common: dict[str, Any] = {
        "item": item,
        "rows": rows,
        "columns": columns,
        "patient_id": str(whole.get("PatientID", "") or ""),
        "sop_uid": str(whole.get("SOPInstanceUID", "")),
        "sop_class": str(whole.get("SOPClassUID", "")),
        "series_uid": str(whole.get("SeriesInstanceUID", "")),
        "series_number": _whole_number(whole, "SeriesNumber"),
        "description": str(whole.get("SeriesDescription", "") or ""),
        "phases": None,
        "inverted": whole.get("PhotometricInterpretation") == "MONOCHROME1",
        "dtype": dtype,
        "low_bit": low_bit,
        "bits": bits,
        "drawn_into": str(whole.get("BurnedInAnnotation", "")).strip().upper() == "YES",
        "padding": stored_padding(header),
        "synthetic": (whole.get("Manufacturer"), whole.get("ManufacturerModelName")) == PHANTOM,
        "manufacturer": str(whole.get("Manufacturer", "") or ""),
        "reference_uid": str(whole.get("FrameOfReferenceUID", "") or ""),
        "study_uid": str(whole.get("StudyInstanceUID", "")),
        "modality": str(whole.get("Modality", "") or ""),
        "protocol": str(whole.get("ProtocolName", "") or ""),
    }
    return [
        Image(
            **common,
            **_of_one_frame(whole, shared, group, count == 1),
            number=before + n + 1 if count > 1 else _whole_number(whole, "InstanceNumber"),
            frame=n,
            offset=pixel_data.offset + n * size if dtype else pixel_data.offset,
        )
        for n, group in enumerate(groups)
    ]


def _of_one_frame(whole: Dataset, shared: Dataset, group: Dataset, alone: bool) -> dict[str, Any]:
    """Return what belongs to one frame: its own functional groups, then the shared ones, then the object as a whole.

    Converters leave at the top what is the same for all frames. A position is that of a frame: it is taken from there
    where the frame is `alone`.
    """

    def part(name: str) -> Dataset:
        return _first(group, name) or _first(shared, name)

    def said(sequence: Dataset, name: str) -> Dataset:
        return sequence if name in sequence else whole

    measures, content = part("PixelMeasuresSequence"), part("FrameContentSequence")
    heart, scale = part("CardiacSynchronizationSequence"), part("PixelValueTransformationSequence")
    kind = part("MRImageFrameTypeSequence")
    spacing = _numbers(said(measures, "PixelSpacing"), "PixelSpacing", 2)
    place = part("PlanePositionSequence")
    slope = _number(said(scale, "RescaleSlope"), "RescaleSlope")
    acquisition = _whole_number(content, "FrameAcquisitionNumber")
    times = (_number(heart, name) for name in _TIMES)
    return {
        "image_type": (
            *(str(word).upper() for word in _values(kind.get("FrameType") or whole.get("ImageType"))),
            str(kind.get("ComplexImageComponent", "")).upper(),
        ),
        "orientation": _numbers(
            said(part("PlaneOrientationSequence"), "ImageOrientationPatient"), "ImageOrientationPatient", 6
        ),
        "position": _numbers(
            said(place, "ImagePositionPatient") if alone else place, "ImagePositionPatient", 3
        ),
        "spacing": spacing if spacing and min(spacing) > 0 else None,
        "thickness": _number(said(measures, "SliceThickness"), "SliceThickness"),
        "slice_spacing": _number(said(measures, "SpacingBetweenSlices"), "SpacingBetweenSlices"),
        "trigger_time": next((time for time in times if time is not None), None),
        "slope": slope or 1.0,
        "intercept": 0.0
        if slope == 0
        else _number(said(scale, "RescaleIntercept"), "RescaleIntercept") or 0.0,
        "unscaled": slope == 0,
        "beat_ms": _number(heart, "RRIntervalTimeNominal") or None,
        "inversion_time": _number(part("MRModifierSequence"), "InversionTimes"),
        "acquisition": acquisition,
        "acquired": str(content.get("FrameAcquisitionDateTime", "") or ""),
        "temporal": _whole_number(content, "TemporalPositionIndex"),
    }


def _first(group: Dataset, name: str) -> Dataset:
    """Return the first item of a sequence; an empty one where there is none."""
    sequence = group.get(name)
    return sequence[0] if sequence else Dataset()


def _values(value: Any) -> Sequence[Any]:
    """Return the values of an element, of which there may be one or none."""
    if value is None or value == "":
        return ()
    return [value] if isinstance(value, str | int | float) else list(value)


def _numbers(group: Dataset, name: str, count: int) -> tuple[float, ...] | None:
    """Return exactly `count` plausible numbers, or None."""
    numbers = tuple(float(value) for value in _values(group.get(name)))
    return numbers if len(numbers) == count and all(np.abs(numbers) < 1e9) else None


def _number(group: Dataset, name: str) -> float | None:
    """Return the first number of an element, or None."""
    values = _values(group.get(name))
    return float(values[0]) if values and abs(float(values[0])) < 1e9 else None


def _whole_number(group: Dataset, name: str) -> int | None:
    number = _number(group, name)
    return None if number is None else int(number)
