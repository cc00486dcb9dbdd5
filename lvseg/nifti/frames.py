"""The slices and phases of NIfTI volumes as placed images, numbered as in the Sunnybrook data: slice after slice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvseg.core.paths.archives import Item, SetAside, UnreadableError
from lvseg.dicom.bounds import TOO_MUCH, bounded
from lvseg.dicom.image import Image
from lvseg.dicom.stacks.order.arrangement import PlacedImage
from lvseg.nifti.volume import Volume, read_volume

NOMINAL = "its affine says nothing of the patient: slices in the order of the file, lengths nominal"
UNSIZED = (
    "pixels of 1 mm in all directions, which programs write that do not know them: lengths may be nominal"
)


@dataclass(frozen=True)
class ImageVolume:
    """A file of images.

    Attributes:
        item: the file.
        phase: from 1, where the file holds one phase of several; None where all phases are those of the file.
    """

    item: Item
    phase: int | None = None


@dataclass(frozen=True)
class VolumeCine:
    """Volumes of one grid whose phases make one cine.

    Attributes:
        grid: a volume that lies as all of them do.
        phases: by number from 1, in order, the volume that holds each and its place there, from 0.
    """

    grid: Volume
    phases: dict[int, tuple[Volume, int]]

    def place(self, slice_: int, phase: int) -> PlacedImage:
        """Return the image of a slice and a phase, both from 1."""
        number = (slice_ - 1) * max(self.phases) + phase
        volume, index = self.phases[phase]
        rows, columns, through = volume.spacing
        affine = volume.affine(slice_ - 1)
        sides = affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0)
        image = Image(
            item=volume.item,
            rows=volume.shape[1],
            columns=volume.shape[0],
            number=number,
            patient_id="",
            sop_uid="",
            series_uid="",
            series_number=None,
            description="",
            image_type=(),
            orientation=tuple(map(float, (*sides[:, 0], *sides[:, 1]))),
            position=tuple(map(float, affine[:3, 3])),
            spacing=(rows, columns),
            thickness=None,
            slice_spacing=through,
            trigger_time=None,
            phases=len(self.phases),
            inverted=False,
            dtype=None,
            offset=0,
            frame=index * volume.shape[2] + slice_ - 1,
            modality="MR",
        )
        return PlacedImage(image, number, slice_, phase)

    @property
    def distance_mm(self) -> float:
        """The distance from slice to slice in mm; NaN where there is one slice alone."""
        return self.grid.spacing[2] if self.grid.shape[2] > 1 else float("nan")


def cine_of(files: Sequence[ImageVolume], aside: list[SetAside]) -> VolumeCine | None:
    """Return the cine that some files of one patient make; None where no file can be read.

    A file with several phases is the cine, and files of single phases beside it repeat its own. Without one, all files
    of a single phase are, as far as they lie on one grid.

    Args:
        files: of images.
        aside: takes in what is not used, and why; no reason names a file, for it may name the patient.
    """
    volumes = list[tuple[ImageVolume, Volume]]()
    for file in files:
        try:
            volumes.append((file, read_volume(file.item)))
        except UnreadableError as error:
            aside.append(SetAside(file.item.label, str(error)))
    if not volumes:
        return None
    longest, grid = max(volumes, key=lambda pair: pair[1].shape[3])
    phases = {n + 1: (grid, n) for n in range(grid.shape[3])} if grid.shape[3] > 1 else {}
    for file, volume in volumes:
        if not volume.lies_on(grid):
            aside.append(SetAside(file.item.label, "lies on other pixels than the file that is used"))
        elif file is longest and phases:
            continue
        elif volume.shape[3] > 1:
            aside.append(SetAside(file.item.label, "a second cine of one patient: another file is used"))
        elif grid.shape[3] == 1:
            phase = file.phase or len(phases) + 1
            if phases.setdefault(phase, (volume, 0))[0] is not volume:
                aside.append(SetAside(file.item.label, f"phase {phase} again: another file of it is used"))
        elif file.phase is not None and file.phase > grid.shape[3]:
            reason = f"phase {file.phase} of a cine of {grid.shape[3]} phases"
            aside.append(SetAside(file.item.label, reason))
    return VolumeCine(grid, dict(sorted(phases.items())))


def grey_values(volume: Volume) -> NDArray[np.generic]:
    """Return the values of a volume of images, (phases, slices, rows, columns), in a type as small as the file's.

    Raises:
        UnreadableError: the file is damaged, takes too much memory, or holds values that are no numbers.
    """
    try:
        with bounded():
            values = volume.values()
            if values.dtype.kind == "f":
                if not np.isfinite(values).all():
                    raise UnreadableError("its values hold NaN or infinity")
                values = values.astype(np.float32)
            return np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    except MemoryError:
        raise UnreadableError(TOO_MUCH) from None
