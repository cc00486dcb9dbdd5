"""What a stack lacks of its own because headers differ, said aloud: volumes may be too small for it."""

import math
from collections import defaultdict
from collections.abc import Sequence

from lvseg.core.plural import counted
from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.joining import by_series, series_name
from lvseg.dicom.stacks.planes import Stack, at_a_place_of, is_across, stack_of

_DIRECTION = "direction"


def left_out(stack: Stack, images: Sequence[Image]) -> list[str]:
    """Return what a stack lacks of its own because headers differ, a sentence for each way in which they do.

    Its own are the images of its series, and series of a slice or two that are called as its own are.

    Args:
        stack: the one that is taken.
        images: among which it was found.
    """
    used = {id(image) for image in stack.images}
    own_series = by_series(stack.images).keys()
    own_names = {series_name(image) for image in stack.images}
    first = stack.images[0]
    differing: dict[str, list[Image]] = defaultdict(list)
    for key, one_series in by_series([image for image in images if id(image) not in used]).items():
        piece = (
            series_name(one_series[0]) in own_names and len(stack_of(one_series).counts) < limits.LEAST_SLICES
        )
        for image in one_series if key in own_series or piece else ():
            if not (is_across(first, image) or at_a_place_of(stack, image)):
                differing[_difference(first, image)].append(image)
    return [
        f"{len(others)} images, of {_slices(others)}, are left out because their {how} is not that of the rest"
        f"{_degrees(first, others) if how == _DIRECTION else ''}: volumes may be too small."
        for how, others in differing.items()
    ]


def _difference(one: Image, other: Image) -> str:
    """Return why two images make no stack, in a word."""
    if (one.rows, one.columns) != (other.rows, other.columns):
        return "matrix"
    if not limits.same_spacing(one.spacing, other.spacing):
        return "pixel size"
    return _DIRECTION if limits.same_thickness(one.thickness, other.thickness) else "thickness"


def _slices(images: Sequence[Image]) -> str:
    return counted(len(stack_of(images).counts), "slice")


def _degrees(one: Image, others: Sequence[Image]) -> str:
    """Return by how much images are tilted at the most, in brackets; nothing where that is unknown."""
    if one.normal is None or any(image.normal is None for image in others):
        return ""
    cosines = [abs(float(one.normal @ image.normal)) for image in others]
    return f" (up to {math.degrees(math.acos(min(1.0, *cosines))):.1f} degrees between them)"
