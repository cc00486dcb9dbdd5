"""One frame per request: the forms in which it may come, and the answer."""

import base64
import binascii
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lvseg.errors import UserError
from lvseg.outline import area
from lvseg.prediction import Prediction, Segmenter
from lvseg.reading.archives import Item, UnreadableError
from lvseg.reading.dicom import read_image, read_pixels

AT_ONCE = 16  # frames in a batch
LARGEST = 4096  # rows or columns
_UNKNOWN = (math.nan, math.nan)

Frame = tuple[np.ndarray, tuple[float, float]]


def segment(segmenter: Segmenter, requests: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """Return one answer per request, in order.

    Args:
        segmenter: the trained network.
        requests: each with `dicom`, a DICOM file in base64, or with `pixels`, rows of numbers, and where it is known
            `spacing_mm`, millimetres between rows and between columns. What is None or NaN counts as absent.

    Returns:
        Of each frame `rows` and `columns`; `found`, whether there is a ventricle; `contour`, its outline as [x, y] in
        pixels whose first centre is (0, 0); `area_mm2`, of that outline, None where the spacing is unknown;
        `mask`, [start, length, ...] of the runs of cavity pixels, counted row by row from 0.

    Raises:
        UserError: a request cannot be understood; the message says which, and why.
    """
    frames = [_frame(number, request) for number, request in enumerate(requests)]
    answers = []
    for start in range(0, len(frames), AT_ONCE):
        batch = frames[start : start + AT_ONCE]
        found = segmenter.predict([image for image, _ in batch], [spacing for _, spacing in batch])
        answers += [
            _answer(prediction, spacing) for prediction, (_, spacing) in zip(found, batch, strict=True)
        ]
    return answers


def runs(mask: np.ndarray) -> list[int]:
    """Return [start, length, ...] of the runs of ones in a mask (H, W), row by row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.ravel() != 0, [0]])))
    edges[1::2] -= edges[::2]
    return [int(edge) for edge in edges]


def _answer(prediction: Prediction, spacing_mm: tuple[float, float]) -> dict[str, Any]:
    """Return what is said of one frame."""
    contour = prediction.contour()
    pixel = spacing_mm[0] * spacing_mm[1]
    mm2 = 0.0 if contour is None else abs(area(contour)) * pixel
    return {
        "rows": prediction.mask.shape[0],
        "columns": prediction.mask.shape[1],
        "found": contour is not None,
        "contour": [] if contour is None else contour.round(2).tolist(),
        "area_mm2": None if math.isnan(pixel) else round(mm2, 2),
        "mask": runs(prediction.mask),
    }


def _frame(number: int, request: Mapping[Any, Any]) -> Frame:
    """Return the image (H, W) and the spacing of one request."""
    given = {name: value for name, value in request.items() if not _absent(value)}
    if not given.keys() <= {"pixels", "spacing_mm", "dicom"} or ("dicom" in given) == ("pixels" in given):
        raise UserError(
            f"frame {number}: give either `dicom` or `pixels` (with `spacing_mm` where it is known), "
            f"not {', '.join(map(str, sorted(given))) or 'nothing'}"
        )
    try:
        frame = _of_dicom(given) if "dicom" in given else _of_numbers(given)
        if not 1 <= min(frame[0].shape) <= max(frame[0].shape) <= LARGEST:
            raise ValueError(
                f"{frame[0].shape[0]} x {frame[0].shape[1]} pixels, from 1 to {LARGEST} are taken"
            )
        if not np.isfinite(frame[0]).all():
            raise ValueError("pixels hold NaN or infinity")
    except (ValueError, TypeError, OverflowError, UnreadableError) as error:
        raise UserError(f"frame {number}: {error}") from None
    return frame


def _absent(value: Any) -> bool:
    """Return whether a value stands for none: tables fill their gaps with NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _of_numbers(given: Mapping[Any, Any]) -> Frame:
    """Return the frame that `pixels` and `spacing_mm` describe."""
    try:
        image = np.array([list(row) for row in given["pixels"]], np.float32)
    except (ValueError, TypeError):
        raise ValueError("`pixels` must be rows of numbers, all of one length") from None
    if image.ndim != 2:
        raise ValueError("`pixels` must be rows of numbers, all of one length")
    if "spacing_mm" not in given:
        return image, _UNKNOWN
    try:
        down, across = map(float, given["spacing_mm"])
    except (ValueError, TypeError):
        raise ValueError("`spacing_mm` must be two numbers: between rows, between columns") from None
    if not (0 < down < 100 and 0 < across < 100):
        raise ValueError(
            f"`spacing_mm` of {down:g} and {across:g} is impossible: it must be above 0, below 100"
        )
    return image, (down, across)


def _of_dicom(given: Mapping[Any, Any]) -> Frame:
    """Return the frame of a DICOM file, read as the pipeline reads files."""
    if "spacing_mm" in given:
        raise ValueError("`spacing_mm` belongs to `pixels`; a DICOM file has its own")
    try:
        content = base64.b64decode(given["dicom"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise ValueError("`dicom` is not base64") from None
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "frame.dcm").write_bytes(content)
        image = read_image(Item(folder, "frame.dcm", len(content), -1, 0))
        return read_pixels(image), image.spacing or _UNKNOWN
