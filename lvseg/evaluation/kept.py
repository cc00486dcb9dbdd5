"""What an evaluation keeps for the report: every slice's scores in full precision, and every predicted mask."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lvseg.core.errors import UserError

SCORES = Path("scores")  # where the stages of dvc.yaml have it
_SLICES = "slices.csv"
_WORDS = dict.fromkeys(("model", "patient", "group", "cycle", "level", "flags"), str)


def write_slices(folder: Path, slices: pd.DataFrame) -> None:
    """Write the scores of all models on all slices; `read_slices` gives back the same bits."""
    slices.to_csv(folder / _SLICES, index=False, lineterminator="\n")


def read_slices(folder: Path) -> pd.DataFrame:
    """Return the table that `write_slices` wrote.

    Raises:
        UserError: there is none.
    """
    try:
        slices = pd.read_csv(
            folder / _SLICES,
            dtype=_WORDS,
            keep_default_na=False,
            na_values=[""],
        )
    except FileNotFoundError:
        raise UserError(f"{folder / _SLICES} is missing: run `dvc repro evaluate`") from None
    return slices.fillna(dict.fromkeys(_WORDS, ""))  # an empty word is no unknown number


@dataclass(frozen=True)
class PackedMask:
    """A mask at one bit a pixel.

    Attributes:
        shape: rows and columns.
        bits: (ceil(rows x columns / 8),) uint8.
    """

    shape: tuple[int, int]
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, mask: NDArray[np.uint8]) -> "PackedMask":
        """Return a mask (H, W) of 0 and 1, packed."""
        return cls((mask.shape[0], mask.shape[1]), np.packbits(mask.astype(bool)))

    def unpacked(self) -> NDArray[np.uint8]:
        """Return the mask (H, W) of 0 and 1."""
        rows, columns = self.shape
        return np.unpackbits(self.bits, count=rows * columns).reshape(rows, columns)


def write_masks(folder: Path, model: str, masks: Sequence[PackedMask]) -> None:
    """Write the masks of one model, each in its slice's own size."""
    shapes = np.array([mask.shape for mask in masks], np.int32).reshape(-1, 2)
    bits = np.concatenate([mask.bits for mask in masks] or [np.zeros(0, np.uint8)])
    with (folder / f"{model}.npz").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, shapes=shapes, bits=bits)


def read_masks(folder: Path, model: str) -> list[PackedMask]:
    """Return the masks that `write_masks` wrote, in the same order.

    Raises:
        UserError: the file is missing or damaged.
    """
    path = folder / f"{model}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            shapes, bits = archive["shapes"].astype(int), archive["bits"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise UserError(f"{path} is missing or damaged: run `dvc repro evaluate`") from None
    lengths = -(-shapes.prod(axis=1) // 8)
    ends = np.cumsum(lengths)
    return [
        PackedMask((int(rows), int(columns)), bits[end - length : end])
        for (rows, columns), length, end in zip(shapes, lengths, ends, strict=True)
    ]
