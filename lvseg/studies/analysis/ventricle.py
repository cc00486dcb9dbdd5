"""Which of the regions that a network finds in a stack are the left ventricle: one body, through slices and phases.

Frame by frame a network may take fat, the stomach or the other ventricle for the cavity. A ventricle goes on from slice
to slice and through the beat. So the regions that are there in a fifth of the phases at least are joined from slice to
slice, across one missing slice where its neighbours overlap; the strongest body is the ventricle. In each frame the
strongest region that touches it counts. A frame beyond base or apex is empty where none does.
"""

import numpy as np
from scipy import ndimage

_OFTEN = 0.2  # of the phases of a slice; the cavity at the apex is gone for much of the beat


def regions(margins: np.ndarray, slices: np.ndarray) -> np.ndarray:
    """Return the ventricle's region of each frame, holes filled, (N, size, size) bool.

    Args:
        margins: (N, size, size), above 0 in what the network takes for the cavity.
        slices: (N,) number of the slice of each frame, from 1, in ascending order.
    """
    body = _body(margins, slices)
    found = np.zeros(margins.shape, bool)
    for margin, slice_, out in zip(margins, slices, found, strict=True):
        near, positive = body[slice_ - 1], margin > 0
        if not (near & positive).any():
            continue
        rows, columns = (np.flatnonzero(positive.any(axis=axis)) for axis in (1, 0))
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)  # nothing is positive beyond
        labels, _ = ndimage.label(positive[part])
        touching = np.unique(labels[near[part] & (labels > 0)])
        strength = ndimage.sum_labels(np.square(margin[part], dtype=np.float64), labels, touching)
        out[part] = ndimage.binary_fill_holes(labels == touching[strength.argmax()])
    return found


def _body(margins: np.ndarray, slices: np.ndarray) -> np.ndarray:
    """Return where the ventricle is during the beat, (S, size, size) bool."""
    count, size = int(slices[-1]), margins.shape[1:]
    often, strength = np.zeros((count, *size), bool), np.zeros((count, *size))
    for number in range(1, count + 1):
        own = margins[slices == number]
        often[number - 1] = (own > 0).mean(axis=0) >= _OFTEN
        strength[number - 1] = np.square(np.maximum(own, 0), dtype=np.float64).mean(axis=0)
    bridged = often.copy()
    bridged[1:-1] |= often[:-2] & often[2:]
    labels, found = ndimage.label(bridged, ndimage.generate_binary_structure(3, 3))
    if not found:
        return often
    total = ndimage.sum_labels(strength, labels, range(1, found + 1))
    return np.asarray(labels == 1 + int(np.argmax(total)))
