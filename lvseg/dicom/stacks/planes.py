"""Images of one plane, matrix, pixel size and thickness: what may be a stack, whatever series they came in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.order.slices import depths_mm, places

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
        """The number of images at a usual place: one for each phase."""
        return Counter(self.counts.values()).most_common(1)[0][0]

    @property
    def size(self) -> int:
        """The number of images that could show a beat: of each place `limits.MOST_PHASES` at the most."""
        return sum(min(count, limits.MOST_PHASES) for count in self.counts.values())


def stack_of(images: Sequence[Image]) -> Stack:
    """Return images of one plane as a stack."""
    return Stack(tuple(images), Counter(places(depths_mm(images) or [0.0] * len(images))))


def beside(stack: Stack, flow: Sequence[Image]) -> bool:
    """Return whether velocity images lie in the very plane of a slice: then it is their magnitude."""
    if len(stack.counts) >= limits.LEAST_SLICES:
        return False
    return any(_in_plane(stack.images[0], image) and at_a_place_of(stack, image) for image in flow)


def by_plane(images: Sequence[Image]) -> list[list[Image]]:
    """Divide images by plane, matrix, pixel size and thickness; the first of each group stands for it."""
    planes: list[list[Image]] = []
    for image in images:
        same = next((plane for plane in planes if _in_plane(plane[0], image)), None)
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


def is_across(one: Image, other: Image) -> bool:
    """Return whether two images are known to be no slices of one stack, as those of the long axis are."""
    if one.normal is None or other.normal is None:
        return False
    return abs(float(one.normal @ other.normal)) < limits.ACROSS


def at_a_place_of(stack: Stack, image: Image) -> bool:
    """Return whether an image lies at one of the places of a stack."""
    depths = depths_mm([*stack.images, image])
    return depths is not None and any(
        abs(depth - depths[-1]) <= limits.SAME_SLICE_MM for depth in depths[:-1]
    )


def as_many_phases(one: Stack, other: Stack) -> bool:
    """Return whether two stacks have about as many images at a place."""
    low, high = _AS_MANY
    return low <= other.phases / one.phases <= high
