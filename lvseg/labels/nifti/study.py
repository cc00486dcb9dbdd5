"""A patient whose images and labels are NIfTI files, as a study like any other."""

from pathlib import PurePosixPath

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.labels.nifti.labels import read_drawn
from lvseg.labels.nifti.phases import by_content, cycle_of, placed_ends
from lvseg.labels.sources.contours import take_maps
from lvseg.labels.sources.label_map import LabelMap
from lvseg.labels.sources.structures import Table
from lvseg.labels.study import Study, raise_flags
from lvseg.nifti.frames import NOMINAL, UNSIZED, VolumeCine, cine_of, grey_values
from lvseg.nifti.mnms import MNMS2
from lvseg.nifti.volume_files import VolumeFiles


def read_nifti_study(files: VolumeFiles, table: Table, all_pixels: bool) -> Study:
    """Read one patient; whatever cannot be read is set aside, never raised.

    Args:
        files: of the patient.
        table: the user's own words for labels.
        all_pixels: keep the pixels of every frame, not only of those that were drawn on.
    """
    study = Study(files.id, files.group, vendor=files.vendor, official_part=files.official_part)
    study.series, study.why = "NIfTI", f"files named as in {files.layout}"
    first = [*(file.item for file in files.images), *(drawn.labels for drawn in files.drawn)][0]
    study.source = str(PurePosixPath(first.label).parent)
    if files.layout == MNMS2:
        files = placed_ends(files, study.aside)
    reading = read_drawn(files, table)
    study.aside += reading.aside
    study.notes += reading.notes
    study.unmapped = dict(reading.unmapped)
    cine = cine_of(files.images, study.aside)
    if cine is not None:
        if not cine.grid.oriented and NOMINAL not in study.notes:
            study.notes.append(NOMINAL)
        if cine.grid.oriented and not cine.grid.sized:
            study.notes.append(UNSIZED)
        study.notes += cine.grid.odd
        moved = by_content(cine, files.images, study.notes)
        drawn = {(one.slice, moved.get(one.phase, one.phase)): one for one in reading.maps}
        _take_frames(study, cine, drawn, all_pixels)
        take_maps(
            study, {f.number: drawn[f.slice, f.phase] for f in study.frames if (f.slice, f.phase) in drawn}
        )
    study.cycle = cycle_of(study, files.ed, files.es)
    raise_flags(study)
    return study


def _take_frames(
    study: Study, cine: VolumeCine, drawn: dict[tuple[int, int], LabelMap], all_pixels: bool
) -> None:
    """Read the pixels of all volumes, one after the other, and place their frames."""
    study.phases, study.distance_mm = len(cine.phases), cine.distance_mm
    for volume in {volume.item: volume for volume, _ in cine.phases.values()}.values():
        try:
            values = grey_values(volume)
        except UnreadableError as error:
            study.aside.append(SetAside(volume.item.label, str(error)))
            continue
        for phase, (held, index) in cine.phases.items():
            for slice_ in range(1, volume.shape[2] + 1) if held is volume else ():
                placed = cine.place(slice_, phase)
                study.frames.append(placed)
                if all_pixels or (slice_, phase) in drawn:
                    study.pixels[placed.number] = values[index, slice_ - 1]
    study.frames.sort(key=lambda frame: frame.number)
