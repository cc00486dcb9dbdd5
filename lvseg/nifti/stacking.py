"""From NIfTI volumes to the cine that is segmented and measured, as `lvseg.dicom.stacks.stacking` has it of DICOM."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.dicom.image import Image
from lvseg.dicom.stacks import short_axis
from lvseg.dicom.stacks.alignment import placements
from lvseg.dicom.stacks.cine import Cine
from lvseg.dicom.stacks.order.arrangement import PlacedImage
from lvseg.dicom.stacks.order.slices import depths_mm
from lvseg.imaging.placement import Placement
from lvseg.nifti.frames import ImageVolume, VolumeCine, cine_of, grey_values
from lvseg.nifti.layouts import NIFTI
from lvseg.nifti.volume import Volume, read_volume
from lvseg.nifti.volume_files import VolumeFiles

NO_OBJECT = "The source is NIfTI: there are no DICOM headers for a segmentation.dcm, masks are in segmentation.nii.gz."
_BEATS_MS = (300.0, 2000.0)  # of hearts; what a header says beyond that is another unit, or no time at all
_FEWEST_FOR_BEAT = 3  # phases, from whose step the duration of a beat is told


@dataclass(frozen=True)
class _Choice:
    """One of several cines of a patient: its number from 1, and the words that say why it was taken."""

    number: int
    cine: VolumeCine
    why: str
    others: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def stacked(files: VolumeFiles, wanted: str | None = None) -> tuple[Cine, Volume, list[SetAside]]:
    """Return the short-axis cine of a patient, a volume that lies as its frames do, and the files that are not used.

    Args:
        files: of the patient.
        wanted: number of a file among those of several cines, in the order of names, or a part of its name.

    Raises:
        UnreadableError: no file can be read, none may be a short axis, or there is no such file.
    """
    aside: list[SetAside] = []
    cines = _cines(files.images, aside)
    if not cines:
        raise UnreadableError("; ".join(dict.fromkeys(file.reason for file in aside)) or "it holds no image")
    choice = _chosen(cines, wanted)
    cine = choice.cine
    values = _values(cine, aside)
    phases = [phase for phase in cine.phases if phase in values]
    if not phases:
        raise UnreadableError("; ".join(dict.fromkeys(file.reason for file in aside)))
    beat = _beat_ms(cine, len(phases))
    frames = [
        PlacedImage(_as_stated(cine, placed, n, beat / len(phases)), placed.number, slice_, n + 1)
        for slice_ in range(1, cine.grid.shape[2] + 1)
        for n, phase in enumerate(phases)
        if (placed := cine.place(slice_, phase))
    ]
    pixels = np.stack([values[phase] for phase in phases], axis=1).astype(np.float32)
    depths, distance, placed_slices, remarks = _depths(cine, frames[:: len(phases)])
    doubts = (*choice.doubts, *_doubts(files, cine))
    return (
        Cine(
            frames=tuple(frames),
            pixels=pixels.reshape(len(frames), *pixels.shape[2:]),
            phases=len(phases),
            depths_mm=depths,
            distance_mm=distance,
            thickness_mm=float("nan"),
            beat_ms=beat,
            series=f"NIfTI volume {choice.number}" if len(cines) > 1 else "NIfTI",
            why=choice.why,
            others=choice.others,
            notes=(NO_OBJECT, *_notes(phases), *remarks, *doubts),
            doubts=doubts,
            placements=placed_slices,
            named_ends=_named_ends(files, phases),
        ),
        cine.grid,
        aside,
    )


def _cines(images: Sequence[ImageVolume], aside: list[SetAside]) -> list[VolumeCine]:
    """Return the cines that some files of one patient hold: one, or one for each file of several phases."""
    longer = [image for image in images if _holds_phases(image)]
    if len(longer) < 2:
        one = cine_of(images, aside)
        return [one] if one else []
    aside += [
        SetAside(image.item.label, "one phase beside volumes of whole beats")
        for image in images
        if image not in longer
    ]
    return [one for image in longer if (one := cine_of([image], aside))]


def _holds_phases(image: ImageVolume) -> bool:
    try:
        return read_volume(image.item).shape[3] > 1
    except UnreadableError:  # `cine_of` says why
        return False


def _chosen(cines: Sequence[VolumeCine], wanted: str | None) -> _Choice:
    """Return the likeliest short-axis cine, by geometry and names as far as the files say how they lie."""
    numbers = range(1, len(cines) + 1)
    asked = [
        number
        for number, cine in zip(numbers, cines, strict=True)
        if wanted in (None, str(number)) or (wanted and wanted.casefold() in _name(cine).casefold())
    ]
    if not asked:
        raise UnreadableError(f"no series {wanted!r}; there are the numbers {', '.join(map(str, numbers))}")
    pool = [cines[number - 1] for number in asked]
    if not all(cine.grid.oriented for cine in pool):
        largest = max(asked, key=lambda number: _size(cines[number - 1]))
        return _Choice(largest, cines[largest - 1], f"{_shape(cines[largest - 1])}, the most of {len(cines)}")
    images = {
        id(image): (number, image)
        for number, cine in zip(asked, pool, strict=True)
        for image in _images(cine, number)
    }
    found = short_axis.choose([image for _, image in images.values()], str(asked[0]) if wanted else None)
    number = images[id(found.images[0])][0]
    return _Choice(number, cines[number - 1], found.why, found.others, found.doubts)


def _images(cine: VolumeCine, number: int) -> list[Image]:
    """Return the frames of a cine as images of one series."""
    places = ((slice_, phase) for slice_ in range(1, cine.grid.shape[2] + 1) for phase in cine.phases)
    return [
        replace(
            cine.place(*place).image,
            series_number=number,
            series_uid=str(number),
            description=_name(cine),
            frame=None,
        )
        for place in places
    ]


def _name(cine: VolumeCine) -> str:
    return NIFTI.sub("", cine.grid.item.parts[-1])


def _size(cine: VolumeCine) -> int:
    return cine.grid.shape[2] * len(cine.phases)


def _shape(cine: VolumeCine) -> str:
    return f"{cine.grid.shape[2]} slices x {len(cine.phases)} phases"


def _values(cine: VolumeCine, aside: list[SetAside]) -> dict[int, NDArray[np.generic]]:
    """Return the values (slices, rows, columns) of each phase that can be read; the other files are set aside."""
    values: dict[int, NDArray[np.generic]] = {}
    for volume in {volume.item: volume for volume, _ in cine.phases.values()}.values():
        try:
            own = grey_values(volume)
        except UnreadableError as error:
            aside.append(SetAside(volume.item.label, str(error)))
            continue
        values |= {phase: own[index] for phase, (held, index) in cine.phases.items() if held is volume}
    return values


def _as_stated(cine: VolumeCine, placed: PlacedImage, index: int, step_ms: float) -> Image:
    """Return an image with what its file says of it, and nothing that it does not say."""
    grid, image = cine.grid, placed.image
    return replace(
        image,
        orientation=image.orientation if grid.oriented else None,
        position=image.position if grid.oriented else None,
        spacing=image.spacing if grid.sized else None,
        trigger_time=index * step_ms if np.isfinite(step_ms) else None,
    )


def _beat_ms(cine: VolumeCine, phases: int) -> float:
    """Return the duration of the beat by the step of the phases of one file; NaN where nothing plausible says it."""
    if cine.grid.shape[3] != phases or phases < _FEWEST_FOR_BEAT:
        return float("nan")
    beats = (step * phases for step in cine.grid.step_ms)
    return next((beat for beat in beats if _BEATS_MS[0] <= beat <= _BEATS_MS[1]), float("nan"))


def _depths(
    cine: VolumeCine, slices: Sequence[PlacedImage]
) -> tuple[tuple[float, ...], float, tuple[Placement, ...] | None, list[str]]:
    """Return where the slices lie, their distance, how they lie to the first, and a note on what is unusual."""
    if not cine.grid.oriented:
        distance = cine.distance_mm if cine.grid.sized else float("nan")
        step = distance if np.isfinite(distance) else 0.0
        return tuple(n * step for n in range(len(slices))), distance, None, []
    depths = depths_mm([frame.image for frame in slices]) or [0.0] * len(slices)
    distance = round(float(np.median(np.diff(depths))), 4) if len(depths) > 1 else float("nan")
    placed, remarks = placements([frame.image for frame in slices])
    return tuple(depths), distance, placed, remarks


def _named_ends(files: VolumeFiles, phases: Sequence[int]) -> tuple[int, int] | None:
    """Return the places of end-diastole and end-systole, as files name them, among phases; None where they are not."""
    if files.ed not in phases or files.es not in phases:
        return None
    return phases.index(files.ed) + 1, phases.index(files.es) + 1


def _notes(phases: Sequence[int]) -> list[str]:
    if list(phases) == list(range(1, len(phases) + 1)):
        return []
    return [
        f"Its {len(phases)} phases are the numbers {', '.join(map(str, phases))} of the beat, by their files."
    ]


def _doubts(files: VolumeFiles, cine: VolumeCine) -> list[str]:
    """Return what a measurement of these files depends on, and nothing in them says."""
    doubts = list(cine.grid.odd)
    if not cine.grid.oriented:
        doubts.append(
            "Its affine says nothing of the patient: slices are in the order of the file, and whether its pixel sizes "
            "and distances are true nobody can tell."
        )
    if not files.layout and len({volume.item for volume, _ in cine.phases.values()}) > 1:
        doubts.append(
            "Each phase is a file of its own: they are taken for one beat, in the order of their numbers."
        )
    return doubts
