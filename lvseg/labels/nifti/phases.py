"""Which phases of a NIfTI cine were drawn, and which are end-diastole and end-systole: files may say it wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.labels.study import Study, find_cycle
from lvseg.nifti.frames import ImageVolume, VolumeCine, grey_values
from lvseg.nifti.volume import Volume, read_volume
from lvseg.nifti.volume_files import VolumeFiles

_OTHER_BEAT = (
    "end-diastole and end-systole, which have files of their own, are not two of its phases: it is not used"
)
_UNTOLD = "nothing says which phases are end-diastole and end-systole: taken from the volumes"


def by_content(cine: VolumeCine, files: Sequence[ImageVolume], notes: list[str]) -> dict[int, int]:
    """Return the phases of a cine that files of single phases show, by the phases that their names say, as they differ.

    Labels are named as their images are: where these are another phase of the cine, so are the labels.

    Args:
        cine: of a file of all phases, or of several files.
        files: of the same patient.
        notes: takes in what was odd.
    """
    single = [
        (file.phase, volume)
        for file in files
        if file.phase is not None and (volume := _readable(file)) is not None and volume.shape[3] == 1
    ]
    if cine.grid.shape[3] == 1 or not single:
        return {}
    moved: dict[int, int] = {}
    try:
        whole = grey_values(cine.grid)
        for said, volume in single:
            same = _phases_like(whole, volume)
            if said not in same and same:
                moved[said] = same[0]
    except UnreadableError:
        return {}  # told where the cine is read
    notes += [
        f"the images called phase {said} are phase {shown} of the file of all phases: so are their labels"
        for said, shown in sorted(moved.items())
    ]
    return moved


def placed_ends(files: VolumeFiles, aside: list[SetAside]) -> VolumeFiles:
    """Return a patient of M&Ms-2 whose ends of the beat bear the phases of his cine that they show.

    Where they are not two of its phases, nobody can tell when they were: the ends are then all that is used of him, and
    so they are where the cine cannot be read. An end that cannot be read is left out, and what was drawn on it.

    Args:
        files: whose ends have phases of their own, see `lvseg.nifti.mnms`.
        aside: takes in what is not used.
    """
    cine = next((file for file in files.images if file.phase is None), None)
    if cine is None:
        return files
    ends = [file for file in files.images if file is not cine]
    phases: dict[int | None, int] = {}
    try:
        whole = grey_values(read_volume(cine.item))
    except UnreadableError as error:
        return _ends_alone(files, ends, SetAside(cine.item.label, str(error)), aside)
    for file in ends:
        try:
            phases[file.phase] = next(iter(_phases_like(whole, read_volume(file.item))), 0)
        except UnreadableError as error:
            aside.append(SetAside(file.item.label, str(error)))
    if 0 in phases.values() or len(set(phases.values())) < len(phases):
        return _ends_alone(files, ends, SetAside(cine.item.label, _OTHER_BEAT), aside)
    return replace(
        files,
        ed=phases.get(1),
        es=phases.get(2),
        images=[cine, *(replace(file, phase=phases[file.phase]) for file in ends if file.phase in phases)],
        drawn=[
            replace(one, phase=phases[one.phase]) if one.phase in phases else replace(one, image=None)
            for one in files.drawn
        ],
    )


def _ends_alone(
    files: VolumeFiles, ends: Sequence[ImageVolume], unused: SetAside, aside: list[SetAside]
) -> VolumeFiles:
    """Return a patient without his cine, which is set aside."""
    aside.append(unused)
    ed, es = (end if any(file.phase == end for file in ends) else None for end in (1, 2))
    return replace(files, ed=ed, es=es, images=list(ends))


def _phases_like(whole: NDArray[np.generic], volume: Volume) -> list[int]:
    """Return the phases, from 1, of a cine's values that a volume of one phase shows."""
    shown = grey_values(volume)[0]
    return [n for n, phase in enumerate(whole, 1) if np.array_equal(phase, shown)]


def _readable(file: ImageVolume) -> Volume | None:
    try:
        return read_volume(file.item)
    except UnreadableError:  # told where the cine is read
        return None


def cycle_of(study: Study, ed: int | None, es: int | None) -> dict[int, str]:
    """Return ED and ES by phase: as the files say it, but where the drawings contradict them as these tell.

    A table may count from another number than the volumes do, or have the two exchanged.

    Args:
        study: with its frames and lines; takes in a note where not all is told by the files.
        ed: phase of end-diastole from 1 as files say it, None where none does.
        es: phase of end-systole, in the same way.
    """
    if ed is None or es is None:
        study.notes.append(_UNTOLD)
        one = {phase: name for phase, name in ((ed, "ED"), (es, "ES")) if phase is not None}
        return find_cycle(study.joined, study.endo) or one
    said = {ed: "ED", es: "ES"}
    told = _told(study, said)
    if not told or told == said:
        return said
    study.notes.append(
        f"its files say that end-diastole is phase {ed} and end-systole {es}; by what was drawn they are "
        f"{_phase(told, 'ED')} and {_phase(told, 'ES')}, which is believed"
    )
    return told


def _told(study: Study, said: Mapping[int, str]) -> dict[int, str]:
    """Return what the drawings say, those at the phases that files name before others; nothing where they cannot."""
    named = [frame for frame in study.joined if frame.phase in said]
    both = len(said) == 2 and len({frame.phase for frame in named}) == 2
    return find_cycle(named if both else study.joined, study.endo)


def _phase(cycle: Mapping[int, str], name: str) -> int:
    return next(phase for phase, own in cycle.items() if own == name)
