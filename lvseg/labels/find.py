"""All patients of all places of raw data, whatever form their labels have."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lvseg.core.paths.archives import Item, SetAside, walk
from lvseg.core.texts import cell, shown
from lvseg.labels.layouts import Copy, PatientFiles, find_patients, of_sunnybrook
from lvseg.labels.nifti.study import read_nifti_study
from lvseg.labels.patient import read_study
from lvseg.labels.sources.dicom_study import read_drawn_study
from lvseg.labels.sources.structures import Table
from lvseg.labels.study import Study
from lvseg.labels.vendors import vendor_of
from lvseg.nifti.layouts import find_volumes
from lvseg.nifti.volume_files import VolumeFiles

_LONGEST_TEXT = 200  # letters of what is only shown


@dataclass(frozen=True)
class Candidate:
    """A patient as his files name him.

    Attributes:
        id: no two of one search have the same.
        collection: the name of the place that his files come from.
        files: all that was found of him.
    """

    id: str
    collection: str
    files: PatientFiles | VolumeFiles

    @property
    def items(self) -> list[Item]:
        """All files that were found of the patient."""
        return _items(self.files)

    def read(self, first_pixel: int, table: Table, all_pixels: bool) -> Study:
        """Return what is known of the patient (see `read_study`, `read_nifti_study`, `read_drawn_study`)."""
        if isinstance(self.files, VolumeFiles):
            study = read_nifti_study(self.files, table, all_pixels)
        elif self.files.drawings and not self.files.contours:
            study = Study(self.files.id, self.files.group)
            images = [item for copy in self.files.images for item in copy.items]
            read_drawn_study(study, images, self.files.drawings, table, all_pixels)
        else:
            study = read_study(self.files, first_pixel, all_pixels)
            unused = "the patient has contour files, which are used"
            study.aside += [SetAside(item.label, unused) for item in self.files.drawings]
        study.id, study.collection = self.id, self.collection
        study.group, study.vendor = _in_tables(study.group), _in_tables(vendor_of(study.vendor))
        return study


def _in_tables(text: str) -> str:
    """Return a stranger's text as tables may hold it."""
    return cell(shown(text[:_LONGEST_TEXT]))


def find_all(places: Sequence[Path]) -> tuple[list[Candidate], list[SetAside]]:
    """Return the patients of all places, sorted by id, and the files that belong to none.

    One id in two places, or in two forms, is two patients until their pixels say otherwise: hospitals count from 1.

    Args:
        places: folders and archives.
    """
    nifti = find_volumes(walk(places)[0])
    patients, aside = find_patients(places, nifti.used)
    aside += nifti.aside
    names = collections(places)
    candidates: list[tuple[str, PatientFiles | VolumeFiles]] = []
    for patient in patients:
        candidates += [(_collection(names, _items(files)), files) for files in _apart(names, patient)]
    candidates += [(_collection(names, _items(files)), files) for files in nifti.patients]
    return sorted(_named(candidates), key=lambda candidate: candidate.id), aside


def collections(places: Iterable[Path]) -> dict[str, str]:
    """Return the names of places by their paths: that of the folder or archive, without the ending `.zip`."""
    return {str(place): (place if place.name not in ("", "..") else place.resolve()).name.removesuffix(".zip")
            for place in places}  # fmt: skip


def _collection(names: Mapping[str, str], items: Iterable[Item]) -> str:
    """Return the place that the first of some files lies in."""
    for item in items:
        within = [place for place in names if Path(item.place).is_relative_to(place) or _is_file(item, place)]
        if within:
            return names[max(within, key=len)]
    return ""


def _is_file(item: Item, place: str) -> bool:
    """Return whether a place is this file alone."""
    return Path(item.place, item.name) == Path(place)


def _items(files: PatientFiles | VolumeFiles) -> list[Item]:
    if isinstance(files, VolumeFiles):
        return [file.item for file in files.images] + [drawn.labels for drawn in files.drawn]
    return [item for copy in (*files.images, *files.contours) for item in copy.items] + files.drawings


def _apart(names: Mapping[str, str], patient: PatientFiles) -> list[PatientFiles]:
    """Return a patient by place, where more than one place has both images and contours of that id.

    Those of the Sunnybrook data name one patient wherever they stand.
    """
    if of_sunnybrook(patient.id):
        return [patient]
    by_place: dict[str, PatientFiles] = {}
    for kind in ("images", "contours"):
        copies: list[Copy] = getattr(patient, kind)
        for copy in copies:
            files = by_place.setdefault(
                _collection(names, copy.items), PatientFiles(patient.id, patient.group)
            )
            getattr(files, kind).append(copy)
    for item in patient.drawings:
        files = by_place.setdefault(_collection(names, [item]), PatientFiles(patient.id, patient.group))
        files.drawings.append(item)
    whole = [files for files in by_place.values() if files.images and (files.contours or files.drawings)]
    return list(by_place.values()) if len(whole) > 1 else [patient]


def _named(candidates: Sequence[tuple[str, PatientFiles | VolumeFiles]]) -> list[Candidate]:
    """Return patients under ids of which each is one: with the place before it where it occurs again."""
    often = Counter(files.id for _, files in candidates)
    taken: Counter[str] = Counter()
    named = []
    for collection, files in candidates:
        name = files.id if often[files.id] == 1 else f"{collection}-{files.id}"
        taken[name] += 1
        named.append(Candidate(name if taken[name] == 1 else f"{name}-{taken[name]}", collection, files))
    return named


def prints_of(study: Study) -> list[str]:
    """Return what the images that were drawn on are recognised by, in whatever file, type or orientation they come.

    Images of one value are all alike and have none.
    """
    drawn = (study.pixels.get(frame.number) for frame in study.labelled)
    sorts = (np.sort(pixels.ravel()).astype(np.float32) for pixels in drawn if pixels is not None)
    return sorted(
        {hashlib.sha256(values.tobytes()).hexdigest()[:16] for values in sorts if values[0] != values[-1]}
    )


def told_twice(prints: Mapping[str, Sequence[str]], known: Mapping[str, int]) -> dict[str, str]:
    """Return the patients who are another once more, and that other.

    Args:
        prints: see `prints_of`, by id.
        known: how much is known of each, by id: of two that are one, who has more stays, or else the first.
    """
    first: dict[str, str] = {}
    twice: dict[str, str] = {}
    for name in sorted(prints, key=lambda name: (-known[name], name)):
        kept = next((first[one] for one in prints[name] if one in first), None)
        if kept is not None:
            twice[name] = kept
        for one in prints[name]:
            first.setdefault(one, kept or name)
    return twice


def again(kept: str) -> str:
    """Return why a patient is left out who is another once more."""
    return f"the same images as {kept}, who is kept: one patient under two names"
