"""What lies behind an argument: the images of one study, or of each study that a DICOMDIR lists."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.archives import Item, SetAside, UnreadableError, walk
from lvseg.core.errors import UserError
from lvseg.dicom import dicomdir
from lvseg.dicom.header import Image
from lvseg.dicom.multiframe import read_images

_DICOMDIR = "DICOMDIR"
_SHOWN = 5  # patients that a refusal names


class RefusedError(Exception):
    """An input that is not one study.

    Attributes:
        reason: what may be stored: it names no patient.
    """

    def __init__(self, told: str, reason: str | None = None) -> None:
        super().__init__(told)
        self.reason = reason or told


@dataclass(frozen=True)
class StudyImages:
    """The images of one study, and the files beside them that hold none."""

    patient: str
    uid: str
    images: list[Image]
    aside: list[SetAside]


def inputs(arguments: Sequence[Path]) -> list[Path]:
    """Return the inputs that arguments name, absolute: a text file lists one path per line, others are inputs.

    Raises:
        UserError: a list cannot be read, or there is no input.
    """
    paths: list[Path] = []
    for argument in arguments:
        if argument.suffix.lower() != ".txt" or argument.is_dir():
            paths.append(argument)
            continue
        try:
            lines = argument.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
        except OSError as error:
            raise UserError(f"{argument}: not a readable list, one path per line ({error})") from None
        paths += [Path(line.strip()) for line in lines if line.strip()]
    if not paths:
        raise UserError(
            "no study: name folders, zip archives, DICOMDIR files, or a .txt file that lists them"
        )
    return list(dict.fromkeys(path.absolute() for path in paths))


def files(path: Path) -> tuple[list[Item], list[SetAside]]:
    """Return the files of an input.

    Raises:
        RefusedError: there is no such file or folder, or nothing in it.
    """
    if not path.exists():
        raise RefusedError("there is no such file or folder")
    items, aside = walk([path])
    if not items and not aside:
        raise RefusedError("the folder is empty")
    return items, aside


def studies(path: Path) -> list[StudyImages]:
    """Return the studies of an input: one of a folder or an archive, all of a DICOMDIR.

    A folder or an archive may hold several studies of one patient.

    Raises:
        RefusedError: it holds no MR image, or those of several patients.
    """
    items, aside = files(path)
    if path.is_file() and path.name.upper() == _DICOMDIR:
        return _listed(items[0])
    images = _images(items, aside)
    patients = sorted({image.patient_id for image in images})
    if len(patients) > 1:
        names = ", ".join(patients[:_SHOWN]) + (", ..." if len(patients) > _SHOWN else "")
        cure = "name the folder of each, or their DICOMDIR"
        raise RefusedError(
            f"images of {len(patients)} patients ({names}): {cure}",
            f"images of {len(patients)} patients: {cure}",
        )
    if not images:
        reasons = sorted({entry.reason for entry in aside})
        raise RefusedError(
            f"no readable MR image among {len(items)} files" + (f" ({reasons[0]})" if reasons else "")
        )
    return _by_study(images, aside)


def _listed(item: Item) -> list[StudyImages]:
    """Return the studies that a DICOMDIR lists."""
    try:
        listed, missing = dicomdir.read(item)
    except UnreadableError as error:
        raise RefusedError(str(error)) from None
    found = []
    for _, items in sorted(listed.items()):
        aside = list(missing)
        found += _by_study(_images(items, aside), aside)
    if not found:
        raise RefusedError(
            f"a DICOMDIR without readable MR images; {len(missing)} files that it lists are missing"
        )
    return found


def _images(items: Sequence[Item], aside: list[SetAside]) -> list[Image]:
    images: list[Image] = []
    for item in items:
        try:
            images += read_images(item)
        except UnreadableError as error:
            aside.append(SetAside(item.label, str(error)))
    other = [image for image in images if image.modality not in ("", "MR")]
    aside += [SetAside(image.item.label, f"{image.modality}, not MR") for image in other]
    return [image for image in images if image.modality in ("", "MR")]


def _by_study(images: Sequence[Image], aside: list[SetAside]) -> list[StudyImages]:
    """Divide images by study; files without an image go with the first."""
    found: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for image in images:
        found[image.patient_id, image.study_uid].append(image)
    return [
        StudyImages(patient, uid, own, aside if first else [])
        for first, ((patient, uid), own) in zip(
            [True] + [False] * len(found), sorted(found.items()), strict=False
        )
    ]
