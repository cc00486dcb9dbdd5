"""A shard: one patient as NumPy arrays in one file that opens with `numpy.load` alone.

The archive is stored, not compressed, so that the pixels can be memory-mapped: who needs 18 contoured frames
of 240 reads 18. The same content gives the same bytes.
"""

import struct
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lvseg.core.errors import UserError
from lvseg.core.paths.files import atomic_path
from lvseg.imaging.placement import SlicesInSpace, placements_of_affines
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure

SYNTHETIC = "synthetic"  # source of a phantom's pixels
_MAPPED = ("pixels", "labels")
_LOCAL_HEADER = struct.Struct("<26xHH")  # ..., length of the name, length of the extra field


@dataclass(frozen=True)
class Shard:
    """All of one patient's short-axis cine. N frames of H x W, C contours of P points in all, M label maps.

    Attributes:
        pixels: (N, H, W), original type, sorted by (slice, phase).
        affine: (N, 4, 4) float64, (column, row, 0, 1) of a pixel centre to patient coordinates in mm (LPS).
        slice: (N,) int32, 1-based.
        phase: (N,) int32, 1-based.
        image_number: (N,) int32, as in the names of the contour files.
        spacing_mm: (2,) float64, between rows and between columns.
        thickness_mm: () float64; NaN where the source does not say.
        gap_mm: () float64, between neighbouring slices; NaN where the source does not say.
        contour_points: (P, 2) float64, x (column) and y (row); pixel centres lie at whole numbers from 0.
        contour_start: (C + 1,) int64, contour i is `contour_points[start[i]:start[i + 1]]`.
        contour_frame: (C,) int32, index of the frame.
        contour_kind: (C,) str, icontour (endocardium), ocontour (epicardium), p1, p2, p3 (papillary).
        contour_flags: (C,) str, quality flags joined by commas.
        label_frame: (M,) int32, index of the frame of each label map; M frames were drawn on.
        labels: (M, H, W) uint8, the numbers of `lvseg.imaging.structures.Structure`, 0 elsewhere.
        known: (M, 3) bool, whether each structure was drawn on the frame, or is stated to be absent; of others its 0
            says nothing.
        cycle: (M,) str, ED, ES or empty.
        patient: () str, the pseudonym.
        group: () str, HF-I, HF-NI, HYP, N or empty.
        official_part: () str, training, validation, online or empty.
        vendor: () str, of the scanner, or empty.
        collection: () str, the place of `data.raw` that the patient comes from.
        source: () str, what the pixels are: `SYNTHETIC`, an 8-bit export, or original pixels.
        convention: () str, how the source's contour coordinates were read.
    """

    pixels: np.ndarray
    affine: np.ndarray
    slice: np.ndarray
    phase: np.ndarray
    image_number: np.ndarray
    spacing_mm: np.ndarray
    thickness_mm: np.ndarray
    gap_mm: np.ndarray
    contour_points: np.ndarray
    contour_start: np.ndarray
    contour_frame: np.ndarray
    contour_kind: np.ndarray
    contour_flags: np.ndarray
    label_frame: np.ndarray
    labels: np.ndarray
    known: np.ndarray
    cycle: np.ndarray
    patient: np.ndarray
    group: np.ndarray
    official_part: np.ndarray
    vendor: np.ndarray
    collection: np.ndarray
    source: np.ndarray
    convention: np.ndarray

    @property
    def synthetic(self) -> bool:
        """Whether this is no patient, but a phantom."""
        return str(self.source) == SYNTHETIC

    @property
    def spacing(self) -> Spacing:
        """How far the pixels lie apart, in mm; NaN where the source does not say."""
        return Spacing(float(self.spacing_mm[0]), float(self.spacing_mm[1]))

    @property
    def order(self) -> np.ndarray:
        """The number of the slice of each frame, (N,) from 1, without those that were left out."""
        return np.unique(self.slice, return_inverse=True)[1] + 1

    @property
    def space(self) -> SlicesInSpace:
        """How the slices, in `order`, lie to one another."""
        shape = (self.pixels.shape[1], self.pixels.shape[2])
        first = np.unique(self.slice, return_index=True)[1]
        placed = placements_of_affines(self.affine[first], shape) if self.spacing.known else None
        return SlicesInSpace(shape, self.spacing, placed)

    def mask(self, index: int, structure: Structure) -> np.ndarray:
        """Return where one label map has a structure, (H, W) uint8 of 0 and 1."""
        return np.asarray(self.labels[index] == structure, np.uint8)

    def contour(self, index: int) -> np.ndarray:
        """Return the (n, 2) points of one contour."""
        return self.contour_points[self.contour_start[index] : self.contour_start[index + 1]]


def write(path: Path, shard: Shard) -> None:
    """Write a shard, atomically; equal shards give equal bytes."""
    arrays: dict[str, Any] = {field.name: getattr(shard, field.name) for field in fields(Shard)}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read(path: Path) -> Shard:
    """Read a shard; the pixels and label maps are memory-mapped, not loaded.

    Raises:
        UserError: the file is missing, damaged, or not a shard.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            small = {name: archive[name] for name in archive.files if name not in _MAPPED}
        large = {name: _map(path, name) for name in _MAPPED}
        return Shard(**small, **large)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable shard ({error}): run `dvc repro extract`") from None


def _map(path: Path, name: str) -> np.ndarray:
    """Return one array of a stored (uncompressed) archive as a read-only memory map."""
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
    with path.open("rb") as file:
        file.seek(member.header_offset)
        file.seek(sum(_LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))), 1)
        version = np.lib.format.read_magic(file)
        read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_header[version[0]](file)
        if 0 in shape:
            return np.zeros(shape, dtype)
        return np.memmap(path, dtype, "r", file.tell(), shape)
