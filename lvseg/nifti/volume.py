"""NIfTI volumes as frames: rows and columns as a scanner shows them, and affines as DICOM counts (LPS).

A file is read within bounds: its header says how many bytes belong to it, and no more than these are ever unpacked.
"""

import gzip
import io
import itertools
import math
import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.imaging.types import Affine
from lvseg.nifti.units import contradicted, millimetres, step_ms

LARGEST = 512 * 2**20  # bytes of one volume, unpacked: 512 x 512 pixels, 20 slices, 50 phases
_MOST = (4096, 4096, 1024, 1024)  # columns, rows, slices, phases: more are a damaged header
# Classes of nibabel, where the magic word stands and what it is, by the header's size: a file's first number.
_HEADERS = {348: ("Nifti1Header", 344, b"n+1"), 540: ("Nifti2Header", 4, b"n+2")}
_EXTENSION = 4  # bytes behind a header, which say whether more of it follows
_GZIP, _AS_GZIP = b"\x1f\x8b", 16 + zlib.MAX_WBITS
_PACKED_HEAD = 64 * 1024  # bytes that hold a header, packed with whatever name and comment
_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # NIfTI counts to the right and front, DICOM to the left and back
# Where scanners let columns and rows run: to the patient's left, else back; down, else back (LPS).
_COLUMNS, _ROWS = np.array([1.0, 0.5, 0.0]), np.array([0.0, 0.5, -1.0])
_THICK = 1.2  # times the pixels' size, from which on the longest step is that from slice to slice
_STRAIGHT = 1e-3  # of a direction's components: an affine that is exactly parallel to the patient's axes
_SAME_MM = 0.1  # between the corners of two grids that are one


@dataclass(frozen=True)
class Volume:
    """A NIfTI file's header.

    Attributes:
        item: the file.
        shape: columns, rows, slices, phases of the frames.
        grid: from (column, row, slice, 1) to patient coordinates in mm (LPS).
        oriented: whether the file says how the volume lies in the patient.
        sized: whether it says how large a pixel is: steps of 1 mm in all directions are what programs write that do not
            know them.
        step_ms: from phase to phase, as the file says it, each meaning that a number without a unit may have; empty
            where it says nothing.
        odd: what its header says that cannot be, a sentence each: sizes may be wrong.
    """

    item: Item
    shape: tuple[int, int, int, int]
    grid: Affine
    oriented: bool
    sized: bool
    step_ms: tuple[float, ...]
    odd: tuple[str, ...]
    _order: tuple[int, ...]  # of the file's axes
    _flipped: tuple[int, ...]  # of these axes, after that

    def affine(self, slice_: int) -> Affine:
        """Return the affine (4, 4) of a slice, counted from 0, as `lvseg.dicom.image.Image.affine` is."""
        affine = self.grid.copy()
        sides = affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0)
        affine[:3, 2] = np.cross(sides[:, 0], sides[:, 1])
        affine[:3, 3] = (self.grid @ (0, 0, slice_, 1))[:3]
        return affine

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distances in mm from row to row, from column to column and from slice to slice."""
        column, row, through = np.linalg.norm(self.grid[:3, :3], axis=0)
        return float(row), float(column), float(through)

    def lies_on(self, other: "Volume") -> bool:
        """Return whether slices and pixels are those of another volume; phases may differ."""
        if self.shape[:3] != other.shape[:3]:
            return False
        far = np.array(list(itertools.product(*((0, n - 1) for n in self.shape[:3]), (1,)))).T
        return bool(np.abs((self.grid - other.grid) @ far).max() <= _SAME_MM)

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (phases, slices, rows, columns) in the order of the file's own axes, phases last."""
        axes = np.argsort(self._order)
        return np.asarray(np.flip(values.T, self._flipped).transpose(*axes, 3))

    def values(self) -> NDArray[np.generic]:
        """Return all values, (phases, slices, rows, columns), scaled as the header says.

        Raises:
            UnreadableError: the file is truncated or damaged.
            MemoryError: it takes more than the bounds allow within which it is read.
        """
        header = read_header(self.item)
        plane = math.prod(header.get_data_shape()[:2]) * int(header.get_data_dtype().itemsize)
        content = _unpacked(self.item, _size(header), plane)
        try:
            values = np.asarray(header.data_from_fileobj(io.BytesIO(content)))
        except MemoryError:
            raise
        except Exception as error:  # a parser may fail in any way on damaged bytes
            raise UnreadableError(f"its values cannot be read ({type(error).__name__})") from None
        values = values.reshape((*(*values.shape, 1, 1)[:3], -1))
        return np.flip(values.transpose(*self._order, 3), self._flipped).T


