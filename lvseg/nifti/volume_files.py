"""The NIfTI files of one patient, as the layouts name them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TypeVar

from lvseg.core.paths.archives import Item, SetAside
from lvseg.nifti import facts
from lvseg.nifti.frames import ImageVolume

_PARTS = ("training", "validation", "testing")  # folders of ACDC and M&Ms

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
        layout: ACDC, M&Ms, M&Ms-2 or nnU-Net; empty for files of other names.
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


def counted_from_1(patient: VolumeFiles) -> VolumeFiles:
    """Return a patient whose phases begin with 1, also where the names of his files count from 0."""
    if 0 in (*(file.phase for file in patient.images), *(file.phase for file in patient.drawn)):
        patient.images = [replace(file, phase=(file.phase or 0) + 1) for file in patient.images]
        patient.drawn = [replace(file, phase=(file.phase or 0) + 1) for file in patient.drawn]
    return patient


def take(files: dict[_Key, Item], key: _Key, item: Item, found: Found) -> None:
    """Take in the file of a patient's phase; of two, such as `.nii` and `.nii.gz`, the first by name is used."""
    if files.setdefault(key, item) is not item:
        found.aside.append(
            SetAside(item.label, "a second file for one phase of one patient: another is used")
        )


def take_size(patient: VolumeFiles, said: Mapping[str, str]) -> None:
    """Take in height, weight and sex, as a table or an Info.cfg has them."""
    patient.height_cm, patient.weight_kg = facts.number(said.get("height")), facts.number(said.get("weight"))
    patient.sex = said.get("sex", "").upper()


def in_part(patient: VolumeFiles, files: list[Item]) -> VolumeFiles:
    """Name the official part of a patient by the nearest folder that bears one's name: training, testing, ..."""
    place, name = PurePosixPath(files[0].place), PurePosixPath(files[0].name)
    folders = (folder.lower() for folder in (*reversed(name.parts[:-1]), place.name.removesuffix(".zip")))
    patient.official_part = next((folder for folder in folders if folder in _PARTS), "")
    return patient
