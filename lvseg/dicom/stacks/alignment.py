"""How the slices of a stack lie to one another: turned, tilted or moved in their plane, as each says of itself."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lvseg.dicom.image import Image
from lvseg.imaging.placement import TURNED_DEGREES, Placement


def placements(slices: Sequence[Image]) -> tuple[tuple[Placement, ...] | None, list[str]]:
    """Return how each slice lies to the first, and a note on what is unusual.

    Args:
        slices: an image of each.

    Returns:
        None in place of the placements where all lie straight behind the first, or positions are unknown.
    """
    if any(image.centre is None or image.normal is None or image.spacing is None for image in slices):
        return None, []
    placed = tuple(_placement(image, slices[0]) for image in slices)
    tilted = [number for number, image in enumerate(slices, 1) if _tilt(image, slices[0]) > TURNED_DEGREES]
    moved = [number for number, one in enumerate(placed, 1) if one.moves]
    notes = []
    if tilted:
        largest = max(_tilt(image, slices[0]) for image in slices)
        notes.append(
            f"{_counted(tilted)} tilted by up to {largest:.1f} degrees against the first: "
            "distances are those of their middles along its normal."
        )
    if moved:
        notes.append(
            f"{_counted(moved)} turned or moved in the plane: they are joined where they lie in space."
        )
    return (placed if moved else None), notes


def frames_of_reference(slices: Sequence[Sequence[Image]]) -> list[str]:
    """Return a doubt on slices whose positions need not be those of one space (PS3.3 C.7.4.1): a patient was moved.

    Where there are as many frames of reference as slices, and more, an anonymiser made them up.
    """
    count = len({image.reference_uid for images in slices for image in images if image.reference_uid})
    if not 1 < count < len(slices):
        return []
    return [f"Its slices bear {count} frames of reference: their positions are taken for those of one."]


def _placement(image: Image, first: Image) -> Placement:
    axes, of_image = _axes(first), _axes(image)
    apart = np.subtract(image.centre, first.centre)  # type: ignore[arg-type] # the caller has looked
    return Placement(axes @ of_image.T, axes @ apart)


def _axes(image: Image) -> NDArray[np.float64]:
    """Return the directions from row to row and from column to column, (2, 3)."""
    along_row, along_column = np.reshape(image.orientation or (), (2, 3))
    return np.array([along_column, along_row], np.float64)


def _tilt(image: Image, first: Image) -> float:
    """Return the angle in degrees between two planes."""
    assert image.normal is not None and first.normal is not None
    return math.degrees(math.acos(min(1.0, abs(float(image.normal @ first.normal)))))


def _counted(numbers: Sequence[int]) -> str:
    return f"Slice {numbers[0]} is" if len(numbers) == 1 else f"{len(numbers)} slices are"
