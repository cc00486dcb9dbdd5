"""Frames by request, alone or as a study: the forms in which they may come, and the answer."""

import base64
import binascii
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import UnreadableError
from lvseg.dicom.sandbox import LARGEST, Decoder
from lvseg.imaging.outline import area
from lvseg.imaging.spacing import UNKNOWN, Spacing
from lvseg.imaging.structures import Structure
from lvseg.inference.segmentation import Stack
from lvseg.inference.segmenter import Drawn, Segmenter
from lvseg.inference.stacks import segment as segment_stack
from lvseg.inference.stacks import segment_alone

# Of one study: what no scanner gives. Its frames are all in memory at once, and in a table of slices and phases.
MOST_FRAMES, MOST_SLICES, MOST_PHASES, MOST_PIXELS = 10_000, 500, 500, 128 * 2**20
SPACINGS_MM = (0.01, 100.0)  # outside, resampling would take hours, or all memory
_PLACE = ("slice", "phase")
_DECODER = Decoder()

RequestedFrame = tuple[NDArray[np.generic], Spacing]


def segment(segmenter: Segmenter, requests: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """Return one answer per request, in order.

    Args:
        segmenter: the trained network.
        requests: each with `dicom`, a DICOM file in base64, or with `pixels`, rows of numbers, and where it is known
            `spacing_mm`, millimetres between rows and between columns. Those with `slice` and `phase`, whole numbers,
            are frames of one study, which are segmented as one stack; all others stand alone. What is None or NaN
            counts as absent.

    Returns:
        Of each frame `rows` and `columns`; `found`, whether there is a ventricle; `contour`, its outline as [x, y] in
        pixels whose first centre is (0, 0); `area_mm2`, of that outline, None where the spacing is unknown;
        `mask`, [start, length, ...] of the runs of cavity pixels, counted row by row from 0; `others`, the mask of each
        other structure that the network draws, by its key.

    Raises:
        UserError: a request cannot be understood; the message says which, and why.
    """
    if not requests:
        raise UserError("no frame: each is a row with `dicom` or `pixels`")
    places = [_place(number, request) for number, request in enumerate(requests)]
    frames = (_frame(number, request) for number, request in enumerate(requests))
    if all(place is not None for place in places):
        return _study(segmenter, frames, [place for place in places if place is not None])
    if any(place is not None for place in places):
        raise UserError("frames of a study, with `slice` and `phase`, and frames without: send them apart")
    # small files may hold large frames: never all at once
    return [_answer(segment_alone(segmenter, image, spacing), spacing) for image, spacing in frames]


def _place(number: int, request: Mapping[Any, Any]) -> tuple[int, int] | None:
    """Return slice and phase of a frame of a study; None for a frame that stands alone."""
    given = [request.get(name) for name in _PLACE]
    if all(_absent(value) for value in given):
        return None
    try:
        slice_, phase = (int(value) for value in given)  # type: ignore[arg-type] # that is what is tried
        if (slice_, phase) == tuple(given):
            return slice_, phase
    except (TypeError, ValueError, OverflowError):
        pass
    raise UserError(f"frame {number}: `slice` and `phase` must both be whole numbers")


def _study(
    segmenter: Segmenter, requested: Iterable[RequestedFrame], places: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """Return the answers for the frames of one study."""
    if len(set(places)) < len(places):
        raise UserError("two frames of a study have the same `slice` and `phase`")
    counts = len(places), len({slice_ for slice_, _ in places}), len({phase for _, phase in places})
    if any(count > most for count, most in zip(counts, (MOST_FRAMES, MOST_SLICES, MOST_PHASES), strict=True)):
        raise UserError(
            f"a study of {counts[0]} frames, {counts[1]} slices and {counts[2]} phases is too large"
        )
    frames: list[RequestedFrame] = []
    for image, spacing in requested:
        frames.append((image, spacing))
        if (image.shape, spacing) != (frames[0][0].shape, frames[0][1]):
            raise UserError("the frames of a study must have one size and one spacing")
        if image.size * len(frames) > MOST_PIXELS:
            raise UserError(f"a study of more than {MOST_PIXELS:,} pixels is too large: send frames alone")
    order = sorted(range(len(frames)), key=lambda number: places[number])
    numbers = np.array([places[number] for number in order])
    (slices, s), (phases, p) = (np.unique(column, return_inverse=True) for column in numbers.T)
    at = np.full((len(slices), len(phases)), -1, np.int64)
    at[s, p] = np.arange(len(order))
    spacing = frames[0][1]
    stack = Stack(np.stack([frames[number][0] for number in order]), spacing, s.astype(np.int64) + 1, at)
    segmentation = segment_stack(segmenter, stack)
    answers: list[dict[str, Any]] = [{}] * len(frames)
    for index, number in enumerate(order):
        answers[number] = _answer(segmentation.drawn(index), spacing)
    return answers


def runs(mask: NDArray[np.uint8]) -> list[int]:
    """Return [start, length, ...] of the runs of ones in a mask (H, W), row by row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.ravel() != 0, [0]])))
    edges[1::2] -= edges[::2]
    return [int(edge) for edge in edges]


def _answer(prediction: Drawn, spacing: Spacing) -> dict[str, Any]:
    """Return what is said of one frame."""
    contour = prediction.contour()
    pixel = spacing.pixel_mm2
    mm2 = 0.0 if contour is None else abs(area(contour)) * pixel
    rows, columns = prediction.labels.shape
    return {
        "rows": rows,
        "columns": columns,
        "found": contour is not None,
        "contour": [] if contour is None else contour.round(2).tolist(),
        "area_mm2": None if math.isnan(pixel) else round(mm2, 2),
        "mask": runs(prediction.mask),
        "others": {
            structure.key: runs(np.asarray(prediction.labels == structure, np.uint8))
            for structure in prediction.outlines
            if structure is not Structure.CAVITY
        },
    }


def _frame(number: int, request: Mapping[Any, Any]) -> RequestedFrame:
    """Return the image (H, W) and the spacing of one request."""
    given = {name: value for name, value in request.items() if not _absent(value) and name not in _PLACE}
    if not given.keys() <= {"pixels", "spacing_mm", "dicom"} or ("dicom" in given) == ("pixels" in given):
        raise UserError(
            f"frame {number}: give either `dicom` or `pixels` (with `spacing_mm` where it is known), "
            f"not {', '.join(map(str, sorted(given))) or 'nothing'}"
        )
    try:
        frame = _of_dicom(given) if "dicom" in given else _of_numbers(given)
        if not np.isfinite(frame[0]).all():
            raise ValueError("pixels hold NaN or infinity")
    except (ValueError, TypeError, OverflowError, UnreadableError) as error:
        raise UserError(f"frame {number}: {error}") from None
    return frame


def _absent(value: Any) -> bool:
    """Return whether a value stands for none: tables fill their gaps with NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _check(rows: int, columns: int, spacing: Spacing) -> None:
    """Refuse a frame that nobody measured; an unknown spacing passes."""
    if not 1 <= min(rows, columns) <= max(rows, columns) <= LARGEST:
        raise ValueError(f"{rows} x {columns} pixels, from 1 to {LARGEST} are taken")
    low, high = SPACINGS_MM
    if min(spacing) < low or max(spacing) > high:
        raise ValueError(
            f"a spacing of {spacing.rows_mm:g} and {spacing.columns_mm:g} mm is impossible: "
            f"from {low:g} to {high:g} are taken"
        )


def _numbers(values: Any, dimensions: int, wanted: str) -> NDArray[np.generic]:
    """Return values as an array of numbers; text that looks like a number is none."""
    try:
        array = np.array(values)
    except ValueError:  # of unequal lengths
        raise ValueError(wanted) from None
    if array.ndim != dimensions or (array.size and array.dtype.kind not in "iuf"):
        raise ValueError(wanted)
    return array


def _of_numbers(given: Mapping[Any, Any]) -> RequestedFrame:
    """Return the frame that `pixels` and `spacing_mm` describe."""
    wanted = "`pixels` must be rows of numbers, all of one length"
    try:
        image = _numbers([list(row) for row in given["pixels"]], 2, wanted)
    except TypeError:
        raise ValueError(wanted) from None
    (rows, columns), spacing = image.shape, UNKNOWN
    if "spacing_mm" in given:
        wanted = "`spacing_mm` must be two numbers: between rows, between columns"
        lengths = _numbers(given["spacing_mm"], 1, wanted)
        if lengths.shape != (2,) or not np.isfinite(lengths).all():
            raise ValueError(wanted)
        spacing = Spacing(float(lengths[0]), float(lengths[1]))
    _check(rows, columns, spacing)
    with np.errstate(over="ignore"):  # becomes infinity, which is refused
        return image.astype(np.float32), spacing


def _of_dicom(given: Mapping[Any, Any]) -> RequestedFrame:
    """Return the frame of a DICOM file, read as the pipeline reads files."""
    if "spacing_mm" in given:
        raise ValueError("`spacing_mm` belongs to `pixels`; a DICOM file has its own")
    try:
        content = base64.b64decode(given["dicom"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise ValueError("`dicom` is not base64") from None
    pixels, said = _DECODER.read(content)
    rows, columns = pixels.shape
    spacing = Spacing(*said) if said else UNKNOWN
    _check(rows, columns, spacing)
    return pixels, spacing
