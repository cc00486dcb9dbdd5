"""The patient who is to be erased: what he is called, and which files of the raw data are his."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import Item, UnreadableError, walk
from lvseg.data.pseudonyms import pseudonym
from lvseg.dicom.multiframe import read_images
from lvseg.labels.find import Candidate, find_all
from lvseg.labels.layouts import PatientFiles, canonical, key_of


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


def find(places: Sequence[Path], given: str, known: frozenset[str] = frozenset()) -> Patient:
    """Return the patient whom a person means by one of his ids, in any padding, or by his pseudonym.

    One whom the raw data does not hold, perhaps no more, has no files.

    Args:
        places: of the raw data, each a folder or an archive.
        given: by the person.
        known: ids of his from an erasure that was broken off: of the files that told them, some may be gone.

    Raises:
        UserError: the raw data is not here.
    """
    for place in places:
        if not place.exists():
            raise UserError(
                f"data.raw: {place} is not on this disk: run `dvc pull`, for it says what is the patient's"
            )
    everybody = [(candidate, _ids(candidate, places)) for candidate in find_all(places)[0]]
    count = Counter(key for _, ids in everybody for key in {key_of(one) for one in ids})
    asked = {key_of(one) for one in known | {given}}
    for candidate, ids in everybody:
        his_ids = frozenset(one for one in ids if count[key_of(one)] == 1)
        if asked & {key_of(one) for one in his_ids} or given in _stored(his_ids):
            his_ids |= known
            return Patient(his_ids, his_ids | _stored(his_ids), _files(places, candidate.items, his_ids))
    his_ids = known or frozenset({given, canonical(given)})
    return Patient(his_ids, his_ids | _stored(his_ids), _files(places, (), his_ids))


def _ids(candidate: Candidate, places: Sequence[Path]) -> set[str]:
    """Return what a patient is called: his id, the folders that bear one, and what the headers say."""
    ids, files = {candidate.id, candidate.files.id}, candidate.files
    if isinstance(files, PatientFiles):
        tops = [(place.with_suffix("") if place.suffix == ".zip" else place).parts for place in places]
        copies = [*files.images, *files.contours]
        ids |= {copy.folder[-1] for copy in copies if copy.folder not in tops}
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


def _files(places: Sequence[Path], items: Sequence[Item], ids: frozenset[str]) -> tuple[Item, ...]:
    """Return the files that were found to be his, and whatever else lies below a folder that bears his id."""
    keys, his = {key_of(one) for one in ids}, set(items)
    for place in places:
        depth = len(place.parts) - (not place.is_dir())
        his |= {
            item for item in walk([place])[0] if keys & {key_of(folder) for folder in item.parts[depth:-1]}
        }
    return tuple(sorted(his))
