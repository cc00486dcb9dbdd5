"""Which NIfTI files belong to which patient: the layouts of ACDC, of M&Ms and of nnU-Net's raw data.

The layout also says what the values of labels mean: ACDC and M&Ms number the same structures the other way round.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lvseg.core.paths.archives import Item, SetAside, UnreadableError
from lvseg.labels.nifti.labels import DrawnVolume, named_regions, read_labels
from lvseg.labels.sources.label_map import Reading
from lvseg.labels.sources.structures import ACDC, MNMS, Region, Table
from lvseg.nifti.frames import ImageVolume

_NIFTI = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
_ACDC = re.compile(r"(?P<id>.+?)_(frame(?P<frame>\d+)(?P<labels>_gt)?|4d)\.nii(\.gz)?$", re.IGNORECASE)
_MNMS = re.compile(r"(?P<id>.+?)_sa(?P<labels>_gt)?\.nii(\.gz)?$", re.IGNORECASE)
_CHANNEL = re.compile(r"_\d{4}$")
_MOMENT = re.compile(
    r"[-_](frame|phase)_?(\d+)$|[-_](ED|ES)$", re.IGNORECASE
)  # of a patient, in a case's name
_PARTS = ("training", "validation", "testing")  # folders of ACDC and M&Ms
_INFO, _DATASET = "info.cfg", "dataset.json"
_LARGEST_TEXT = 4 * 2**20  # bytes
_NUMBER = re.compile(r"[0-9]{1,6}")  # of a phase


@dataclass
class NiftiPatient:
    """The NIfTI files of one patient.

    Attributes:
        id: as the files name the patient.
        layout: ACDC, M&Ms or nnU-Net.
        meanings: what the values of the labels cover.
        group: of diseases, where a file says it.
        vendor: of the scanner, where a table says it.
        ed: phase of end-diastole from 1, None where nothing says it.
        es: phase of end-systole.
        official_part: training, validation or testing, where a folder says it.
        drawn: the volumes of labels with their images.
        images: files of images, those with labels among them.
    """

    id: str
    layout: str
    meanings: Mapping[int, Region]
    group: str = ""
    vendor: str = ""
    official_part: str = ""
    ed: int | None = None
    es: int | None = None
    drawn: list[DrawnVolume] = field(default_factory=list)
    images: list[ImageVolume] = field(default_factory=list)

    def read(self, table: Table) -> Reading:
        """Return all that was drawn, held against the images."""
        reading = Reading()
        for drawn in self.drawn:
            reading.add(read_labels(drawn, self.meanings, table))
        return reading


@dataclass
class NiftiFiles:
    """The patients, the files that belong to them, and what was set aside."""

    patients: list[NiftiPatient] = field(default_factory=list)
    used: list[Item] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)


def find_nifti(items: Iterable[Item], table: Table) -> NiftiFiles:
    """Return the patients whose images and labels are NIfTI files, sorted by folder and id.

    Args:
        items: all files, of which others than NIfTI and its tables are left alone.
        table: the user's own words for labels.
    """
    contents, folders = NiftiFiles(), dict[tuple[str, ...], list[Item]]()
    items = list(items)
    for item in items:
        folders.setdefault(item.parts[:-1], []).append(item)
    sheets = _Sheets()
    for item in items:
        if PurePosixPath(item.name).suffix.lower() == ".csv":
            sheets.read(item, contents)
    datasets = {item.parts[:-1]: item for item in items if item.parts[-1].lower() == _DATASET}
    for folder, dataset in sorted(datasets.items()):
        _read_dataset(dataset, folders, (*folder, "imagesTr"), (*folder, "labelsTr"), table, contents)
    for folder, files in sorted(folders.items()):
        if folder[:-1] in datasets and folder[-1] in ("imagesTr", "labelsTr", "imagesTs"):
            continue
        contents.patients += _acdc(files, contents) + _mnms(files, sheets, contents)
    return contents


def _acdc(files: list[Item], contents: NiftiFiles) -> list[NiftiPatient]:
    patients: dict[str, NiftiPatient] = {}
    images: dict[tuple[str, int | None], Item] = {}
    labels: dict[tuple[str, int], Item] = {}
    for item in files:
        match = _ACDC.match(item.parts[-1])
        if match is None:
            continue
        patients.setdefault(match["id"], NiftiPatient(match["id"], "ACDC", ACDC))
        contents.used.append(item)
        if match["labels"]:
            labels[match["id"], int(match["frame"])] = item
        else:
            images[match["id"], int(match["frame"]) if match["frame"] else None] = item
    for (name, phase), item in images.items():
        patients[name].images.append(ImageVolume(item, phase))
    for (name, frame), item in labels.items():
        image = images.get((name, frame)) or images.get((name, None))
        patients[name].drawn.append(DrawnVolume(item, image, frame))
    info = next((item for item in files if item.parts[-1].lower() == _INFO), None)
    if info is not None and patients:
        contents.used.append(info)
        facts = _facts(info, contents)
        for patient in patients.values():
            patient.group = facts.get("group", "")
            patient.ed, patient.es = _phase(facts.get("ed")), _phase(facts.get("es"))
    return [_in_part(patient, files) for patient in patients.values()]


def _in_part(patient: NiftiPatient, files: list[Item]) -> NiftiPatient:
    """Name the official part of a patient by the nearest folder that bears one's name: training, testing, ..."""
    place, name = PurePosixPath(files[0].place), PurePosixPath(files[0].name)
    folders = (folder.lower() for folder in (*reversed(name.parts[:-1]), place.name.removesuffix(".zip")))
    patient.official_part = next((folder for folder in folders if folder in _PARTS), "")
    return patient


