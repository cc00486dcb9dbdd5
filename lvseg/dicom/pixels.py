"""The pixels of a DICOM file, decoded."""

import functools
import io

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from lvseg.core.archives import Item, UnreadableError
from lvseg.dicom.header import LARGEST, Image
from lvseg.dicom.tolerance import tolerant


def read_pixels(image: Image) -> np.ndarray:
    """Return the (rows, columns) pixels in their original type; MONOCHROME1 is turned so that high is bright.

    Raises:
        UnreadableError: the pixels cannot be read or decoded, or have another size than the header says.
    """
    if image.dtype:
        size = image.rows * image.columns * np.dtype(image.dtype).itemsize
        content = image.item.read(image.offset + size) if image.frame is None else _whole(image.item)
        try:
            flat = np.frombuffer(content, image.dtype, image.rows * image.columns, image.offset)
        except ValueError:
            raise UnreadableError("truncated pixel data") from None
        pixels = flat.reshape(image.rows, image.columns)
    else:
        try:
            with tolerant():
                pixels = pixel_array(_parsed(image.item), index=image.frame)
        except Exception as error:  # decoders raise what they like; each is one damaged file
            raise UnreadableError(f"pixels cannot be decoded ({_first_line(error)})") from None
        if pixels.shape != (image.rows, image.columns):
            raise UnreadableError(f"decoded to {pixels.shape}, not {image.rows} x {image.columns} pixels")
    return np.invert(pixels) if image.inverted else pixels


# One file each, so that hundreds of frames of an object read it once, and memory stays small.
@functools.lru_cache(maxsize=1)
def _whole(item: Item) -> bytes:
    return item.read(LARGEST)


@functools.lru_cache(maxsize=1)
def _parsed(item: Item) -> Dataset:
    return pydicom.dcmread(io.BytesIO(item.read(LARGEST)), force=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
