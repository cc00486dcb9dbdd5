"""Which phases of a NIfTI cine were drawn, and which are end-diastole and end-systole: files may say it wrong."""

from collections.abc import Mapping, Sequence

import numpy as np

from lvseg.core.paths.archives import UnreadableError
from lvseg.labels.study import Study, find_cycle
from lvseg.nifti.frames import ImageVolume, VolumeCine, grey_values
from lvseg.nifti.volume import Volume, read_volume

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
            shown = grey_values(volume)[0]
            same = [n for n, phase in enumerate(whole, 1) if np.array_equal(phase, shown)]
            if said not in same and same:
                moved[said] = same[0]
    except UnreadableError:
        return {}  # told where the cine is read
    notes += [
        f"the images called phase {said} are phase {shown} of the file of all phases: so are their labels"
        for said, shown in sorted(moved.items())
    ]
    return moved


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
        return find_cycle(study.joined, study.endo)
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
