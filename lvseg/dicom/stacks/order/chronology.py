"""The images of each slice in the order of the heart beat, where the times of some contradict their numbers."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.order import scans

_GAP = 1.5  # usual distances in time, from which on one image is missing between two


def ordered(slices: Sequence[Sequence[Image]]) -> tuple[list[list[Image]], list[str], list[str]]:
    """Return the images of each slice by time, and what was odd.

    In a sound stack times put the images of all slices in one order of their numbers. Where they do so in most slices,
    another slice is odd: a single image whose time lies elsewhere, while the others leave a gap for it at its number,
    goes there; else the times are followed.

    Returns:
        The images of each slice; a sentence for each image that was moved; one for each slice that stays in doubt.
    """
    by_time = [scans.by_time(images) for images in slices]
    orders = [_order(images) for images in by_time]
    usual, count = Counter(orders).most_common(1)[0]
    notes: list[str] = []
    doubts: list[str] = []
    if 2 * count <= len(orders):
        return by_time, notes, doubts
    for number, order in enumerate(orders, 1):
        if order == usual or len(order) != len(usual):
            continue
        by_number = sorted(by_time[number - 1], key=scans.acquisition_order)
        if _rises(usual) and _has_one_wrong_time(by_number):
            by_time[number - 1] = by_number
            notes.append(
                f"Slice {number}: the time of one image contradicts its number and the times around it."
            )
        else:
            doubts.append(
                f"Slice {number}: its times order the images otherwise than in other slices: they are followed."
            )
    return by_time, notes, doubts


def _order(images: Sequence[Image]) -> tuple[int, ...]:
    """Return at which place of the order by numbers each image stands."""
    numbers = [scans.acquisition_order(image) for image in images]
    return tuple(sorted(numbers).index(number) for number in numbers)


def _rises(values: Sequence[float]) -> bool:
    return all(np.diff(values) > 0)


def _has_one_wrong_time(by_number: Sequence[Image]) -> bool:
    """Return whether times rise with the numbers but for one, for which the others leave a gap."""
    times = [image.trigger_time or 0.0 for image in by_number]
    if len(times) < limits.LEAST_PHASES:
        return False
    for place in range(1, len(times) - 1):
        others = np.diff([*times[:place], *times[place + 1 :]])
        if (others > 0).all() and others[place - 1] > _GAP * np.median(others):
            return True
    return False
