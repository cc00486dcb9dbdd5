"""DICOM Segmentation objects: BINARY, FRACTIONAL and LABELMAP, of whatever program (PS3.3 A.51, A.86)."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import content
from lvseg.imaging.types import Affine
from lvseg.labels.sources.kinds import SEG
from lvseg.labels.sources.label_map import Reading
from lvseg.labels.sources.matching import Drawings, Images, onto
from lvseg.labels.sources.structures import Region, Table, region_of

_KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")
_BITS = {"BINARY": (1, 8), "FRACTIONAL": (8,), "LABELMAP": (8, 16)}  # a pixel, by kind
_LARGEST = 512 * 2**20  # pixels of one object, unpacked


def read_seg(item: Item, images: Images, table: Table, threshold: float = 0.5) -> Reading:
    """Return the label maps of a Segmentation object.

    A structure is known on the images for which the object has a frame of its segment, an empty one included; a label
    map states all its segments on each frame.

    Args:
        item: the file.
        images: of the same patient.
        table: the user's own words for labels.
        threshold: share of a pixel, or its probability, from which on it belongs to a FRACTIONAL segment.
    """
    reading, drawings = Reading(), Drawings()
    with reading.or_set_aside(item, "Segmentation object"):
        whole = pydicom.dcmread(io.BytesIO(content.kept(item)), force=True)
        _check(whole)
        regions = _regions(whole, table, reading, item.label)
        pixels = _pixels(whole)
        described = {int(segment.SegmentNumber) for segment in whole.SegmentSequence}
        for n in range(len(pixels)):
            try:
                _check_segments(whole, n, pixels[n], described)
                _add_frame(drawings, whole, n, pixels[n], regions, images, threshold)
            except UnreadableError as error:
                drawings.faults[str(error)] += 1
        drawings.close(reading, item.label, "frames")
    return reading


def _check(whole: Dataset) -> None:
    """Refuse what is no Segmentation object, and a header that promises more frames than it describes."""
    if str(whole.get("SOPClassUID", "")) not in SEG or whole.get("SegmentationType") not in _KINDS:
        raise UnreadableError("no Segmentation object of a kind that is read (BINARY, FRACTIONAL, LABELMAP)")
    count, rows, columns = int(whole.get("NumberOfFrames") or 1), int(whole.Rows), int(whole.Columns)
    if count * rows * columns > _LARGEST:
        raise UnreadableError(f"{count:,} x {rows} x {columns} pixels are too many")
    if len(whole.get("PerFrameFunctionalGroupsSequence") or []) != count:
        raise UnreadableError("does not say of each of its frames where it lies")


def _regions(whole: Dataset, table: Table, reading: Reading, file: str) -> dict[int, Region]:
    """Return what each segment covers, and report those of which nothing says it."""
    frames: Counter[int] = Counter()
    for n in range(int(whole.get("NumberOfFrames") or 1)):
        frames[_segment(whole, n)] += 1
    regions = {}
    for segment in whole.SegmentSequence:
        number, name = int(segment.SegmentNumber), str(segment.get("SegmentLabel", "") or "")
        region = region_of(table, name, number, _codes(segment))
        if region is not None:
            regions[number] = region
        elif number or name.lower() != "background":
            count = frames[number] if whole.SegmentationType != "LABELMAP" else sum(frames.values())
            reading.refuse(f"{name or 'without a name'} (segment {number})", count, "frames", file)
    return regions


def _codes(segment: Dataset) -> list[tuple[str, str]]:
    """Return schemes and values of the codes of a segment, its type before its place."""
    sequences = (
        segment.get(name) or [] for name in ("SegmentedPropertyTypeCodeSequence", "AnatomicRegionSequence")
    )
    return [
        (str(code.get("CodingSchemeDesignator", "")), str(code.get("CodeValue", "")))
        for sequence in sequences
        for code in sequence
    ]


def _pixels(whole: Dataset) -> NDArray[Any]:
    """Return the pixels of all frames, (frames, rows, columns)."""
    count, rows, columns = int(whole.get("NumberOfFrames") or 1), int(whole.Rows), int(whole.Columns)
    _check_format(whole, count * rows * columns)
    try:
        pixels = np.asarray(whole.pixel_array).reshape(count, rows, columns)
    except MemoryError:
        raise
    except Exception as error:  # decoders fail in any way on damaged bytes
        raise UnreadableError(f"its pixels cannot be decoded ({type(error).__name__})") from None
    if whole.SegmentationType == "FRACTIONAL" and pixels.max(initial=0) > _maximum(whole):
        raise UnreadableError(f"fractions up to {pixels.max()}, and the largest is to be {_maximum(whole)}")
    return pixels


def _check_format(whole: Dataset, count: int) -> None:
    """Refuse pixels whose header contradicts itself: read by half of it, labels would move or vanish.

    Args:
        whole: the object.
        count: of its pixels.
    """
    bits, kind = int(whole.BitsAllocated), whole.SegmentationType
    if int(whole.get("PixelRepresentation") or 0) or bits not in _BITS[kind]:
        raise UnreadableError(
            f"{kind} with {bits} bits a pixel, or with signs: its header contradicts itself"
        )
    if kind == "FRACTIONAL" and not 0 < _maximum(whole) < 2**bits:
        raise UnreadableError(f"fractions of {_maximum(whole)} in {bits} bits: its header contradicts itself")
    compressed = whole.file_meta.get("TransferSyntaxUID", ExplicitVRLittleEndian).is_compressed
    length, needed = len(whole.PixelData), (count * bits + 7) // 8
    if not compressed and not needed <= length <= needed + 1:
        raise UnreadableError(f"{length:,} bytes of pixels where its header declares {needed:,}")


def _maximum(whole: Dataset) -> int:
    """Return the value of a pixel that belongs to a FRACTIONAL segment as a whole."""
    return int(whole.get("MaximumFractionalValue") or 255)


def _check_segments(whole: Dataset, n: int, pixels: NDArray[Any], described: Set[int]) -> None:
    """Refuse a frame of a segment that the object does not describe: what it shows nobody knows."""
    kind = whole.SegmentationType
    shown = {int(value) for value in np.unique(pixels)} - {0} if kind == "LABELMAP" else {_segment(whole, n)}
    if strange := sorted(shown - described):
        raise UnreadableError(f"of segment {strange[0]}, which the object does not describe")


def _add_frame(
    drawings: Drawings,
    whole: Dataset,
    n: int,
    pixels: NDArray[Any],
    regions: Mapping[int, Region],
    images: Images,
    threshold: float,
) -> None:
    """Lay one frame on its image."""
    kind = whole.SegmentationType
    segments = regions if kind == "LABELMAP" else {_segment(whole, n): regions.get(_segment(whole, n))}
    drawn = {number: region for number, region in segments.items() if region not in (None, Region.OTHER)}
    if not drawn:
        return
    affine = _affine(whole, n)
    image = images.drawn_on(_references(whole, n), affine)
    if kind == "FRACTIONAL":
        pixels = pixels >= threshold * _maximum(whole)
    for number, region in drawn.items():
        mask = pixels == number if kind == "LABELMAP" else pixels.astype(bool)
        assert region is not None
        drawings.add(image, region, onto(mask, affine, image))


def _segment(whole: Dataset, n: int) -> int:
    """Return the segment that a frame belongs to; 0 in a label map, whose frames belong to all."""
    identification = _part(whole, n, "SegmentIdentificationSequence")
    return int(identification.get("ReferencedSegmentNumber") or 0) if identification is not None else 0


def _references(whole: Dataset, n: int) -> list[tuple[str, list[int]]]:
    """Return the images that a frame was drawn on, or else those that the object as a whole names."""
    derivation = _part(whole, n, "DerivationImageSequence")
    sources = [] if derivation is None else derivation.get("SourceImageSequence") or []
    if not sources:
        series = whole.get("ReferencedSeriesSequence") or []
        sources = [image for one in series for image in one.get("ReferencedInstanceSequence") or []]
    return [(str(source.get("ReferencedSOPInstanceUID", "")), _frames(source)) for source in sources]


def _frames(source: Dataset) -> list[int]:
    """Return the frames, from 0, of a reference to a file that holds several."""
    number = source.get("ReferencedFrameNumber")
    numbers: Sequence[Any] = [] if number is None else [number] if isinstance(number, int | str) else number
    return [int(number) - 1 for number in numbers]


def _affine(whole: Dataset, n: int) -> Affine | None:
    """Return the affine of a frame as `Image.affine`, None where it is not said."""
    place, turn = _part(whole, n, "PlanePositionSequence"), _part(whole, n, "PlaneOrientationSequence")
    measures = _part(whole, n, "PixelMeasuresSequence")
    if place is None or turn is None or measures is None:
        return None
    row_mm, column_mm = (float(value) for value in measures.PixelSpacing)
    if not (row_mm > 0 and column_mm > 0):
        raise UnreadableError("its place or pixel size is none")
    direction = np.array([float(value) for value in turn.ImageOrientationPatient]).reshape(2, 3)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = direction[0] * column_mm, direction[1] * row_mm
    affine[:3, 2], affine[:3, 3] = (
        np.cross(*direction),
        [float(value) for value in place.ImagePositionPatient],
    )
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-6:
        raise UnreadableError("its place or pixel size is none")
    return affine


def _part(whole: Dataset, n: int, name: str) -> Dataset | None:
    """Return the first item of a functional group of a frame: its own before the shared one."""
    groups = whole.get("PerFrameFunctionalGroupsSequence") or []
    shared = whole.get("SharedFunctionalGroupsSequence") or []
    for group in (*groups[n : n + 1], *shared[:1]):
        if group.get(name):
            item: Dataset = group.get(name)[0]
            return item
    return None
