"""What lies behind a path: the images of one study, of each study that a DICOMDIR lists, or NIfTI volumes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import Item, SetAside, UnreadableError, told, walk
from lvseg.core.texts import shown
from lvseg.dicom import dicomdir
from lvseg.dicom.image import Image
from lvseg.dicom.multiframe import read_images
from lvseg.dicom.stacks.joining import stacks_of
from lvseg.dicom.stacks.limits import LEAST_SLICES
from lvseg.nifti.images import find_images, is_volume
from lvseg.studies.cohort.study_files import StudyImages, StudyVolumes

_DICOMDIR = "DICOMDIR"  # the name that the standard prescribes (PS3.10 8.6)
_LIST_SUFFIX = ".txt"
_MODALITIES = ("", "MR")  # that are read; an image that does not say its modality may be of any
_NAMED_PATIENTS = 5  # in the message of a refusal


class RefusedError(Exception):
    """An input of which no study can be read; the message may name patients.

    Attributes:
        reason: the same without patients, which may be stored.
        folder: whose files and folders are inputs each; None where they are not.
    """

    def __init__(self, message: str, reason: str | None = None, folder: Path | None = None) -> None:
        super().__init__(message)
        self.reason = reason or message
        self.folder = folder


def inputs(arguments: Sequence[Path]) -> list[Path]:
    """Return the inputs that arguments name, absolute: a text file lists one path per line, others are inputs.

    Raises:
        UserError: a list cannot be read, an argument does not exist, or there is no input. A line of a list that does
            not exist is found out later: it holds up no other study.
    """
    paths: list[Path] = []
    for argument in arguments:
        if argument.suffix.lower() != _LIST_SUFFIX or argument.is_dir():
            if not argument.exists():
                raise UserError(f"{shown(argument)}: there is no such file or folder; nothing was written")
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


def files(*paths: Path) -> tuple[list[Item], list[SetAside]]:
    """Return the files of an input, which is one path or several together.

    Raises:
        RefusedError: there is no such file or folder, or nothing in it.
    """
    if not all(path.exists() for path in paths):
        raise RefusedError("there is no such file or folder")
    items, set_aside = walk(paths)
    if not items and not set_aside:
        raise RefusedError("the folder is empty")
    return items, set_aside


def studies(*paths: Path) -> list[StudyImages]:
    """Return the studies of an input: one of folders, archives and files, all of a DICOMDIR.

    A folder or an archive may hold several studies of one patient. Where no DICOM image is in it, its NIfTI volumes
    are the studies: those of several patients, too, if they do not lie in a folder each.

    Args:
        paths: of the input; a DICOMDIR stands alone.

    Raises:
        RefusedError: it holds no MR image, or those of several patients.
    """
    items, set_aside = files(*paths)
    if len(paths) == 1 and paths[0].is_file() and paths[0].name.upper() == _DICOMDIR:
        return _listed_studies(items[0])
    volumes = [item for item in items if is_volume(item)]
    images = _named(_mr_images([item for item in items if not is_volume(item)], set_aside))
    if volumes and not images:
        return _of_volumes(paths, items, set_aside)
    set_aside += [SetAside(item.label, "NIfTI beside DICOM images, which are used") for item in volumes]
    patients = sorted({image.patient_id for image in images})
    if len(patients) > 1:
        names = ", ".join(patients[:_NAMED_PATIENTS]) + (", ..." if len(patients) > _NAMED_PATIENTS else "")
        holds = f"{len({(image.patient_id, image.study_uid) for image in images})} studies of {len(patients)} patients"
        remedy = "name the folder of each, or their DICOMDIR"
        owners = [(image.item, image.patient_id) for image in images]
        apart = len(paths) == 1 and paths[0].is_dir() and _lie_apart(paths[0], owners)
        raise RefusedError(
            f"{holds} ({names}): {remedy}", f"{holds}: {remedy}", folder=paths[0] if apart else None
        )
    if not images:
        raise RefusedError(f"no readable MR image among {len(items)} files{told(set_aside)}")
    return _by_study(images, set_aside)


def _of_volumes(
    paths: Sequence[Path], items: Sequence[Item], set_aside: Sequence[SetAside]
) -> list[StudyImages]:
    """Return the studies of an input whose images are NIfTI volumes."""
    found = find_images(items)
    used = {item.label for item in found.used}
    unused = [*(entry for entry in set_aside if entry.file not in used), *found.aside]
    if not found.patients:
        raise RefusedError(f"no readable image among {len(items)} files{told(unused)}")
    owners = [(files.images[0].item, files.id) for files in found.patients]
    if len(owners) > 1 and len(paths) == 1 and paths[0].is_dir() and _lie_apart(paths[0], owners):
        holds = f"NIfTI volumes of {len(owners)} patients"
        raise RefusedError(f"{holds}: name the folder of each", folder=paths[0])
    return [
        StudyVolumes.of(files, [] if number else unused)
        for number, files in enumerate(sorted(found.patients, key=lambda files: files.id))
    ]


def _named(images: Sequence[Image]) -> list[Image]:
    """Return images, those without a patient's id with that of the others of their study."""
    ids = {image.study_uid: image.patient_id for image in images if image.study_uid and image.patient_id}
    return [
        image if image.patient_id else replace(image, patient_id=ids.get(image.study_uid, ""))
        for image in images
    ]


