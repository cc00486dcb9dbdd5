"""A NIfTI file of other values on the grid of one that was read: what a program lays over its own images."""

import gzip
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvseg.nifti.volume import Volume, read_header


def packed(volume: Volume, values: NDArray[np.uint8]) -> bytes:
    """Return a packed file (`.nii.gz`) with axes, affines and steps of another; the same values give the same bytes.

    Of the other's header nothing else is taken: its texts may name the patient.

    Args:
        volume: that was read.
        values: (phases, slices, rows, columns), as frames show them.
    """
    import nibabel

    source, stored = read_header(volume.item), volume.stored(values)
    image = nibabel.Nifti1Image(stored, None)
    header: Any = image.header
    header["xyzt_units"], header["pixdim"] = source["xyzt_units"], source["pixdim"]
    # Byte for byte, in whatever way the source states its place: nibabel would choose one.
    for name in ("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y",
                 "qoffset_z", "srow_x", "srow_y", "srow_z"):  # fmt: skip
        header[name] = source[name]
    return gzip.compress(image.to_bytes(), mtime=0)
