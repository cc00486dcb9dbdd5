"""The patient who is to be erased: what he is called, and which files of the raw data are his."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.archives import Item, UnreadableError, walk
from lvseg.core.errors import UserError
from lvseg.data.pseudonyms import pseudonym
from lvseg.dicom.multiframe import read_images
from lvseg.labels.layouts import PatientFiles, canonical, find_patients, key_of


@dataclass(frozen=True)
class Patient:
    """One patient.

    Attributes:
        ids: what he is called in the raw data: in headers, by folders, in tables; no id that another patient has too.
        names: the ids, and the names under which he is stored.
        files: of the raw data, his alone.
    """

    ids: frozenset[str]
    names: frozenset[str]
    files: tuple[Item, ...] = ()


def find(raw: Path, given: str, known: frozenset[str] = frozenset()) -> Patient:
    """Return the patient whom a person means by one of his ids, in any padding, or by his pseudonym.

    One whom the raw data does not hold, perhaps no more, has no files.

    Args:
        raw: the raw data, a folder or an archive.
        given: by the person.
        known: ids of his from an erasure that was broken off: of the files that told them, some may be gone.

    Raises:
        UserError: the raw data is not here.
    """
    if not raw.exists():
        raise UserError(
            f"data.raw: {raw} is not on this disk: run `dvc pull`, for it says what is the patient's"
        )
    everybody = [(files, _ids(files, raw)) for files in find_patients([raw])[0]]
    count = Counter(key for _, ids in everybody for key in {key_of(one) for one in ids})
    for files, ids in everybody:
        own = frozenset(one for one in ids if count[key_of(one)] == 1)
        if {key_of(one) for one in own} & {key_of(one) for one in known | {given}} or given in _stored(own):
            own |= known
            return Patient(own, own | _stored(own), _files(raw, files, own))
    own = known or frozenset({given, canonical(given)})
    return Patient(own, own | _stored(own), _files(raw, PatientFiles(given), own))


def _ids(files: PatientFiles, raw: Path) -> set[str]:
    """Return what a patient is called: his id, the folders that bear one, and what the headers say."""
    copies = [*files.images, *files.contours]
    ids = {files.id, *(copy.folder[-1] for copy in copies if len(copy.folder) > len(raw.parts))}
    for copy in files.images:
        for item in copy.items:
            try:
                ids.add(read_images(item)[0].patient_id.strip())
            except UnreadableError:  # the next one may be an image
                continue
            break
    return ids - {""}


def _stored(ids: frozenset[str]) -> frozenset[str]:
    """Return the names under which outs may hold a patient, whether ids were public at that time or not."""
    return frozenset(pseudonym(one, public) for one in ids for public in (True, False))


def _files(raw: Path, files: PatientFiles, ids: frozenset[str]) -> tuple[Item, ...]:
    """Return his images and contours, and whatever else lies below a folder that bears his id."""
    his = {item for copy in (*files.images, *files.contours) for item in copy.items}
    keys = {key_of(one) for one in ids}
    depth = len(raw.parts) - (not raw.is_dir())
    his |= {item for item in walk([raw])[0] if keys & {key_of(folder) for folder in item.parts[depth:-1]}}
    return tuple(sorted(his))
