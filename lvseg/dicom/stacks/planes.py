"""Images of one plane, matrix, pixel size and kind form a stack, whatever series they came in.

Some scanners give each slice a series of its own, others each phase, and a slice that was scanned again always has one.
A series that is a stack by itself is not mixed with others, so that a stack that was scanned twice gives two.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.slices import depths_mm, places

_AS_MANY = (0.6, 1.7)  # images at a position, from one stack to another that may be of the same beat


@dataclass(frozen=True)
class Stack:
    """Images that may be the cine.

    Attributes:
        images: of one plane and matrix.
        counts: images at each place along the normal, by the place's number from 0; all at 0 where positions lack.
    """

    images: tuple[Image, ...]
    counts: Counter[int]

    @property
    def phases(self) -> int:
        """Images at a usual place."""
        return Counter(self.counts.values()).most_common(1)[0][0]

    @property
    def size(self) -> int:
        """Images that could show a beat."""
        return sum(min(count, limits.MOST_PHASES) for count in self.counts.values())


def stacks_of(images: Sequence[Image]) -> list[Stack]:
    """Divide images into stacks of one plane; see the module."""
    stacks = []
    for alike in _planes(images):
        whole: list[list[Image]] = []
        parts: list[Image] = []
        for own in _by_series(alike).values():
            if len(stack_of(own).counts) >= limits.LEAST_SLICES:
                whole.append(own)
            else:
                parts += own
        whole = _phases_joined(whole)
        single = stack_of(parts) if parts else None
        homes = [own for own in whole if single and _alike(stack_of(own), single)]
        if single and len(single.counts) < limits.LEAST_SLICES and homes:  # slices that were scanned again
            max(homes, key=len).extend(parts)
            single = None
        stacks += [stack_of(own) for own in whole] + ([single] if single else [])
    return stacks


def stack_of(images: Sequence[Image]) -> Stack:
    """Return images of one plane as a stack."""
    return Stack(tuple(images), Counter(places(depths_mm(images) or [0.0] * len(images))))


def beside(stack: Stack, flow: Sequence[Image]) -> bool:
    """Return whether velocity images lie in the very plane of a slice: then it is their magnitude."""
    if len(stack.counts) >= limits.LEAST_SLICES:
        return False
    return any(_in_plane(stack.images[0], image) and _at_a_place_of(stack, image) for image in flow)


def left_out(stack: Stack, images: Sequence[Image]) -> list[str]:
    """Return what a stack lacks of its own series because headers differ, a sentence; nothing where it lacks none.

    Args:
        stack: the one that is taken.
        images: among which it was found.
    """
    used = {id(image) for image in stack.images}
    series = _by_series(stack.images).keys()
    others = [
        image
        for key, own in _by_series([image for image in images if id(image) not in used]).items()
        for image in own
        if key in series and not (_is_across(stack.images[0], image) or _at_a_place_of(stack, image))
    ]
    if not others:
        return []
    return [
        f"{len(others)} images of its series have another matrix, pixel size, thickness or direction than the rest: "
        "they are left out, and volumes may be too small."
    ]


def _is_across(one: Image, other: Image) -> bool:
    """Return whether two images are known to be no slices of one stack, as those of the long axis are."""
    if one.normal is None or other.normal is None:
        return False
    return abs(float(one.normal @ other.normal)) < limits.ACROSS


def _phases_joined(series: list[list[Image]]) -> list[list[Image]]:
    """Return series, those joined that are one image of each slice at another time each: a series per phase."""
    single = [own for own in series if stack_of(own).phases == 1 and _times(own)]
    if len(single) < limits.LEAST_SLICES:
        return series
    joined = [image for own in single for image in own]
    same_places = len(stack_of(joined).counts) == max(len(stack_of(own).counts) for own in single)
    if not same_places or len({time for own in single for time in _times(own)}) < len(single):
        return series
    return [joined, *(own for own in series if not any(own is one for one in single))]


def _times(images: Sequence[Image]) -> set[float]:
    """Return the times after the R wave."""
    return {image.trigger_time for image in images if image.trigger_time is not None}


def _alike(one: Stack, other: Stack) -> bool:
    """Return whether two stacks have about as many images at a place."""
    low, high = _AS_MANY
    return low <= other.phases / one.phases <= high


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
    """Return whether two images may belong to one stack, turned or tilted by a little as each may be."""
    if (one.rows, one.columns) != (other.rows, other.columns):
        return False
    if not limits.same_thickness(one.thickness, other.thickness):
        return False
    if not limits.same_spacing(one.spacing, other.spacing):
        return False
    if one.normal is None or other.normal is None:
        return one.normal is other.normal and one.series_uid == other.series_uid
    return abs(float(one.normal @ other.normal)) > limits.PARALLEL


def _at_a_place_of(stack: Stack, image: Image) -> bool:
    depths = depths_mm([*stack.images, image])
    return depths is not None and any(
        abs(depth - depths[-1]) <= limits.SAME_SLICE_MM for depth in depths[:-1]
    )


def _by_series(images: Sequence[Image]) -> dict[tuple[object, ...], list[Image]]:
    """Divide images by folder, series and kind: a series UID alone is shared by several in some archives."""
    series: dict[tuple[object, ...], list[Image]] = defaultdict(list)
    for image in images:
        folder = image.item.label.rpartition("/")[0] if image.frame is None else image.item.label
        series[folder, image.series_uid, image.image_type[2:3]].append(image)
    return series
