"""Which NIfTI files belong to which patient: the layouts of ACDC, of both M&Ms and of nnU-Net's raw data."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from lvseg.core.paths.archives import Item, SetAside, UnreadableError
from lvseg.nifti import facts, mnms
from lvseg.nifti.frames import ImageVolume
from lvseg.nifti.tables import Tables
from lvseg.nifti.volume_files import (
    DrawnVolume,
    Found,
    VolumeFiles,
    counted_from_1,
    in_part,
    take,
    take_size,
)

ACDC, NNUNET = "ACDC", "nnU-Net"  # layouts
NIFTI = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
CHANNEL = re.compile(r"_(\d{4})$")  # of nnU-Net's images, behind the name of a case
# Which phase of its patient a case is, by its name.
MOMENT = re.compile(r"[-_](frame|phase)_?(\d+)$|[-_](ED|ES)$", re.IGNORECASE)
_ACDC = re.compile(r"(?P<id>.+?)_(frame(?P<frame>\d+)(?P<labels>_gt)?|4d)\.nii(\.gz)?$", re.IGNORECASE)
FOLDERS_OF_LABELS = (
    "labelstr",
    "labelsts",
)  # of nnU-Net: files in them may be named as other layouts name images
_FOLDERS_OF_IMAGES = ("imagesTr", "imagesTs")
_INFO, _DATASET = "info.cfg", "dataset.json"


def find_volumes(items: Iterable[Item]) -> Found:
    """Return the patients whose images and labels are NIfTI files, sorted by folder and id.

    Args:
        items: all files, of which others than NIfTI and its tables are left alone.
    """
    found, folders = Found(), dict[tuple[str, ...], list[Item]]()
    tables = Tables()
    for item in items:
        folders.setdefault(item.parts[:-1], []).append(item)
        if PurePosixPath(item.name).suffix.lower() == ".csv" and tables.add(item):
            found.used.append(item)
    datasets = {
        folder: item
        for folder, files in folders.items()
        for item in files
        if item.parts[-1].lower() == _DATASET
    }
    for folder, dataset in sorted(datasets.items()):
        _nnunet(dataset, folders, (*folder, "imagesTr"), (*folder, "labelsTr"), found)
    for folder, files in sorted(folders.items()):
        if folder[:-1] in datasets and folder[-1] in _FOLDERS_OF_IMAGES:
            continue
        if folder and folder[-1].lower() in FOLDERS_OF_LABELS:
            continue
        found.patients += [
            *_acdc(files, found),
            *mnms.find(files, tables, found),
            *mnms.find_second(files, tables, found),
        ]
    return found


def _acdc(files: list[Item], found: Found) -> list[VolumeFiles]:
    patients: dict[str, VolumeFiles] = {}
    images: dict[tuple[str, int | None], Item] = {}
    labels: dict[tuple[str, int], Item] = {}
    for item in files:
        match = _ACDC.match(item.parts[-1])
        if match is None:
            continue
        patients.setdefault(match["id"], VolumeFiles(match["id"], ACDC))
        found.used.append(item)
        if match["labels"]:
            take(labels, (match["id"], int(match["frame"])), item, found)
        else:
            take(images, (match["id"], int(match["frame"]) if match["frame"] else None), item, found)
    from_0 = {name for name, frame in (*images, *labels) if frame == 0}
    for (name, frame), item in images.items():
        patients[name].images.append(ImageVolume(item, None if frame is None else frame + (name in from_0)))
    for (name, frame), item in labels.items():
        image = images.get((name, frame)) or images.get((name, None))
        patients[name].drawn.append(DrawnVolume(item, image, frame + (name in from_0)))
    info = next((item for item in files if item.parts[-1].lower() == _INFO), None)
    if info is not None and patients:
        found.used.append(info)
        said = _said(info, found)
        ends = said.get("ed"), said.get("es")
        for name, patient in patients.items():
            first = 0 if "0" in ends or name in from_0 else 1
            patient.group = said.get("group", "")
            patient.ed, patient.es = (facts.phase(end, first) for end in ends)
            take_size(patient, said)
    return [in_part(patient, files) for patient in patients.values()]


def _said(info: Item, found: Found) -> dict[str, str]:
    """Return what an Info.cfg says; nothing where it cannot be read."""
    try:
        return facts.info(info)
    except UnreadableError as error:
        found.aside.append(SetAside(info.label, str(error)))
        return {}


def _nnunet(
    dataset: Item,
    folders: Mapping[tuple[str, ...], list[Item]],
    images: tuple[str, ...],
    labels: tuple[str, ...],
    found: Found,
) -> None:
    """Add the patients of a data set of nnU-Net's; a case is a patient's volume at one phase."""
    try:
        names = facts.label_names(dataset)
    except UnreadableError as error:
        found.aside.append(SetAside(dataset.label, str(error)))
        return
    found.used.append(dataset)
    pictures: dict[str, Item] = {}
    for item in folders.get(images, []):
        if NIFTI.search(item.name):
            case = NIFTI.sub("", item.parts[-1])
            found.used.append(item)
            if (channel := CHANNEL.search(case)) and int(channel[1]):
                found.aside.append(SetAside(item.label, f"channel {int(channel[1])}: the first is used"))
            else:
                take(pictures, CHANNEL.sub("", case), item, found)
    drawn: dict[str, Item] = {}
    for item in folders.get(labels, []):
        if NIFTI.search(item.name):
            found.used.append(item)
            take(drawn, NIFTI.sub("", item.parts[-1]), item, found)
    patients: dict[str, VolumeFiles] = {}
    for case, item in drawn.items():
        moment = MOMENT.search(case)
        name = MOMENT.sub("", case)
        patient = patients.setdefault(name, VolumeFiles(name, NNUNET, names=names))
        phase = int(moment[2]) if moment and moment[2] else len(patient.drawn) + 1
        if moment and moment[3]:
            setattr(patient, moment[3].lower(), phase)
        patient.drawn.append(DrawnVolume(item, pictures.get(case), phase, names))
        if case in pictures:
            patient.images.append(ImageVolume(pictures[case], phase))
    found.patients += map(counted_from_1, patients.values())
