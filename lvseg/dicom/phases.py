"""Where each image of a cine stands: slice, counted from the first image number, and phase of the heart beat."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lvseg.dicom.header import Image

_SAME_SLICE = 0.5  # mm along the normal
_USUAL_PHASES = 20  # of the Sunnybrook protocol; where neither tags nor images tell


@dataclass(frozen=True)
class PlacedImage:
    """One image at its place in the stack; slice and phase count from 1."""

    image: Image
    number: int
    slice: int
    phase: int


def arrange(images: Mapping[int, Image]) -> tuple[list[PlacedImage], int]:
    """Return the frames sorted by slice and phase, and the number of phases of the cine.

    Image numbers run through the phases of the first slice, then of the next. The number of phases is the one
    with which this agrees with the positions in space; where none does (missing or repeated images), slices
    follow from the positions alone and phases from the order within each.
    """
    numbers = sorted(images)
    places = _places([images[number] for number in numbers])
    said = Counter(image.phases for image in images.values() if image.phases).most_common(1)
    fullest = max(Counter(places).values()) if places else 0
    candidates = [*(count for count, _ in said), fullest, _beat([images[n] for n in numbers]), _USUAL_PHASES]
    for phases in (count for count in candidates if count > 2):  # 2: only ED and ES are there
        rows = [(number - 1) // phases for number in numbers]
        if not places or _agree(rows, places):
            frames = [
                PlacedImage(images[n], n, row + 1, (n - 1) % phases + 1)
                for n, row in zip(numbers, rows, strict=True)
            ]
            return sorted(frames, key=lambda frame: (frame.slice, frame.phase)), phases
    return _by_position(images, numbers, places or [0] * len(numbers))


def _beat(images: Sequence[Image]) -> int:
    """Return how many images in a row have rising times after the R wave; 0 where that differs or is unknown."""
    times = [image.trigger_time for image in images]
    if None in times:
        return 0
    slices = 1 + int((np.diff(np.array(times, float)) < 0).sum())
    return len(times) // slices if slices > 1 and len(times) % slices == 0 else 0


def _agree(rows: Sequence[int], places: Sequence[int]) -> bool:
    """Return whether each slice by number lies at one position, with few positions scanned more than once."""
    slices, positions = len(set(rows)), len(set(places))
    return len(set(zip(rows, places, strict=True))) == slices and slices - positions <= positions / 2


def _places(images: Sequence[Image]) -> list[int] | None:
    """Return a whole number per distinct position along the stack's normal; None where positions are unknown."""
    normal = next((image.normal for image in images if image.normal is not None), None)
    if normal is None or any(image.position is None for image in images):
        return None
    depths = np.array([np.dot(image.position or (), normal) for image in images])
    order = np.argsort(depths, kind="stable")
    steps = np.diff(depths[order]) > _SAME_SLICE
    places = np.empty(len(images), int)
    places[order] = np.concatenate([[0], np.cumsum(steps)])
    return places.tolist()


def _by_position(
    images: Mapping[int, Image], numbers: Sequence[int], places: Sequence[int]
) -> tuple[list[PlacedImage], int]:
    """Return frames with slices in the order of their first image number, phases in order within a slice."""
    first: dict[int, int] = {}
    members: dict[int, list[int]] = {}
    for number, place in zip(numbers, places, strict=True):
        first.setdefault(place, len(first) + 1)
        members.setdefault(place, []).append(number)
    frames = [
        PlacedImage(images[number], number, first[place], phase)
        for place, held in members.items()
        for phase, number in enumerate(held, start=1)
    ]
    return sorted(frames, key=lambda frame: (frame.slice, frame.phase)), max(map(len, members.values()))
