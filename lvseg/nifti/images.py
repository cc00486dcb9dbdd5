"""Which NIfTI files are the images of which patient, with labels beside them or without, whatever their names.

Files in the layouts of data sets are known by these. Of others, a file with several phases is a cine by itself, and
files of one phase are those of one beat where their names differ in a number alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from lvseg.core.paths.archives import Item, SetAside, UnreadableError
from lvseg.nifti.frames import ImageVolume
from lvseg.nifti.layouts import (
    CHANNEL,
    FOLDERS_OF_LABELS,
    MOMENT,
    NIFTI,
    NNUNET,
    find_volumes,
)
from lvseg.nifti.volume import read_volume
from lvseg.nifti.volume_files import Found, VolumeFiles, counted_from_1

_LABELS = re.compile(r"(^|[-_.])(gt|seg|segmentation|labels?|masks?)([-_.]|$)", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"(\d+)(?=\D*$)")


def is_volume(item: Item) -> bool:
    """Return whether a file is NIfTI by its name."""
    return bool(NIFTI.search(item.name))


def find_images(items: Iterable[Item]) -> Found:
    """Return the patients who have NIfTI images, and what was set aside.

    Args:
        items: all files of an input.
    """
    items = list(items)
    found = find_volumes(items)
    found.patients = [patient for patient in found.patients if patient.images]
    used = set(found.used)
    folders = defaultdict[tuple[str, ...], list[Item]](list)
    for item in items:
        if not is_volume(item) or item in used:
            continue
        name = NIFTI.sub("", item.parts[-1])
        channel = CHANNEL.search(name)
        if _LABELS.search(name) or item.parts[-2].lower() in FOLDERS_OF_LABELS:
            found.aside.append(SetAside(item.label, "labels by its name, no images"))
        elif channel and int(channel[1]):
            found.aside.append(SetAside(item.label, f"channel {int(channel[1])}: the first is used"))
        else:
            folders[item.parts[:-1]].append(item)
    for folder, files in sorted(folders.items()):
        found.patients += _unnamed(folder[-1], files, found.aside)
    return found


def _unnamed(folder: str, files: Sequence[Item], aside: list[SetAside]) -> list[VolumeFiles]:
    """Return the patients of one folder's files that no layout knows."""
    whole, single = list[Item](), list[Item]()
    for item in files:
        try:
            (whole if read_volume(item).shape[3] > 1 else single).append(item)
        except UnreadableError as error:
            aside.append(SetAside(item.label, str(error)))
    return [*_cines(folder, whole), *_beats(folder, single)]


def _cines(folder: str, files: Sequence[Item]) -> list[VolumeFiles]:
    """Return patients of files that hold several phases each.

    Files whose names differ in a number alone are patients each; others, such as `sa` and `la_2ch`, are the views of
    one, whose name the folder has.
    """
    alike = defaultdict[str, list[Item]](list)
    for item in files:
        alike[re.sub(r"\d+", "#", _stem(item))].append(item)
    views = [own[0] for own in alike.values() if len(own) == 1]
    several = [item for own in alike.values() if len(own) > 1 for item in own]
    patients = [VolumeFiles(_stem(item), images=[ImageVolume(item)]) for item in several]
    if views:
        name = _stem(views[0]) if len(files) == 1 else folder
        patients.append(VolumeFiles(name, images=[ImageVolume(item) for item in views]))
    return patients


def _beats(folder: str, files: Sequence[Item]) -> list[VolumeFiles]:
    """Return patients of files of one phase each, by the names of cases or by the last number in names."""
    cases = defaultdict[str, list[tuple[int, Item]]](list)
    phases = defaultdict[str, list[tuple[int, Item]]](list)
    for position, item in enumerate(files, 1):
        stem = _stem(item)
        moment, number = MOMENT.search(stem), _LAST_NUMBER.search(stem)
        if moment or CHANNEL.search(NIFTI.sub("", item.parts[-1])):
            phase = int(moment[2]) if moment and moment[2] else position
            cases[MOMENT.sub("", stem)].append((phase, item))
        else:
            phases[_LAST_NUMBER.sub("#", stem)].append((int(number[1]) if number else 1, item))
    patients = [
        *(VolumeFiles(name, NNUNET, images=_numbered(own)) for name, own in cases.items()),
        *(
            VolumeFiles(folder if len(own) > 1 else _stem(own[0][1]), images=_numbered(own))
            for own in phases.values()
        ),
    ]
    return [counted_from_1(patient) for patient in patients]


def _numbered(files: Sequence[tuple[int, Item]]) -> list[ImageVolume]:
    return [ImageVolume(item, phase) for phase, item in sorted(files)]


def _stem(item: Item) -> str:
    """Return a file's name without its ending and the channel of nnU-Net's."""
    return CHANNEL.sub("", NIFTI.sub("", item.parts[-1]))
