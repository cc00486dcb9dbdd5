"""Images of one plane, matrix, pixel size and kind form a stack, whatever series they came in.

Some scanners give each slice a series of its own, and a slice that was scanned again always has one. A series that is a
stack by itself is not mixed with others, so that a stack that was scanned twice gives two.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lvseg.dicom.header import Image

MOST_PHASES = 60  # at one position; more are the beats of a perfusion series
LEAST = 3  # positions of a stack
_PARALLEL = 0.996  # cosine of about 5 degrees


@dataclass(frozen=True)
class Stack:
    """Images that may be the cine.

    Attributes:
        images: of one plane and matrix.
        counts: images by position along the normal, to a millimetre.
    """

    images: tuple[Image, ...]
    counts: Counter[int]

    @property
    def phases(self) -> int:
        """Images at a usual position."""
        return Counter(self.counts.values()).most_common(1)[0][0]

    @property
    def size(self) -> int:
        """Images that could show a beat."""
        return sum(min(count, MOST_PHASES) for count in self.counts.values())


def stacks_of(images: Sequence[Image]) -> list[Stack]:
    """Divide images into stacks of one plane; see the module."""
    stacks = []
    for alike in _planes(images):
        whole: list[list[Image]] = []
        parts: list[Image] = []
        for own in _by_series(alike).values():
            counts = stack_of(own).counts
            if len(counts) >= LEAST:
                whole.append(own)
            else:
                parts += own
        single = stack_of(parts) if parts else None
        homes = [own for own in whole if single and _alike(stack_of(own), single)]
        if single and len(single.counts) < LEAST and homes:  # slices that were scanned again
            max(homes, key=len).extend(parts)
            single = None
        stacks += [stack_of(own) for own in whole] + ([single] if single else [])
    return stacks


def _alike(one: Stack, other: Stack) -> bool:
    """Return whether two stacks have about as many images at a position."""
    return 0.6 <= other.phases / one.phases <= 1.7


def _planes(images: Sequence[Image]) -> list[list[Image]]:
    """Divide images by plane, matrix, pixel size and thickness; the first of each group stands for it."""
    planes: list[list[Image]] = []
    for image in images:
        same = next((own for own in planes if _in_plane(own[0], image)), None)
        if same is None:
            planes.append([image])
        else:
            same.append(image)
    return planes


def _in_plane(one: Image, other: Image) -> bool:
    if (one.rows, one.columns, one.thickness) != (other.rows, other.columns, other.thickness):
        return False
    if one.spacing != other.spacing and not (
        one.spacing and other.spacing and np.allclose(one.spacing, other.spacing, rtol=0.01)
    ):
        return False
    if one.normal is None or other.normal is None:
        return one.normal is other.normal and one.series_uid == other.series_uid
    first, second = (np.reshape(image.orientation or (), (2, 3)) for image in (one, other))
    return bool((np.sum(first * second, axis=1) > _PARALLEL).all())


def _by_series(images: Sequence[Image]) -> dict[tuple[object, ...], list[Image]]:
    """Divide images by folder, series and kind: a series UID alone is shared by several in some archives."""
    series: dict[tuple[object, ...], list[Image]] = defaultdict(list)
    for image in images:
        folder = image.item.label.rpartition("/")[0] if image.frame is None else image.item.label
        series[folder, image.series_uid, image.image_type[2:3]].append(image)
    return series


def stack_of(images: Sequence[Image]) -> Stack:
    """Return images of one plane as a stack."""
    normal = images[0].normal
    counts: Counter[int] = Counter()
    for image in images:
        known = normal is not None and image.position is not None
        counts[round(float(np.asarray(image.position) @ normal)) if known else 0] += 1
    return Stack(tuple(images), counts)


def is_flow(image: Image) -> bool:
    """Return whether an image shows velocity or phase, not signal."""
    return any("VELOCITY" in part or part in ("P", "PHASE", "PHASE MAP") for part in image.image_type)


def beside(stack: Stack, flow: Sequence[Image]) -> bool:
    """Return whether velocity images lie in the very plane of a slice: then it is their magnitude."""
    if len(stack.counts) >= LEAST:
        return False
    places = stack.counts.keys()
    return any(
        _in_plane(stack.images[0], image) and places & stack_of([image]).counts.keys() for image in flow
    )
