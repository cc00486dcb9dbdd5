"""The pixels of a DICOM file, decoded: the scanner's values, by the header's own words."""

import functools
import io
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import content
from lvseg.dicom.bounds import TOO_MUCH, bounded
from lvseg.dicom.image import Image
from lvseg.imaging.types import Pixels


def read_pixels(image: Image) -> Pixels:
    """Return the (rows, columns) values of an image in the scanner's scale; high is bright.

    They keep their original type where the header states no rescale slope and intercept, and are float32 otherwise.
    MONOCHROME1 is turned. Padding, where nothing was measured, gets the lowest value of the rest: whatever the file
    holds there, it is as dark as air.

    Raises:
        UnreadableError: the pixels cannot be read or decoded, have another size than the header says, or hold NaN or
            infinity.
    """
    stored = _own_bits(_as_stored(image), image)
    turned = _turned(stored, image.bits) if image.inverted else stored
    values = turned if (image.slope, image.intercept) == (1.0, 0.0) else _rescaled(turned, image)
    if image.padding is not None:
        values = _filled(values, (stored >= image.padding[0]) & (stored <= image.padding[1]))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UnreadableError("its pixels hold NaN or infinity")
    return values


def _as_stored(image: Image) -> Pixels:
    """Return what the file holds, each pixel with all its bits."""
    if image.dtype is None:
        return _decoded(image)
    size = image.rows * image.columns * np.dtype(image.dtype).itemsize
    alone = image.frame is None and not content.is_deflated(image.item.read(content.PREAMBLE * 16))
    beginning = image.item.read(image.offset + size) if alone else content.kept(image.item)
    try:
        flat = np.frombuffer(beginning, image.dtype, image.rows * image.columns, image.offset)
    except ValueError:
        raise UnreadableError("truncated pixel data") from None
    stored: Pixels = flat.reshape(image.rows, image.columns)
    return stored


def _decoded(image: Image) -> Pixels:
    try:
        with bounded():
            ds = _parsed(image.item)
            syntax = ds.file_meta.TransferSyntaxUID
            as_stored = (
                not syntax.is_encapsulated or syntax == RLELossless
            )  # bits that are not theirs included
            if image.low_bit and not as_stored:
                raise UnreadableError("its header puts compressed pixels into upper bits, where none need be")
            pixels: Pixels = pixel_array(ds, index=image.frame, correct_unused_bits=not as_stored)
    except UnreadableError:
        raise
    except MemoryError:
        raise UnreadableError(TOO_MUCH) from None
    except Exception as error:  # decoders raise what they like; each is one damaged file
        raise UnreadableError(f"pixels cannot be decoded ({_first_line(error)})") from None
    if pixels.shape != (image.rows, image.columns):
        raise UnreadableError(f"decoded to {pixels.shape}, not {image.rows} x {image.columns} pixels")
    return pixels


def _own_bits(pixels: Pixels, image: Image) -> Pixels:
    """Return pixels without the bits that are not theirs (PS3.5 8.1.1)."""
    if pixels.dtype.kind == "f":
        return pixels
    width = 8 * pixels.dtype.itemsize
    bits = image.bits or width
    if bits < width:
        above, below = width - bits - image.low_bit, width - bits
        pixels = (pixels << above) >> below  # keeps the sign where the type has one
    return pixels


def _turned(pixels: Pixels, bits: int | None) -> Pixels:
    """Return pixels whose low values are bright the other way round, within their bits."""
    if pixels.dtype.kind == "f":
        return -pixels
    turned = np.invert(pixels)
    if pixels.dtype.kind == "i":
        return turned
    inverted: Pixels = turned & pixels.dtype.type(2 ** (bits or 8 * pixels.dtype.itemsize) - 1)
    return inverted


def _filled(values: Pixels, padding: NDArray[np.bool_]) -> Pixels:
    """Return values with the lowest of the rest where padding is; as they are where there is none, or nothing else."""
    if not padding.any() or padding.all():
        return values
    return np.where(padding, values[~padding].min(), values)


def _rescaled(stored: Pixels, image: Image) -> NDArray[np.float32]:
    return (stored * image.slope + image.intercept).astype(np.float32)


# One file, so that hundreds of frames of an object parse it once, and memory stays small.
@functools.lru_cache(maxsize=1)
def _parsed(item: Item) -> Dataset:
    ds: Any = pydicom.dcmread(io.BytesIO(content.whole(item)), force=True)
    if "TransferSyntaxUID" not in ds.file_meta:  # the decoder asks for what the parser found out
        implicit, little = ds.original_encoding
        plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain
    return ds


def _first_line(error: Exception) -> str:
    first = (str(error).splitlines() or [type(error).__name__])[0][:120]
    # A list of what each decoder says in words of its own.
    return "damaged, or not compressed as its header says" if first.endswith(":") else first