def _lie_apart(folder: Path, owners: Sequence[tuple[Item, str]]) -> bool:
    """Return whether each file and folder in a folder holds the images of one patient; `owners` say whose each is."""
    patients: dict[str, set[str]] = defaultdict(set)
    for item, patient in owners:
        inside = Path(item.place if item.member >= 0 else Path(item.place, item.name)).relative_to(folder)
        patients[inside.parts[0]].add(patient)
    return all(len(of_one) == 1 for of_one in patients.values())


def _listed_studies(item: Item) -> list[StudyImages]:
    """Return the studies that a DICOMDIR lists."""
    try:
        listed, missing = dicomdir.read(item)
    except UnreadableError as error:
        raise RefusedError(str(error)) from None
    readable = []
    for _, items in sorted(listed.items()):
        set_aside = list(missing)
        readable += _by_study(_mr_images(items, set_aside), set_aside)
    if not readable:
        raise RefusedError(
            f"a DICOMDIR without readable MR images; {len(missing)} files that it lists are missing"
        )
    return readable


def _mr_images(items: Sequence[Item], set_aside: list[SetAside]) -> list[Image]:
    """Return the headers of the MR images in some files, and add the other files to those set aside."""
    images: list[Image] = []
    for item in items:
        try:
            images += read_images(item)
        except UnreadableError as error:
            set_aside.append(SetAside(item.label, str(error)))
    others = [image for image in images if image.modality not in _MODALITIES]
    set_aside += [SetAside(image.item.label, f"{image.modality}, not MR") for image in others]
    return [image for image in images if image.modality in _MODALITIES]


def _by_study(images: Sequence[Image], set_aside: list[SetAside]) -> list[StudyImages]:
    """Divide images by study; files without an image go with the first."""
    groups: dict[tuple[str, str], list[Image]] = defaultdict(list)
    for image in images:
        groups[image.patient_id, image.study_uid].append(image)
    return [
        StudyImages(patient, uid, of_study, [] if number else set_aside)
        for number, ((patient, uid), of_study) in enumerate(sorted(_pieces_joined(groups).items()))
    ]


def _pieces_joined(groups: Mapping[tuple[str, str], list[Image]]) -> dict[tuple[str, str], list[Image]]:
    """Return the images by patient and study, those joined that anonymisers took apart: a study UID for each slice.

    Pieces belong together where they share a series, which no two studies do, or a frame of reference and neither is a
    stack by itself. Two stacks of one series are one where they lie beside each other. Where every UID was replaced,
    the pieces of one patient are joined that make a stack together, and none without.
    """
    joined: dict[tuple[str, str], list[Image]] = {}
    homes: dict[tuple[str, str], tuple[str, str]] = {}
    stacks = {key: _is_stack(images) for key, images in groups.items()}
    for key, images in sorted(groups.items(), key=lambda group: (not stacks[group[0]], group[0])):
        shared = {(key[0], image.series_uid) for image in images if image.series_uid}
        if not stacks[key]:
            shared |= {(key[0], image.reference_uid) for image in images if image.reference_uid}
        home = next((homes[one] for one in sorted(shared) if one in homes), key)
        if stacks[key] and home != key and not _lie_beside(joined[home], images):
            home = key
        joined.setdefault(home, []).extend(images)
        for one in shared:
            homes.setdefault(one, home)
    return _lonely_joined(joined)


def _lie_beside(one: Sequence[Image], other: Sequence[Image]) -> bool:
    """Return whether the slices of two stacks make one, none of them at the place of another."""
    largest = (
        max(stacks_of(images), key=lambda stack: stack.size) for images in (one, other, [*one, *other])
    )
    first, second, both = (len(stack.counts) for stack in largest)
    return both == first + second


def _lonely_joined(groups: Mapping[tuple[str, str], list[Image]]) -> dict[tuple[str, str], list[Image]]:
    """Return studies, those of each patient joined that are no stack by themselves and are one together."""
    joined: dict[tuple[str, str], list[Image]] = {}
    for patient in dict.fromkeys(patient for patient, _ in groups):
        of_patient = {key: images for key, images in groups.items() if key[0] == patient}
        every = [image for images in of_patient.values() for image in images]
        if len(of_patient) > 1 and not any(map(_is_stack, of_patient.values())) and _is_stack(every):
            of_patient = {min(of_patient): every}
        joined |= of_patient
    return joined


def _is_stack(images: Sequence[Image]) -> bool:
    return any(len(stack.counts) >= LEAST_SLICES for stack in stacks_of(images))
