"""Which NIfTI files belong to which patient: the layouts of ACDC, of M&Ms and of nnU-Net's raw data."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TypeVar

from lvseg.core.paths.archives import Item, SetAside, UnreadableError
from lvseg.nifti import facts
from lvseg.nifti.frames import ImageVolume
from lvseg.nifti.tables import Tables

ACDC, MNMS, NNUNET = "ACDC", "M&Ms", "nnU-Net"  # layouts
NIFTI = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
CHANNEL = re.compile(r"_(\d{4})$")  # of nnU-Net's images, behind the name of a case
# Which phase of its patient a case is, by its name.
MOMENT = re.compile(r"[-_](frame|phase)_?(\d+)$|[-_](ED|ES)$", re.IGNORECASE)
_ACDC = re.compile(r"(?P<id>.+?)_(frame(?P<frame>\d+)(?P<labels>_gt)?|4d)\.nii(\.gz)?$", re.IGNORECASE)
_MNMS = re.compile(r"(?P<id>.+?)_sa(?P<labels>_gt)?\.nii(\.gz)?$", re.IGNORECASE)
_PARTS = ("training", "validation", "testing")  # folders of ACDC and M&Ms
FOLDERS_OF_LABELS = (
    "labelstr",
    "labelsts",
)  # of nnU-Net: files in them may be named as other layouts name images
_FOLDERS_OF_IMAGES = ("imagesTr", "imagesTs")
_INFO, _DATASET = "info.cfg", "dataset.json"

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class DrawnVolume:
    """A volume of labels beside the volume of images that it was drawn on.

    Attributes:
        labels: the file of labels.
        image: the file of images, None where it is missing.
        phase: from 1, of a volume that has one; None where the phases are those of the file.
        names: of values, where the source gives some.
    """

    labels: Item
    image: Item | None
    phase: int | None = None
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass
class VolumeFiles:
    """The NIfTI files of one patient.

    Attributes:
        id: as the files name the patient.
        layout: ACDC, M&Ms or nnU-Net; empty for files of other names.
        group: of diseases, where a file says it.
        vendor: of the scanner, where a table says it.
        official_part: training, validation or testing, where a folder says it.
        ed: phase of end-diastole from 1, None where nothing says it.
        es: phase of end-systole.
        height_cm: of the patient, None where nothing says it.
        weight_kg: of the patient, in the same way.
        sex: F or M of the patient, as a table has it; empty where nothing says it.
        names: of the values of labels, where the source gives some.
        drawn: the volumes of labels with their images.
        images: files of images, those with labels among them.
    """

    id: str
    layout: str = ""
    group: str = ""
    vendor: str = ""
    official_part: str = ""
    ed: int | None = None
    es: int | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    sex: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    drawn: list[DrawnVolume] = field(default_factory=list)
    images: list[ImageVolume] = field(default_factory=list)


@dataclass
class Found:
    """The patients, the files that belong to them, and what was set aside."""

    patients: list[VolumeFiles] = field(default_factory=list)
    used: list[Item] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)


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
        found.patients += _acdc(files, found) + _mnms(files, tables, found)
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
            _take(labels, (match["id"], int(match["frame"])), item, found)
        else:
            _take(images, (match["id"], int(match["frame"]) if match["frame"] else None), item, found)
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
            _take_size(patient, said)
    return [_in_part(patient, files) for patient in patients.values()]


def counted_from_1(patient: VolumeFiles) -> VolumeFiles:
    """Return a patient whose phases begin with 1, also where the names of his files count from 0."""
    if 0 in (*(file.phase for file in patient.images), *(file.phase for file in patient.drawn)):
        patient.images = [replace(file, phase=(file.phase or 0) + 1) for file in patient.images]
        patient.drawn = [replace(file, phase=(file.phase or 0) + 1) for file in patient.drawn]
    return patient


def _take(files: dict[_Key, Item], key: _Key, item: Item, found: Found) -> None:
    """Take in the file of a patient's phase; of two, such as `.nii` and `.nii.gz`, the first by name is used."""
    if files.setdefault(key, item) is not item:
        found.aside.append(
            SetAside(item.label, "a second file for one phase of one patient: another is used")
        )


def _said(info: Item, found: Found) -> dict[str, str]:
    """Return what an Info.cfg says; nothing where it cannot be read."""
    try:
        return facts.info(info)
    except UnreadableError as error:
        found.aside.append(SetAside(info.label, str(error)))
        return {}


def _take_size(patient: VolumeFiles, said: Mapping[str, str]) -> None:
    patient.height_cm, patient.weight_kg = facts.number(said.get("height")), facts.number(said.get("weight"))
    patient.sex = said.get("sex", "").upper()


def _in_part(patient: VolumeFiles, files: list[Item]) -> VolumeFiles:
    """Name the official part of a patient by the nearest folder that bears one's name: training, testing, ..."""
    place, name = PurePosixPath(files[0].place), PurePosixPath(files[0].name)
    folders = (folder.lower() for folder in (*reversed(name.parts[:-1]), place.name.removesuffix(".zip")))
    patient.official_part = next((folder for folder in folders if folder in _PARTS), "")
    return patient


def _mnms(files: list[Item], tables: Tables, found: Found) -> list[VolumeFiles]:
    patients: dict[str, VolumeFiles] = {}
    images, labels = dict[str, Item](), dict[str, Item]()
    for item in files:
        if match := _MNMS.match(item.parts[-1]):
            patients.setdefault(match["id"], VolumeFiles(match["id"], MNMS))
            found.used.append(item)
            _take(labels if match["labels"] else images, match["id"], item, found)
    for name, item in images.items():
        patients[name].images.append(ImageVolume(item))
    for name, item in labels.items():
        patients[name].drawn.append(DrawnVolume(item, images.get(name)))
    for name, patient in patients.items():
        row = tables.row(name, files[0].parts[:-1], found.aside)
        patient.ed, patient.es = facts.phase(row.get("ed"), first=0), facts.phase(row.get("es"), first=0)
        patient.group = row.get("pathology", "")
        patient.vendor = row.get("vendorname") or row.get("vendor", "")
        _take_size(patient, row)
    return [_in_part(patient, files) for patient in patients.values()]


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
                _take(pictures, CHANNEL.sub("", case), item, found)
    drawn: dict[str, Item] = {}
    for item in folders.get(labels, []):
        if NIFTI.search(item.name):
            found.used.append(item)
            _take(drawn, NIFTI.sub("", item.parts[-1]), item, found)
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
