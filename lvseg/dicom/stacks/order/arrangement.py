"""Where each image of a cine stands: its slice along the stack, and its phase of the heart beat.

One order for all: training data, new studies, inspection. Slices are counted along the normal of the image plane, from
1. Whatever does not fit is left out and named, so that a stack with a fault still gives what it can.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from lvseg.core.paths.archives import SetAside
from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.alignment import frames_of_reference
from lvseg.dicom.stacks.order import chronology, scans
from lvseg.dicom.stacks.order.numbering import number_in_name
from lvseg.dicom.stacks.order.slices import Slices, by_geometry, distance_mm

_USUAL_PHASES = 20  # of the Sunnybrook protocol; where neither tags nor images tell


@dataclass(frozen=True)
class PlacedImage:
    """One image at its place in the stack; slice and phase count from 1."""

    image: Image
    number: int
    slice: int
    phase: int


@dataclass(frozen=True)
class Arrangement:
    """The images of a cine in order.

    Attributes:
        frames: sorted by slice and phase.
        phases: T, of a slice that has all of them.
        depths_mm: (S,) where the slices lie along the normal, ascending; all 0 where numbers alone tell them apart.
        distance_mm: usual distance from slice to slice; NaN where nothing says it.
        set_aside: images that do not belong, and why.
        notes: what was odd and how it was handled, a sentence each, that name no patient.
        doubts: the same, where a measurement depends on a guess.
    """

    frames: tuple[PlacedImage, ...]
    phases: int
    depths_mm: tuple[float, ...]
    distance_mm: float
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def arranged(
    images: Sequence[Image], numbers: Sequence[int] | None = None, drawn: Collection[int] = ()
) -> Arrangement:
    """Return the images of one cine in order, each slice once.

    Args:
        images: of one plane, matrix and pixel size.
        numbers: of the images; None takes those of names, else of headers, else counts in the order found.
        drawn: the numbers of images that an expert drew on: they are never left out.
    """
    of_image = {} if numbers is None else dict(zip(map(id, images), numbers, strict=True))
    kept = {identity for identity, number in of_image.items() if number in drawn}
    divided = by_geometry(images) or _by_number(images, of_image)
    divided, set_aside = _scanned_once(divided, kept)
    ordered, moved, doubtful = chronology.ordered(divided.images)
    if not of_image:
        of_image = _numbered([image for slice_images in ordered for image in slice_images])
    apart = frames_of_reference(ordered)
    phases, first = _rhythm(ordered, of_image) or (max(map(len, ordered)), None)
    full = next((slice_images for slice_images in ordered if len(slice_images) == phases), [])
    frames = [
        PlacedImage(image, of_image[id(image)], slice_, phase)
        for slice_, slice_images in enumerate(ordered, 1)
        for image, phase in zip(
            slice_images, _phases(slice_images, phases, full, of_image, first), strict=True
        )
    ]
    return Arrangement(
        frames=tuple(sorted(frames, key=lambda frame: (frame.slice, frame.phase, frame.number))),
        phases=phases,
        depths_mm=tuple(divided.depths_mm or [0.0] * len(ordered)),
        distance_mm=distance_mm(divided),
        set_aside=tuple(set_aside),
        notes=(*divided.notes, *moved, *divided.doubts, *doubtful, *apart),
        doubts=(*divided.doubts, *doubtful, *apart),
    )


def _scanned_once(slices: Slices, kept: Collection[int]) -> tuple[Slices, list[SetAside]]:
    """Return the slices, of each the scan that counts, without those that cannot follow the beat."""
    notes, set_aside = list(slices.notes), []
    phases = scans.phases_of(slices.images)
    images: list[list[Image]] = []
    depths: list[float] = []
    again = 0
    for number, slice_images in enumerate(slices.images, 1):
        complete = scans.complete_scans(slice_images, phases)
        repeated = complete and len(complete[-1]) < len(slice_images)
        chosen = scans.chosen(complete, kept) if repeated else [slice_images]
        used = {id(image) for scan in chosen for image in scan}
        again += len(complete) > 1
        if len(chosen) > 1:
            notes.append(
                f"Slice {number} was scanned {len(complete)} times, and drawn on more than once: all stay."
            )
        elif len(complete) > 1:
            which = "last" if chosen[0] is complete[-1] else "drawn"
            notes.append(f"Slice {number} was scanned {len(complete)} times: the {which} scan is used.")
        elif len(used) < len(slice_images):
            notes.append(
                f"Slice {number} has {len(slice_images) - len(used)} images beside its scan: they are left out."
            )
        set_aside += [
            SetAside(image.item.label, "of a scan of its slice that was made again")
            for image in slice_images
            if id(image) not in used
        ]
        images += chosen
        depths += [slices.depths_mm[number - 1]] * len(chosen) if slices.depths_mm else []
    if len(slices.images) > 1 and again == len(slices.images):
        slices.doubts.append("All slices were scanned more than once: which scan is meant, nothing says.")
    return _followed(Slices(images, depths or None, notes, slices.doubts), kept, set_aside)


def _followed(
    slices: Slices, kept: Collection[int], set_aside: list[SetAside]
) -> tuple[Slices, list[SetAside]]:
    """Return the slices that have enough phases to follow the beat, or that an expert drew on."""
    phases, count = scans.usual(slices.images), len(slices.images)
    stay = []
    for number, slice_images in enumerate(slices.images, 1):
        drawn = any(id(image) in kept for image in slice_images)
        if len(slice_images) < limits.ENOUGH_PHASES * phases and not drawn and not (kept and phases <= 2):
            slices.doubts.append(
                f"Slice {number} of {count} has {len(slice_images)} of {phases} phases: it is left out."
            )
            set_aside += [
                SetAside(image.item.label, "of a slice with too few phases") for image in slice_images
            ]
            continue
        if len(slice_images) != phases and (phases > 2 or not kept):
            of_others = f"Slice {number} of {count} has {len(slice_images)} phases instead of {phases}"
            if len({image.trigger_time for image in slice_images} - {None}) == len(slice_images):
                slices.notes.append(f"{of_others}: matched by time.")
            else:
                slices.doubts.append(f"{of_others}, and no times: matched by number.")
        stay.append(number - 1)
    slices.images = [slices.images[index] for index in stay]
    if slices.depths_mm is not None:
        slices.depths_mm = [slices.depths_mm[index] for index in stay]
    return slices, set_aside


def _by_number(images: Sequence[Image], numbers: dict[int, int]) -> Slices:
    """Divide images by their numbers, which run through the phases of the first slice, then of the next.

    Or through the slices of the first phase, then of the next, where their times say so.
    """
    ordered = sorted(images, key=scans.acquisition_order)
    if by_phase := _phases_first(ordered):
        note = "Positions of slices are unknown: their order follows the image numbers, {} to a phase."
        return Slices(by_phase, None, [], [note.format(len(by_phase))])
    counted = [numbers.get(id(image), position) for position, image in enumerate(ordered, 1)]
    # Times that rise and fall tell more than a tag that nothing needs.
    told = (_beat(ordered), *_candidates(ordered, None))
    phases = next(count for count in told if count >= limits.LEAST_PHASES)
    first = min(1, *counted)
    rows = sorted({(number - first) // phases for number in counted})
    by_slice: list[list[Image]] = [[] for _ in rows]
    for number, image in zip(counted, ordered, strict=True):
        by_slice[rows.index((number - first) // phases)].append(image)
    note = f"Positions of slices are unknown: their order follows the image numbers, {phases} to a slice."
    one = f"Positions of slices are unknown: {len(images)} images are taken for the phases of one slice."
    return Slices(by_slice, None, [], [note if len(by_slice) > 1 else one] if len(images) > 1 else [])


def _phases_first(ordered: Sequence[Image]) -> list[list[Image]]:
    """Return the images of each slice where their numbers run through all slices of a phase before the next phase.

    Nothing where times, or else phases by number, do not say so: each must be that of as many images in a row.
    """
    moments: Sequence[float | None]
    for moments in ([image.trigger_time for image in ordered], [image.temporal for image in ordered]):
        phases = [list(own) for _, own in groupby(range(len(ordered)), moments.__getitem__)]
        count = len(phases[0])
        once = None not in moments and len(phases) == len(set(moments)) >= limits.LEAST_PHASES
        if once and count > 1 and all(len(own) == count for own in phases):
            return [[ordered[own[place]] for own in phases] for place in range(count)]
    return []


def _rhythm(slices: Sequence[Sequence[Image]], numbers: Mapping[int, int]) -> tuple[int, int] | None:
    """Return the number of phases with which image numbers run through the slices, and the number they begin with.

    None where they do not run so.
    """
    images = [(image, place) for place, slice_images in enumerate(slices) for image in slice_images]
    images.sort(key=lambda entry: numbers[id(entry[0])])
    places = [place for _, place in images]
    for phases in _candidates([image for image, _ in images], places):
        for first in (1, 0) if phases >= limits.LEAST_PHASES else ():
            rows = [(numbers[id(image)] - first) // phases for image, _ in images]
            if len(set(zip(rows, places, strict=True))) == len(set(rows)) == len(set(places)):
                return phases, first
    return None


def _candidates(ordered: Sequence[Image], places: Sequence[int] | None) -> list[int]:
    """Return how many phases a cine may have, the likeliest first.

    Args:
        ordered: its images by number.
        places: of these, if they are known.
    """
    said = Counter(image.phases for image in ordered if image.phases).most_common(1)
    fullest = max(Counter(places).values()) if places else 0
    return [*(count for count, _ in said if count), fullest, _beat(ordered), _USUAL_PHASES]


def _beat(images: Sequence[Image]) -> int:
    """Return how many images in a row have rising times after the R wave; 0 where that differs or is unknown."""
    times = [image.trigger_time for image in images if image.trigger_time is not None]
    if len(times) < len(images):
        return 0
    slices = 1 + int((np.diff(times) < 0).sum())
    return len(times) // slices if slices > 1 and len(times) % slices == 0 else 0


def _phases(
    slice_images: Sequence[Image],
    phases: int,
    full: Sequence[Image],
    numbers: Mapping[int, int],
    first: int | None,
) -> list[int]:
    """Return the phase of each image of one slice, which are in order.

    Args:
        slice_images: the images. If the slice has all phases it is counted through.
        phases: of a slice that has all of them.
        full: the images of such a slice, if there is one: their times tell the phases of others.
        numbers: of the images, by identity.
        first: the number with which they begin, where they run through the slices: then they tell before times do.
    """
    if len(slice_images) == phases:
        return list(range(1, phases + 1))
    candidates = []
    if first is not None:
        candidates.append([(numbers[id(image)] - first) % phases + 1 for image in slice_images])
    if full and all(image.trigger_time is not None for image in (*slice_images, *full)):
        times = np.array([image.trigger_time for image in full], float)
        candidates.append(
            [int(np.abs(times - (image.trigger_time or 0.0)).argmin()) + 1 for image in slice_images]
        )
    apart = (numbered for numbered in candidates if len(set(numbered)) == len(slice_images))
    spread = [
        1 + place * max(phases, len(slice_images)) // len(slice_images) for place in range(len(slice_images))
    ]
    return next(apart, spread)


def _numbered(images: Sequence[Image]) -> dict[int, int]:
    """Return the numbers that files are named by, by identity; a running number where they repeat or lack."""
    named = [number_in_name(image.item) if image.frame is None else None for image in images]
    for numbers in (named, [image.number for image in images]):
        known = [number for number in numbers if number is not None]
        if len(set(known)) == len(images):
            return dict(zip(map(id, images), known, strict=True))
    return {id(image): number for number, image in enumerate(images, 1)}
