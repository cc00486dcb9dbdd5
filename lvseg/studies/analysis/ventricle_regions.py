"""Which of the regions that a network marks in a stack are the left ventricle: one body, through slices and phases.

Frame by frame a network may take fat, the stomach or the other ventricle for the cavity. A ventricle goes on from slice
to slice and through the beat. So the regions that are there in a fifth of the phases at least are joined from slice to
slice, across one missing slice where its neighbours overlap; the strongest body is the ventricle. In each frame the
strongest region that touches it counts. A frame beyond base or apex is empty where none does.

Strength is the sum of squared margins, for the reason that `lvseg.inference.segmenter.Segmenter.one_region` gives.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lvseg.imaging.boxes import Box

# Share of a slice's phases in which a region must be there; the cavity at the apex is gone for much of the beat.
_PRESENT = 0.2
_NEIGHBOURS = ndimage.generate_binary_structure(3, 3)  # voxels that share a corner are one body


def ventricle_regions(margins: NDArray[np.float32], slices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the ventricle's region of each of N frames, holes filled, (N, size, size).

    Args:
        margins: (N, size, size), above 0 in what the network takes for the cavity.
        slices: (N,) number of the slice of each frame, from 1, in ascending order.
    """
    body = _ventricle_body(margins, slices)
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


def _ventricle_body(margins: NDArray[np.float32], slices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where the ventricle is during the beat, (S, size, size) for S slices."""
    count, size = int(slices[-1]), margins.shape[1:]
    present, strength = np.zeros((count, *size), np.bool_), np.zeros((count, *size))
    for number in range(1, count + 1):
        in_slice = margins[slices == number]
        present[number - 1] = (in_slice > 0).mean(axis=0) >= _PRESENT
        strength[number - 1] = np.square(np.maximum(in_slice, 0), dtype=np.float64).mean(axis=0)
    bridged = present.copy()
    bridged[1:-1] |= present[:-2] & present[2:]
    labels, bodies = ndimage.label(bridged, _NEIGHBOURS)
    if not bodies:
        return present
    total = ndimage.sum_labels(strength, labels, range(1, bodies + 1))
    return np.asarray(labels == 1 + int(np.argmax(total)))
