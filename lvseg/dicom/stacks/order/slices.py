"""Which images lie at one place along a stack, and how far the places lie apart.

Geometry is believed before anything optional: where images lie in space, by their middles, along the normal of their
plane. Where positions lack, Slice Location says the same in one number; where that lacks too, numbers tell.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits

_ON_A_LINE = 0.1  # how far middles may leave the line through them, as a share of how far they reach along it


@dataclass
class Slices:
    """Images by slice.

    Attributes:
        images: of each of S slices, in no particular order.
        depths_mm: (S,) ascending along the stack; None where nothing but numbers tells the slices apart.
        notes: what was odd and how it was handled.
        doubts: the same, where a measurement depends on a guess.
    """

    images: list[list[Image]]
    depths_mm: list[float] | None
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def by_geometry(images: Sequence[Image]) -> Slices | None:
    """Divide images by their positions, else by Slice Location; None where neither tells slices apart."""
    depths = depths_mm(images)
    if depths is not None:
        divided = _divided(images, depths)
        if len(divided.images) > 1 or not _differ(_locations(images)):
            return divided
        remark = "All images have one position along the normal of their plane: Slice Location is believed instead."
        divided = _divided(images, _locations(images) or [])
        divided.doubts.append(remark)
        return divided
    locations = _locations(images)
    if not _differ(locations):
        return None
    divided = _divided(images, locations or [])
    divided.notes.append("Positions of slices are unknown: Slice Location tells where they lie.")
    return divided


def depths_mm(images: Sequence[Image]) -> list[float] | None:
    """Return where the middle of each image lies along the stack, in mm from the first; None where positions lack.

    The direction is the normal of the first image, or without an orientation the line on which the middles lie.
    """
    if not images or any(image.centre is None for image in images):
        return None
    apart = np.array([image.centre for image in images]) - images[0].centre
    direction = images[0].normal
    if direction is None:
        direction = _line(apart)
        if direction is None:
            return None
    return [float(depth) for depth in apart @ direction]


def places(depths: Sequence[float]) -> list[int]:
    """Return for each depth the number of its place, from 0 in ascending order; a place ends where a gap begins."""
    order = np.argsort(depths, kind="stable")
    numbers = np.empty(len(depths), int)
    place, begin = -1, -np.inf
    for index in order:
        if depths[index] - begin > limits.SAME_SLICE_MM:
            place, begin = place + 1, depths[index]
        numbers[index] = place
    return [int(number) for number in numbers]


def distance_mm(slices: Slices) -> float:
    """Return the usual distance from slice to slice in mm; NaN where nothing says it.

    Where no geometry does, it is Spacing Between Slices. Some scanners write the gap there, or the direction into its
    sign: no cine has slices that overlap, so that what is less than the thickness is taken for the gap.
    """
    images = [image for slice_images in slices.images for image in slice_images]
    thickness = _median([image.thickness for image in images])
    stated = _median([abs(image.slice_spacing) for image in images if image.slice_spacing])
    if slices.depths_mm is not None and len(slices.depths_mm) > 1:
        measured = round(float(np.median(np.diff(slices.depths_mm))), 4)
        remarks = _contradicted(measured, thickness, stated)
        # Where thickness and distance both say otherwise, positions may be in another unit, or those of two stacks.
        alone = not np.isnan(stated) and not _usual(measured, thickness) and _usual(stated, thickness)
        (slices.doubts if alone else slices.notes).extend(remarks)
        return measured
    if np.isnan(stated):
        if len(slices.images) > 1 and np.isfinite(thickness):
            slices.doubts.append(
                "The files do not say how far the slices lie apart: their thickness is taken, without any gap."
            )
        return thickness
    if stated < thickness:
        slices.doubts.append(
            f"Slices {thickness:g} mm thick cannot lie {stated:g} mm apart: that is taken for the gap between them."
        )
        return stated + thickness
    return stated


def _contradicted(measured: float, thickness: float, stated: float) -> list[str]:
    """Return a note where positions lie otherwise than the headers say in words: nobody can know which is right."""
    if np.isnan(stated):
        if _usual(measured, thickness):
            return []
        return [f"Slices {thickness:g} mm thick lie {measured:g} mm apart: their positions are believed."]
    said = [stated, stated + thickness]  # some write the gap
    if any(math.isclose(measured, one, rel_tol=limits.SAME_DISTANCE) for one in said):
        return []
    return [
        f"Slices lie {measured:g} mm apart, not {stated:g} as Spacing Between Slices says: positions are believed."
    ]


def _usual(distance: float, thickness: float) -> bool:
    """Return whether slices of a thickness may lie so far apart; any may where that is unknown."""
    low, high = limits.USUAL_DISTANCE
    return not distance < low * thickness and not distance > high * thickness


def _divided(images: Sequence[Image], depths: Sequence[float]) -> Slices:
    """Return images by the place of their depth."""
    numbers = places(depths)
    count = max(numbers, default=-1) + 1
    by_slice: list[list[Image]] = [[] for _ in range(count)]
    at: list[list[float]] = [[] for _ in range(count)]
    for image, number, depth in zip(images, numbers, depths, strict=True):
        by_slice[number].append(image)
        at[number].append(depth)
    return Slices(by_slice, [float(np.median(values)) for values in at])


def _locations(images: Sequence[Image]) -> list[float] | None:
    known = [image.location for image in images if image.location is not None]
    return known if len(known) == len(images) else None


def _differ(locations: Sequence[float] | None) -> bool:
    return locations is not None and float(np.ptp(locations)) > limits.SAME_SLICE_MM


def _line(apart: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the direction of the line on which points (n, 3) lie; None where they lie on none."""
    spread = np.linalg.svd(apart - apart.mean(axis=0), full_matrices=False)
    if spread.S[0] <= limits.SAME_SLICE_MM or spread.S[1] > _ON_A_LINE * spread.S[0]:
        return None
    direction = np.asarray(spread.Vh[0])
    return direction if direction[np.abs(direction).argmax()] > 0 else -direction


def _median(values: Sequence[float | None]) -> float:
    """Return the median of what is known; NaN where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else float("nan")
