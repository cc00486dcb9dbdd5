"""A patient whose DICOM images have drawings beside them: SEG and RTSTRUCT objects, workspaces of cvi42."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from lvseg.core.paths.archives import Item, SetAside, UnreadableError
from lvseg.dicom.image import Image
from lvseg.dicom.multiframe import read_images
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.stacks.consistency import of_one_geometry, once
from lvseg.dicom.stacks.joining import stacks_of
from lvseg.dicom.stacks.order.arrangement import arranged
from lvseg.imaging.structures import Structure
from lvseg.labels.sources.contours import take_maps
from lvseg.labels.sources.cvi42 import read_cvi42
from lvseg.labels.sources.kinds import KINDS, kind_of
from lvseg.labels.sources.label_map import LabelMap, Reading
from lvseg.labels.sources.matching import Images, Key
from lvseg.labels.sources.rtstruct import read_rtstruct
from lvseg.labels.sources.seg import read_seg
from lvseg.labels.sources.structures import Table
from lvseg.labels.study import Study, find_cycle, raise_flags

_READERS = {"SEG": read_seg, "RTSTRUCT": read_rtstruct, "cvi42": read_cvi42}
_APART = 0.02  # of both areas, from which on two drawings of one structure disagree


def read_drawn_study(
    study: Study, files: Sequence[Item], drawings: Sequence[Item], table: Table, all_pixels: bool
) -> None:
    """Fill a study from images and the drawings beside them; whatever cannot be read is set aside, never raised.

    The cine is the stack that most of the drawings lie on.

    Args:
        study: of the patient, empty.
        files: that may be images.
        drawings: files of the kinds `KINDS`.
        table: the user's own words for labels.
        all_pixels: read the pixels of every frame, not only of those that were drawn on.
    """
    images: list[Image] = []
    for item in files:
        try:
            images += read_images(item)
        except UnreadableError as error:
            study.aside.append(SetAside(item.label, str(error)))
    images = once(images, study.notes)
    maps = _read_all(study, Images(images), drawings, table)
    study.why = "no images"
    stacks = stacks_of(images) if images else []
    if stacks:
        drawn = [sum(_key(image) in maps for image in stack.images) for stack in stacks]
        best = max(range(len(stacks)), key=lambda n: (drawn[n], stacks[n].size))
        study.series = stacks[best].images[0].description or "without a description"
        study.why = f"{drawn[best]} of {len(maps)} drawn images lie in this stack, of {len(stacks)}"
        study.source = str(PurePosixPath(stacks[best].images[0].item.label).parent)
        study.vendor = stacks[best].images[0].manufacturer
        _take_frames(study, stacks[best].images, maps, all_pixels)
        lost = len(maps) - drawn[best]
        if lost:
            study.notes.append(f"{lost} drawn images lie in other stacks: not used")
        take_maps(study, {f.number: maps[_key(f.image)] for f in study.frames if _key(f.image) in maps})
    study.cycle = find_cycle(study.joined, study.endo)
    raise_flags(study)


def _key(image: Image) -> Key:
    return image.sop_uid, image.frame


def _read_all(study: Study, images: Images, drawings: Sequence[Item], table: Table) -> dict[Key, LabelMap]:
    """Return the label maps of all drawings together, by image."""
    whole, disagree = dict[Key, LabelMap](), dict[Structure, int]()
    # One that can no longer be told is left to a reader that says why it cannot be read.
    kinds = {item: kind_of(item) or "cvi42" for item in drawings}
    for item in sorted(drawings, key=lambda item: (KINDS.index(kinds[item]), item)):
        reading: Reading = _READERS[kinds[item]](item, images, table)
        study.aside += reading.aside
        study.notes += [note for note in reading.notes if note not in study.notes]
        for label, count in reading.unmapped.items():
            study.unmapped[label] = study.unmapped.get(label, 0) + count
        for label_map in reading.maps:
            key = label_map.sop_uid, label_map.frame
            if key not in whole:
                whole[key] = label_map
                continue
            for structure in whole[key].known & label_map.known:
                if _differ(whole[key].labels == structure, label_map.labels == structure):
                    disagree[structure] = disagree.get(structure, 0) + 1
            whole[key] = _joined(whole[key], label_map)
    study.notes += [
        f"sources of labels disagree on the {structure.words} of {count} frames: the first of "
        f"{', '.join(KINDS)} is used, and by name among them"
        for structure, count in sorted(disagree.items())
    ]
    return whole


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    return int((one != other).sum()) > _APART * max(int(one.sum() + other.sum()), 1)


def _joined(one: LabelMap, other: LabelMap) -> LabelMap:
    """Return a label map with the structures of another that it does not know; the cavity lies above all."""
    labels = np.zeros_like(one.labels)
    for structure in (Structure.RIGHT_VENTRICLE, Structure.MYOCARDIUM, Structure.CAVITY):
        source = one if structure in one.known else other
        if structure in source.known:
            labels[source.labels == structure] = structure
    return LabelMap(labels, one.known | other.known, one.affine, one.sop_uid, one.frame)


def _take_frames(study: Study, images: Sequence[Image], maps: dict[Key, LabelMap], all_pixels: bool) -> None:
    """Arrange the images of the cine, and read their pixels."""
    alike, others = of_one_geometry(images, study.notes)
    study.aside += others
    said = [image.number for image in alike if image.frame is None and image.number is not None]
    distinct = len(set(said)) == len(alike)
    numbers = {
        id(image): image.number if distinct and image.number is not None else n
        for n, image in enumerate(alike, start=1)
    }
    usable: list[Image] = []
    for image in alike:
        try:
            if all_pixels or _key(image) in maps:
                study.pixels[numbers[id(image)]] = read_pixels(image)
            usable.append(image)
        except UnreadableError as error:
            study.aside.append(SetAside(image.item.label, str(error)))
    if not usable:
        return
    drawn = [numbers[id(image)] for image in usable if _key(image) in maps]
    order = arranged(usable, [numbers[id(image)] for image in usable], drawn)
    study.frames = sorted(order.frames, key=lambda frame: frame.number)
    study.phases, study.distance_mm = order.phases, order.distance_mm
    study.notes += order.notes
    study.aside += order.set_aside
