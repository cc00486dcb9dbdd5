"""Masks as one NIfTI file, for programs of image research."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvseg.core.files import atomic_path
from lvseg.studies.analysis.result import StudyResult

_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM counts to the left and back, NIfTI to the right and front


def write(path: Path, result: StudyResult) -> bool:
    """Write the masks (columns, rows, slices, phases) uint8; the same masks give the same bytes.

    NIfTI knows one step from slice to slice. Where slices are missing it is the mean one, so that the first and the
    last slice lie right.

    Args:
        path: of the file, which ends in `.nii.gz`.
        result: the study.

    Returns:
        False, and nothing is written, where the source does not say how large a pixel is.
    """
    import nibabel

    cine = result.cine
    if not np.isfinite(cine.spacing_mm).all():
        return False
    slices = range(1, cine.slices + 1)
    volumes = [
        np.stack([result.masks[cine.at[slice_, phase]].T for slice_ in slices], axis=-1)
        for phase in range(1, cine.phases + 1)
    ]
    image = nibabel.Nifti1Image(np.stack(volumes, axis=-1), _FROM_LPS @ _affine(result))
    image.header.set_xyzt_units("mm", "msec")
    phase_ms = cine.beat_ms / cine.phases if np.isfinite(cine.beat_ms) else 0.0
    image.header.set_zooms((*image.header.get_zooms()[:3], phase_ms))
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(image.to_bytes(), mtime=0))
    return True


def _affine(result: StudyResult) -> NDArray[np.float64]:
    """Return (4, 4) from (column, row, slice, 1), all from 0, to patient coordinates in mm (LPS)."""
    cine = result.cine
    first, last = (cine.frames[cine.at[slice_, 1]].image.affine for slice_ in (1, cine.slices))
    affine = first.copy()
    if cine.slices > 1 and (last[:3, 3] != first[:3, 3]).any():
        affine[:3, 2] = (last[:3, 3] - first[:3, 3]) / (cine.slices - 1)
    elif np.isfinite(cine.distance_mm):
        affine[:3, 2] *= cine.distance_mm
    return np.asarray(affine)