def _facts(info: Item, contents: NiftiFiles) -> dict[str, str]:
    """Return the `key: value` lines of an Info.cfg."""
    try:
        lines = [line.partition(":") for line in _text(info).splitlines()]
    except UnreadableError as error:
        contents.aside.append(SetAside(info.label, str(error)))
        return {}
    return {key.strip().lower(): value.strip() for key, _, value in lines}


def _phase(text: str | None, first: int = 1) -> int | None:
    """Return a phase from 1; `first` is the number that the source gives the first."""
    return int(text) + 1 - first if text and _NUMBER.fullmatch(text.strip()) else None


def _mnms(files: list[Item], sheets: "_Sheets", contents: NiftiFiles) -> list[NiftiPatient]:
    matches = [(match, item) for item in files if (match := _MNMS.match(item.parts[-1]))]
    images = {match["id"]: item for match, item in matches if not match["labels"]}
    patients = {
        name: NiftiPatient(name, "M&Ms", MNMS) for name in dict.fromkeys(match["id"] for match, _ in matches)
    }
    for match, item in matches:
        contents.used.append(item)
        if match["labels"]:
            patients[match["id"]].drawn.append(DrawnVolume(item, images.get(match["id"])))
        else:
            patients[match["id"]].images.append(ImageVolume(item))
    for name, patient in patients.items():
        row = sheets.rows.get(name.upper(), {})
        patient.ed, patient.es = _phase(row.get("ed"), first=0), _phase(row.get("es"), first=0)
        patient.group, patient.vendor = (
            row.get("pathology", ""),
            row.get("vendorname") or row.get("vendor", ""),
        )
    return [_in_part(patient, files) for patient in patients.values()]


class _Sheets:
    """The rows of M&Ms' table by patient."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, str]] = {}

    def read(self, item: Item, contents: NiftiFiles) -> None:
        """Take in a table that has a column `External code`; all others are somebody else's."""
        try:
            rows = list(csv.DictReader(io.StringIO(_text(item), newline="")))
        except (UnreadableError, csv.Error):
            return
        for row in rows:
            plain = {
                re.sub("[^a-z]", "", str(key).lower()): str(value or "").strip() for key, value in row.items()
            }
            if plain.get("externalcode"):
                self.rows[plain["externalcode"].upper()] = plain
        if rows and any(re.sub("[^a-z]", "", str(key).lower()) == "externalcode" for key in rows[0]):
            contents.used.append(item)


def _read_dataset(
    dataset: Item,
    folders: Mapping[tuple[str, ...], list[Item]],
    images: tuple[str, ...],
    labels: tuple[str, ...],
    table: Table,
    contents: NiftiFiles,
) -> None:
    """Add the patients of a data set of nnU-Net's; a case is a patient's volume at one phase."""
    try:
        names = _label_names(dataset)
    except UnreadableError as error:
        contents.aside.append(SetAside(dataset.label, str(error)))
        return
    meanings = named_regions(names, table)
    contents.used.append(dataset)
    pictures = {
        _CHANNEL.sub("", _NIFTI.sub("", item.parts[-1])): item
        for item in folders.get(images, [])
        if _NIFTI.search(item.name)
    }
    contents.used += pictures.values()
    patients: dict[str, NiftiPatient] = {}
    for item in folders.get(labels, []):
        if not _NIFTI.search(item.name):
            continue
        case = _NIFTI.sub("", item.parts[-1])
        moment = _MOMENT.search(case)
        name = _MOMENT.sub("", case)
        patient = patients.setdefault(name, NiftiPatient(name, "nnU-Net", meanings))
        phase = int(moment[2]) if moment and moment[2] else len(patient.drawn) + 1
        if moment and moment[3]:
            setattr(patient, moment[3].lower(), phase)
        patient.drawn.append(DrawnVolume(item, pictures.get(case), phase, names))
        if case in pictures:
            patient.images.append(ImageVolume(pictures[case], phase))
        contents.used.append(item)
    contents.patients += patients.values()


def _label_names(dataset: Item) -> dict[int, str]:
    """Return names by value, from the form of nnU-Net 2 (name: value) or 1 (value: name)."""
    try:
        stated = json.loads(_text(dataset))["labels"]
        pairs = [(value, name) if str(name).isdigit() else (name, value) for name, value in stated.items()]
        return {int(value): str(name) for name, value in pairs}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise UnreadableError("its `labels` do not give each name one number") from None


def _text(item: Item) -> str:
    if item.size > _LARGEST_TEXT:
        raise UnreadableError(f"{item.size:,} bytes are too many")
    return item.read().decode("utf-8-sig", errors="replace")
