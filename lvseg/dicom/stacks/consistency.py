"""Which images of a stack fit together: each once, of one matrix and pixel size, at known places."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.core.plural import counted
from lvseg.dicom.image import Image
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.order.slices import by_geometry

_FEW = 0.4  # of the phases of a slice: what is less among them is no part of the beat


def consistent(images: Sequence[Image], notes: list[str]) -> tuple[list[Image], list[SetAside]]:
    """Return the images that fit together and the files set aside, and add to the notes what was odd."""
    kept, aside = of_one_geometry(once(images, notes), notes)
    return _placed(kept, aside, notes), aside


def once(images: Sequence[Image], notes: list[str]) -> list[Image]:
    """Return images without those that came twice: the same pixels at the same place and time, whatever their UIDs say.

    Anonymisers repeat a UID for different images, and some archives hold a file twice.
    """
    groups: dict[object, list[Image]] = defaultdict(list)
    for image in images:
        groups[image.sop_uid or image.item.label, image.frame].append(image)
    kept: list[Image] = []
    twice = differing = 0
    for same in groups.values():
        if len(same) == 1:
            kept += same
            continue
        seen: dict[object, Image] = {}
        for image in same:
            seen.setdefault(_content(image), image)
        twice += len(same) - len(seen)
        differing += len(seen) if len(seen) > 1 else 0
        kept += seen.values()
    if twice:
        notes.append(f"{counted(twice, 'image')} came twice and counted once.")
    if differing:
        notes.append(
            f"{counted(differing, 'image')} share a UID with a different one: what they show tells them apart."
        )
    order = {id(image): position for position, image in enumerate(images)}
    return sorted(kept, key=lambda image: order[id(image)])


def _content(image: Image) -> object:
    """Return what two files of one image have in common; a file that cannot be read is like no other."""
    try:
        pixels = read_pixels(image)
    except UnreadableError:
        return id(image)
    shown = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest()
    return image.position, image.orientation, image.trigger_time, image.location, pixels.shape, shown


def of_one_geometry(images: Sequence[Image], notes: list[str]) -> tuple[list[Image], list[SetAside]]:
    """Return the images of the most frequent matrix and pixel size, and the others as files set aside.

    Where there are others, a sentence is added to the notes.
    """
    first = _most_frequent(images)
    studies = {image.study_uid for image in images}
    if len(studies) > 1:
        notes.append(f"Its images bear {len(studies)} study UIDs: they are taken for one examination.")

    def alike(image: Image) -> bool:
        shape = (image.rows, image.columns) == (first.rows, first.columns)
        return shape and limits.same_spacing(image.spacing, first.spacing)

    others = [image for image in images if not alike(image)]
    aside = [
        SetAside(
            image.item.label,
            f"{image.rows} x {image.columns} pixels of {_size(image.spacing)} in a stack of "
            f"{first.rows} x {first.columns} of {_size(first.spacing)}",
        )
        for image in others
    ]
    if others:
        notes.append(f"{counted(len(others), 'image')} of another matrix or pixel size left out.")
    kept, strange = _of_one_kind([image for image in images if alike(image)], notes)
    aside += strange
    if unscaled := sum(image.unscaled for image in kept):
        notes.append(
            f"{counted(unscaled, 'image')} with a rescale slope of 0 or a damaged one: "
            "pixels are read as they are stored."
        )
    if told := sum(image.drawn_into for image in kept):
        notes.append(
            f"{counted(told, 'image')} with text in their pixels (Burned In Annotation): it may name the patient."
        )
    return kept, aside


def _of_one_kind(images: list[Image], notes: list[str]) -> tuple[list[Image], list[SetAside]]:
    """Return images without those that show no phase of the beat, though they lie among its slices in one series.

    These are images after an inversion, as of late enhancement, among images without; and those that were computed
    among many that were measured, such as a mean over the beat, or from each of these, such as a filtered copy.
    """
    slices = by_geometry(images)
    strange: set[int] = set()
    for slice_images in slices.images if slices else ():
        for is_other in (_is_inverted, _is_computed):
            others = [image for image in slice_images if is_other(image)]
            phases = [image for image in slice_images if not is_other(image)]
            if len(others) < _FEW * len(phases) or _are_copies(others, phases):
                strange |= {id(image) for image in others}
    if strange:
        notes.append(
            f"{counted(len(strange), 'image')} of another kind (after an inversion, or computed) left out."
        )
    aside = [
        SetAside(image.item.label, "of another kind than the phases of the beat among which it lies")
        for image in images
        if id(image) in strange
    ]
    return [image for image in images if id(image) not in strange], aside


def _are_copies(others: Sequence[Image], phases: Sequence[Image]) -> bool:
    """Return whether images of one slice show nothing but moments of the beat that others show as well."""
    times = {image.trigger_time for image in others}
    known = len(times) >= limits.LEAST_PHASES and None not in times
    return known and times <= {image.trigger_time for image in phases}


def _is_inverted(image: Image) -> bool:
    return bool(image.inversion_time)


def _is_computed(image: Image) -> bool:
    return image.image_type[:1] == ("DERIVED",)


def _most_frequent(images: Sequence[Image]) -> Image:
    """Return one of the images that share the most frequent matrix and pixel size, the first of them."""
    kinds: list[tuple[Image, int]] = []
    for image in images:
        for position, (other, count) in enumerate(kinds):
            if (image.rows, image.columns) == (other.rows, other.columns) and limits.same_spacing(
                image.spacing, other.spacing
            ):
                kinds[position] = other, count + 1
                break
        else:
            kinds.append((image, 1))
    return max(kinds, key=lambda kind: kind[1])[0]


def _placed(images: list[Image], aside: list[SetAside], notes: list[str]) -> list[Image]:
    """Return the images without the few that do not say where they lie; all of them where most do not."""
    lost = [image for image in images if image.position is None]
    if not lost or 2 * len(lost) > len(images):
        return images
    aside += [SetAside(image.item.label, "no position, which the others of its stack have") for image in lost]
    notes.append(f"{counted(len(lost), 'image')} without a position left out.")
    return [image for image in images if image.position is not None]


def _size(spacing: tuple[float, float] | None) -> str:
    return f"{spacing[0]:g} x {spacing[1]:g} mm" if spacing else "unknown size"
