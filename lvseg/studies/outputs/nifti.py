"""Label maps as one NIfTI file, for programs of image research."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lvseg.core.paths.files import atomic_path
from lvseg.imaging.structures import STRUCTURES, Structure
from lvseg.imaging.types import Affine
from lvseg.nifti.writing import packed
from lvseg.studies.analysis.result import StudyResult

_HALF = 0.5  # of a moved pixel's share in a mask
_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM counts to the left and back, NIfTI to the right and front


def write(path: Path, result: StudyResult) -> str | None:
    """Write the label maps (columns, rows, slices, phases) uint8; the same maps give the same bytes.

    The numbers are those of `Structure`: 1 cavity, 2 myocardium, 3 right ventricle. NIfTI knows one grid for all. Where
    slices are missing, its step is the mean one, so that the first and the last slice lie right. Where slices are
    turned, tilted or moved against the first, their maps are moved onto its grid. A source that is NIfTI itself gets
    them on its own axes, with its own affine.

    Args:
        path: of the file, which ends in `.nii.gz`.
        result: the study.

    Returns:
        Why nothing was written, or None: the source does not say how large a pixel is.
    """
    import nibabel

    cine = result.cine
    if result.volume is not None:
        shape = (cine.slices, cine.phases, *result.labels.shape[1:])
        content = packed(result.volume, np.moveaxis(result.labels.reshape(shape), 1, 0))
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
        return None
    if not np.isfinite(cine.spacing_mm).all():
        return "the files do not say how large a pixel is"
    slices = range(1, cine.slices + 1)
    affine = _affine(result)
    volumes = [
        np.stack([_on_grid(result, affine, slice_, phase).T for slice_ in slices], axis=-1)
        for phase in range(1, cine.phases + 1)
    ]
    image = nibabel.Nifti1Image(np.stack(volumes, axis=-1), _FROM_LPS @ affine)
    image.header.set_xyzt_units("mm", "msec")
    phase_ms = cine.beat_ms / cine.phases if np.isfinite(cine.beat_ms) else 0.0
    image.header.set_zooms((*image.header.get_zooms()[:3], phase_ms))
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(image.to_bytes(), mtime=0))
    return None


def _on_grid(result: StudyResult, affine: Affine, slice_: int, phase: int) -> NDArray[np.uint8]:
    """Return the label map of a slice at a phase as the slice of the file shows it."""
    position = result.cine.at[slice_, phase]
    labels: NDArray[np.uint8] = result.labels[position]
    if result.cine.placements is None or not labels.any():
        return labels
    # From (row, column) of the file's slice to patient coordinates, and along the file's normal onto the image.
    frame_affine = result.cine.frames[position].image.affine
    plane = affine[:3, [1, 0]]
    origin = affine[:3, 3] + affine[:3, 2] * (slice_ - 1)
    onto = np.linalg.inv(
        np.column_stack([frame_affine[:3, 1], frame_affine[:3, 0], -np.cross(plane[:, 0], plane[:, 1])])
    )
    matrix, offset = (onto @ plane)[:2], (onto @ (origin - frame_affine[:3, 3]))[:2]
    moved = np.zeros_like(labels)
    for structure in reversed(STRUCTURES):
        # The wall moves with the cavity inside, which is laid over it: between the two no gap can open.
        within = labels == structure
        if structure is Structure.MYOCARDIUM and within.any():
            within |= labels == Structure.CAVITY
        share = ndimage.affine_transform(within.astype(np.float32), matrix, offset, order=1)
        moved[share >= _HALF] = structure
    return moved


def _affine(result: StudyResult) -> Affine:
    """Return (4, 4) from (column, row, slice, 1), all from 0, to patient coordinates in mm (LPS)."""
    cine = result.cine
    first = cine.frames[cine.at[1, 1]].image
    affine = first.affine.copy()
    reach = cine.depths_mm[-1] - cine.depths_mm[0]
    if cine.placements is not None and first.normal is not None:
        affine[:3, 2] = first.normal * reach / max(cine.slices - 1, 1)
        return affine
    last = cine.frames[cine.at[cine.slices, 1]].image.affine
    if cine.slices > 1 and (last[:3, 3] != affine[:3, 3]).any():
        affine[:3, 2] = (last[:3, 3] - affine[:3, 3]) / (cine.slices - 1)
    elif np.isfinite(cine.distance_mm):
        affine[:3, 2] *= cine.distance_mm
    return affine