def read_volume(item: Item) -> Volume:
    """Read the header of a file `.nii` or `.nii.gz`.

    Raises:
        UnreadableError: it is no NIfTI file, is larger than a machine bears, or contradicts itself.
    """
    header = read_header(item)
    shape = tuple(int(count) for count in header.get_data_shape())
    if len(shape) < 2 or any(count != 1 for count in shape[4:]):
        raise UnreadableError(f"{len(shape)} dimensions, not columns, rows, slices and phases")
    shape = (*shape, 1, 1)[:4]
    if min(shape) < 1 or any(count > most for count, most in zip(shape, _MOST, strict=True)):
        raise UnreadableError(
            f"its header declares {' x '.join(map(str, shape))} values: no cardiac volume has so many"
        )
    if _size(header) > LARGEST:
        raise UnreadableError(f"its header declares {_size(header):,} bytes: no cardiac volume has so many")
    stored, coded, odd = _affine(header)
    steps = np.linalg.norm(stored[:3, :3], axis=0)
    if not np.isfinite(stored).all() or min(steps) <= 0 or abs(np.linalg.det(stored[:3, :3] / steps)) < 0.5:
        raise UnreadableError("its affine holds NaN, or does not span a volume")
    sized, times = bool(np.abs(steps - 1.0).max() > _STRAIGHT), step_ms(header)
    if not coded or _is_nominal(stored, steps):
        whole, grid = (shape[0], shape[1], shape[2], shape[3]), np.diag([*steps, 1.0])
        return Volume(item, whole, grid, False, sized, times, odd, (0, 1, 2), ())
    order, flipped = _as_scanners_show(stored[:3, :3] / steps, steps)
    grid = np.eye(4)
    grid[:3, :3], grid[:3, 3] = stored[:3, list(order)], stored[:3, 3]
    sizes = [shape[axis] for axis in order]
    for axis in flipped:
        grid[:3, 3] += grid[:3, axis] * (sizes[axis] - 1)
        grid[:3, axis] *= -1
    whole = (sizes[0], sizes[1], sizes[2], shape[3])
    return Volume(item, whole, grid, True, sized, times, odd, order, flipped)


