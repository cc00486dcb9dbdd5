"""What a test set is recognised by."""

import hashlib
from collections.abc import Iterable

import numpy as np

from lvseg.core.hashes import canonical_json
from lvseg.data import shards
from lvseg.data.examples import Example


def hash_of_test_set(examples: Iterable[Example]) -> str:
    """Return a hash over slices, their endocardial contours and distances: scores compare only where it is equal."""
    digest = hashlib.sha256()
    for example in sorted(examples, key=lambda example: (example.patient, example.slice, example.phase)):
        shard = shards.read(example.shard)
        digest.update(canonical_json([example.patient, example.slice, example.phase]).encode())
        for length in (shard.spacing_mm, shard.thickness_mm, shard.gap_mm):
            digest.update(np.asarray(length, "<f8").tobytes())
        for index in np.flatnonzero(shard.contour_frame == example.frame).tolist():
            if shard.contour_kind[index] == "icontour":
                digest.update(shard.contour(index).astype("<f8").tobytes())
    return digest.hexdigest()
