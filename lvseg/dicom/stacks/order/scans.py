"""The images of one slice: in the order of the heart beat, and of several scans the one that counts."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence

import numpy as np

from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.order.numbering import number_in_name

_LONGEST_UID = 64  # characters (PS3.5 9.1)


def acquisition_order(image: Image) -> tuple[object, ...]:
    """Return what scanners count up from image to image, and from series to series where each has one phase."""
    number = number_in_name(image.item) if image.number is None else image.number
    return (
        image.series_number or 0, image.acquisition or 0, image.acquired, number or 0, image.created,
        _counted(image.series_uid), image.frame or 0, image.item,
    )  # fmt: skip


def _counted(uid: str) -> tuple[int, ...]:
    """Return the numbers of a UID, so that the tenth follows the ninth."""
    return tuple(
        int(part) if part.isascii() and part.isdigit() else 0 for part in uid[:_LONGEST_UID].split(".")
    )


def by_time(images: Sequence[Image]) -> list[Image]:
    """Return the images of one slice by time after the R wave, else by temporal position, else by their numbers."""
    ordered = sorted(images, key=acquisition_order)
    times = [image.trigger_time for image in images]
    # Each time may come twice, where a slice was scanned again.
    if None in times or len(set(times)) < limits.ENOUGH_PHASES * len(images) / 2:
        positions = [image.temporal for image in images]
        if None in positions or len(set(positions)) < len(images):
            return ordered
        return sorted(ordered, key=lambda image: image.temporal or 0)
    return sorted(ordered, key=lambda image: image.trigger_time or 0.0)


def usual(slices: Sequence[Sequence[Image]]) -> int:
    """Return how many images most slices have; of equally frequent counts the larger."""
    counts = Counter(len(slice_images) for slice_images in slices)
    return max(counts, key=lambda count: (counts[count], count))


def phases_of(slices: Sequence[Sequence[Image]]) -> int:
    """Return how many phases a scan of a slice has: as most images state where that agrees with how many there are.

    Where all slices were scanned as often, or each image is there in two versions, their times say so.
    """
    count = usual(slices)
    stated = Counter(image.phases for slice_images in slices for image in slice_images).most_common(1)[0][0]
    if stated and stated >= limits.LEAST_PHASES and count % stated == 0:
        return stated
    return Counter(_of_one_scan(images) for images in slices if len(images) == count).most_common(1)[0][0]


def _of_one_scan(images: Sequence[Image]) -> int:
    """Return how many images of a slice are of one scan: all where their times do not begin again, or not at once."""
    if any(image.trigger_time is None for image in images):
        return len(images)
    rising = _rising(sorted(images, key=acquisition_order))
    longest = max(map(len, rising))
    if len(rising) > 1 and min(map(len, rising)) >= max(limits.LEAST_PHASES, limits.ENOUGH_PHASES * longest):
        times = [[image.trigger_time or 0.0 for image in scan] for scan in rising]
        step = np.median(np.diff(times[0]))
        # Phases that are counted otherwise than they follow each other begin elsewhere.
        if all(abs(own[0] - times[0][0]) < step / 2 for own in times):
            return longest
    often = set(Counter(image.trigger_time for image in images).values())
    once = len(images) // max(often)
    return once if len(often) == 1 and once >= limits.LEAST_PHASES else len(images)


def complete_scans(images: Sequence[Image], phases: int) -> list[list[Image]]:
    """Return the scans of one slice that can follow the beat, in order; one where it was scanned once.

    Args:
        images: of the slice.
        phases: that most slices have.
    """
    if (
        len(images) <= phases
    ):  # scanned once, whatever some of its times and acquisition numbers have in common
        return [by_time(images)]
    enough = limits.ENOUGH_PHASES * min(phases, len(images))
    return [scan for scan in _scans(images, phases) if len(scan) >= enough]


def chosen(scans: Sequence[list[Image]], drawn: Collection[int]) -> list[list[Image]]:
    """Return the scans that count: those on which an expert drew, else the last, made because of a fault before.

    Args:
        scans: of one slice, in order.
        drawn: identities (`id`) of the images that an expert drew on.
    """
    return [scan for scan in scans if any(id(image) in drawn for image in scan)] or list(scans[-1:])


def _scans(images: Sequence[Image], phases: int) -> list[list[Image]]:
    """Divide the images of a slice into scans, in order: by series, by acquisition, or by times that begin again."""
    ordered = sorted(images, key=acquisition_order)
    keys: tuple[Callable[[Image], object], ...] = (
        lambda image: image.series_uid,
        lambda image: image.acquisition,
    )
    for key in keys:
        scans: dict[object, list[Image]] = defaultdict(list)
        for image in ordered:
            scans[key(image)].append(image)
        # An acquisition number per image tells nothing.
        if 1 < len(scans) <= len(images) / 2:
            return [by_time(scan) for scan in scans.values()]
    if any(image.trigger_time is None for image in ordered):
        stated = ordered[0].phases  # without times, whole beats in the order of numbers
        whole = stated and stated >= limits.LEAST_PHASES and len(ordered) % stated == 0
        return (
            [ordered[n : n + stated] for n in range(0, len(ordered), stated)]
            if stated and whole
            else [ordered]
        )
    # Times of two scans differ by what the heart rate does in between: where they fall tells more than equal times.
    rising = _rising(ordered)
    if 1 < len(rising) <= math.ceil(len(ordered) / phases):
        return rising
    return _by_repeated_times(ordered)


def _rising(ordered: Sequence[Image]) -> list[list[Image]]:
    """Divide images where their times fall: there the next beat begins."""
    falls = np.flatnonzero(np.diff([image.trigger_time or 0.0 for image in ordered]) < 0) + 1
    return [[ordered[index] for index in part] for part in np.split(np.arange(len(ordered)), falls)]


def _by_repeated_times(ordered: Sequence[Image]) -> list[list[Image]]:
    """Give the n-th image of each time to the n-th scan."""
    seen: Counter[float] = Counter()
    again: dict[int, list[Image]] = defaultdict(list)
    for image in ordered:
        time = image.trigger_time or 0.0
        again[seen[time]].append(image)
        seen[time] += 1
    return [by_time(again[index]) for index in sorted(again)]