def _as_scanners_show(
    directions: NDArray[np.float64], steps: NDArray[np.float64]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the file's axes as columns, rows and slices, and which of these run the other way.

    Slices are the axis of the longest step, the last where none is. They are counted along the normal of the plane, so
    that one volume gives the same frames in the same order however it was stored.
    """
    through = int(np.argmax(steps)) if max(steps) > _THICK * np.median(steps) else 2
    plane = [axis for axis in range(3) if axis != through]
    order = max(
        (plane, plane[::-1]),
        key=lambda axes: abs(directions[:, axes[0]] @ _COLUMNS) + abs(directions[:, axes[1]] @ _ROWS),
    )
    column, row = directions[:, order[0]], directions[:, order[1]]
    column_back, row_back = column @ _COLUMNS < 0, row @ _ROWS < 0
    normal = np.cross(-column if column_back else column, -row if row_back else row)
    back = (column_back, row_back, normal @ directions[:, through] < 0)
    return (*order, through), tuple(axis for axis in range(3) if back[axis])


def _is_nominal(affine: Affine, steps: NDArray[np.float64]) -> bool:
    """Return whether an affine only repeats the pixels' sizes: straight, from the origin on, as many exports write."""
    turned = np.abs(np.abs(affine[:3, :3] / steps) - np.eye(3)).max() > _STRAIGHT
    return not turned and not affine[:3, 3].any()


def _affine(header: Any) -> tuple[Affine, bool, tuple[str, ...]]:
    """Return the affine (LPS, mm), whether one of the header's two forms has a code (NIfTI-1, method 2 or 3).

    And a sentence for each length that cannot be as the header says it.
    """
    try:
        coded = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
        affine = np.array(header.get_best_affine(), float)
        steps = np.linalg.norm(affine[:3, :3], axis=0)
        scale, odd = millimetres(header, steps)
        odd += contradicted(header, steps)
    except Exception as error:  # a quaternion that is none, say
        raise UnreadableError(f"its affine cannot be read ({type(error).__name__})") from None
    affine[:3] *= scale
    return _FROM_RAS @ affine, coded, tuple(odd)


def read_header(item: Item) -> Any:
    """Return a header as nibabel has it.

    Raises:
        UnreadableError: it is no NIfTI file, or damaged.
    """
    import nibabel

    head = _head(item)
    size = next((size for size in _HEADERS if size in (_number(head, "little"), _number(head, "big"))), 0)
    place, mark = _HEADERS[size][1:] if size else (0, b"")
    if not size or len(head) < size or head[place : place + 3] != mark:
        raise UnreadableError("not a NIfTI file")
    try:
        header = getattr(nibabel, _HEADERS[size][0])(head[:size], check=False)
        whole, kind = _size(header), header.get_data_dtype().kind
    except Exception as error:  # a parser may fail in any way on damaged bytes
        raise UnreadableError(f"damaged NIfTI header ({type(error).__name__})") from None
    if kind not in "iufb":
        raise UnreadableError(f"values of the type {header.get_data_dtype()}, not grey values or labels")
    if whole < size or int(header["vox_offset"]) < size + _EXTENSION:
        raise UnreadableError("damaged NIfTI header: its values begin before its end")
    return header


def _size(header: Any) -> int:
    """Return how many bytes belong to a file, header and all; too few where a count is negative."""
    counts = [int(count) for count in header.get_data_shape()]
    offset = int(header["vox_offset"])
    return (
        offset + math.prod(counts) * int(header.get_data_dtype().itemsize)
        if min((offset, *counts)) >= 0
        else -1
    )


def _number(head: bytes, order: Literal["little", "big"]) -> int:
    return int.from_bytes(head[:4], order)


def _head(item: Item) -> bytes:
    """Return enough of a file to hold its header, unpacked if need be."""
    head = item.read(_PACKED_HEAD)
    if not head.startswith(_GZIP):
        return head
    try:
        return zlib.decompressobj(_AS_GZIP).decompress(head, max(_HEADERS))
    except zlib.error:
        raise UnreadableError("damaged: it cannot be unpacked") from None


def _unpacked(item: Item, size: int, plane: int) -> bytes:
    """Return all `size` bytes of a file, unpacked if need be; of what follows them less than a `plane` is no harm."""
    if item.size > LARGEST:
        raise UnreadableError(f"{item.size:,} bytes are too many for one volume")
    content = item.read()
    if content.startswith(_GZIP):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
                content = stream.read(size)
                content += stream.read(plane)  # at its end a stream holds the checksum of what came before
        except (EOFError, OSError, zlib.error):
            raise UnreadableError("truncated or damaged: it cannot be unpacked to its end") from None
    if len(content) < size:
        raise UnreadableError(f"truncated: {size - len(content):,} of {size:,} bytes are missing")
    if len(content) >= size + plane:
        raise UnreadableError(
            "it holds more values than its header declares: phases or slices would be missing"
        )
    return content[:size]
