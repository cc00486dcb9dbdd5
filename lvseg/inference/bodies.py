"""Which of the regions that a network marks in a stack are the heart: each structure is one body, through slices and
phases, and they lie to one another as they do in a heart.

Frame by frame a network may take fat, the stomach or the other ventricle for the cavity. A ventricle goes on from slice
to slice and through the beat. So the regions that are there in a fifth of the phases at least are joined from slice to
slice, across one missing slice where its neighbours overlap; the strongest body is the ventricle. In each frame the
strongest region that touches it counts. A frame beyond base or apex is empty where none does. The wall is what is left
of the region around that cavity; the right ventricle is a body of its own outside of it.

Strength is the sum of squared margins: fat and air far from the heart give larger regions at times, and a spot of them
surer ones, hardly ever both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lvseg.imaging.boxes import Box
from lvseg.imaging.structures import Structure

# Share of a slice's phases in which a region must be there; the cavity at the apex is gone for much of the beat.
_PRESENT = 0.2
_HALF = 0.5  # of a moved point's share in a region
_NEIGHBOURS = ndimage.generate_binary_structure(3, 3)  # voxels that share a corner are one body


@dataclass(frozen=True)
class OnFirst:
    """How the grid of a slice lies on that of the first slice.

    A point p, counted in grid points from the middle, lies at `matrix` @ p + `offset` there.

    Attributes:
        matrix: (2, 2).
        offset: (2,).
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    def to_first(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values (size, size) of the slice on the grid of the first, 0 where there are none."""
        back = np.linalg.inv(self.matrix)
        return _moved(values, back, -back @ self.offset)

    def from_first(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values (size, size) on the grid of the first on the slice's own."""
        return _moved(values, self.matrix, self.offset)


def heart_regions(
    margins: NDArray[np.float32],
    structures: Sequence[Structure],
    slices: NDArray[np.int64],
    placed: Sequence[OnFirst] | None = None,
) -> NDArray[np.bool_]:
    """Return where the structures are on each of N frames, (N, C, size, size), holes filled.

    As in `Segmenter.margins` the region of the myocardium is all within its outer border, with the cavity; where there
    is a wall at all it closes around the cavity.

    Args:
        margins: (N, C, size, size) of the structures, the cavity first.
        structures: C of them.
        slices: (N,) number of the slice of each frame, from 1 on, in any order.
        placed: of each slice; None where all lie straight behind the first.
    """
    regions = np.zeros(margins.shape, np.bool_)
    place = {structure: number for number, structure in enumerate(structures)}
    cavity = regions[:, place[Structure.CAVITY]]
    cavity[:] = ventricle_regions(margins[:, place[Structure.CAVITY]], slices, placed)
    left = cavity
    if Structure.MYOCARDIUM in place:
        left = regions[:, place[Structure.MYOCARDIUM]]
        for frame, margin in enumerate(margins[:, place[Structure.MYOCARDIUM]]):
            left[frame] = _around(cavity[frame], margin > 0)
    if Structure.RIGHT_VENTRICLE in place:
        right = margins[:, place[Structure.RIGHT_VENTRICLE]]
        outside = np.where(left, np.minimum(right, 0), right)
        regions[:, place[Structure.RIGHT_VENTRICLE]] = ventricle_regions(outside, slices, placed) & ~left
    return regions


def _around(cavity: NDArray[np.bool_], left: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the part (size, size) of the left ventricle's regions that belongs to a cavity, closed around it."""
    if not (cavity.any() and (left & ~cavity).any()):
        return cavity
    labels, _ = ndimage.label(left | cavity)
    part = np.isin(labels, np.unique(labels[cavity]))
    return np.asarray(ndimage.binary_fill_holes(part | ndimage.binary_dilation(cavity)))


def ventricle_regions(
    margins: NDArray[np.float32], slices: NDArray[np.int64], placed: Sequence[OnFirst] | None = None
) -> NDArray[np.bool_]:
    """Return the ventricle's region of each of N frames, holes filled, (N, size, size).

    Args:
        margins: (N, size, size), above 0 in what the network takes for the cavity.
        slices: (N,) number of the slice of each frame, from 1 on, in any order.
        placed: of each slice; None where all lie straight behind the first.
    """
    body = _ventricle_body(margins, slices, placed)
    regions = np.zeros(margins.shape, np.bool_)
    for margin, slice_, region in zip(margins, slices, regions, strict=True):
        near, positive = body[slice_ - 1], margin > 0
        box = Box.of_mask(positive)
        if box is None or not (near & positive).any():
            continue
        part = box.slices  # nothing is positive beyond
        labels, _ = ndimage.label(positive[part])
        touching = np.unique(labels[near[part] & (labels > 0)])
        strength = ndimage.sum_labels(np.square(margin[part], dtype=np.float64), labels, touching)
        region[part] = ndimage.binary_fill_holes(labels == touching[strength.argmax()])
    return regions


def _moved(values: NDArray[np.float64], matrix: NDArray[Any], offset: NDArray[Any]) -> NDArray[np.float64]:
    """Return what lies at `matrix` @ p + `offset` for each point p, both counted from the middle."""
    middle = (np.array(values.shape) - 1) / 2
    return np.asarray(ndimage.affine_transform(values, matrix, middle + offset - matrix @ middle, order=1))


def _ventricle_body(
    margins: NDArray[np.float32], slices: NDArray[np.int64], placed: Sequence[OnFirst] | None
) -> NDArray[np.bool_]:
    """Return where the ventricle is during the beat, (S, size, size) for S slices, each on its own grid."""
    count, size = int(slices.max()), margins.shape[1:]
    present, strength = np.zeros((count, *size), np.bool_), np.zeros((count, *size))
    for number in range(1, count + 1):
        in_slice = margins[slices == number]
        present[number - 1] = (in_slice > 0).mean(axis=0) >= _PRESENT
        strength[number - 1] = np.square(np.maximum(in_slice, 0), dtype=np.float64).mean(axis=0)
    if placed:
        present = (
            np.stack(
                [one.to_first(of_frame.astype(float)) for one, of_frame in zip(placed, present, strict=True)]
            )
            >= _HALF
        )
        strength = np.stack([one.to_first(of_frame) for one, of_frame in zip(placed, strength, strict=True)])
    bridged = present.copy()
    bridged[1:-1] |= present[:-2] & present[2:]
    labels, bodies = ndimage.label(bridged, _NEIGHBOURS)
    if not bodies:
        return present
    total = ndimage.sum_labels(strength, labels, range(1, bodies + 1))
    body = np.asarray(labels == 1 + int(np.argmax(total)))
    if placed:
        return (
            np.stack(
                [one.from_first(of_frame.astype(float)) for one, of_frame in zip(placed, body, strict=True)]
            )
            >= _HALF
        )
    return body
