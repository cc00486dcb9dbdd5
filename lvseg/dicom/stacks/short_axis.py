"""Which images of a study are the short-axis cine: chosen by geometry and tags, since no contour tells."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lvseg.core.paths.archives import UnreadableError
from lvseg.core.plural import counted
from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.joining import by_series_alone, stacks_of
from lvseg.dicom.stacks.left_out import left_out
from lvseg.dicom.stacks.planes import Stack, beside, stack_of

# From base to apex the heart's axis points left, forward and down: the mean of the two original patients of the
# Sunnybrook data. Archives that were rebuilt without geometry have any direction, so it is a hint, no condition.
_LONG_AXIS = np.array([0.68, -0.65, -0.34])
# The axis of a heart lies within some 40 degrees of the usual one, so does a short axis; a plain sagittal, coronal or
# axial stack lies 47, 49 and 70 degrees off. Beyond the first a person should look, beyond the second it is refused.
_UNUSUAL_DEGREES, _IMPLAUSIBLE_DEGREES = 42.0, 45.0
_AS_LIKELY = 0.9  # of the score of the likeliest cine
_ALONG_BODY_DEGREES = 15.0  # from an axis of the body: such a plane was not laid through a heart
_BODY = ("a sagittal", "a coronal", "an axial")
_SHORT = re.compile(
    r"(?<![a-z])(sa|sax|shax|cinesax|short.?axis|kurz\w*|kachse|petit.?axe|eje.?corto)(?![a-z])"
)
_OTHER = re.compile(
    r"(?<![a-z])(la|lax|cinelax|[234] ?(ch|chamber|kammer)\w*|lvot|rvot|long.?axis|scout|loc\w*|survey|perf\w*|"
    r"first.?pass|flow|venc|pc|molli|shmolli|t1\w*|t2\w*|lge|psir|de|delayed|late|tag\w*|stir|black.?blood|haste)(?![a-z])"
)


@dataclass(frozen=True)
class ShortAxisCine:
    """The images of the short-axis cine.

    Attributes:
        images: in no particular order, repeats included.
        series: their series by number, in words that name no patient.
        why: the evidence.
        others: what else there is, in the same words.
        doubts: what speaks against it, a sentence each.
    """

    images: tuple[Image, ...]
    series: str
    why: str
    others: tuple[str, ...]
    doubts: tuple[str, ...] = ()


def choose(images: Sequence[Image], wanted: str | None = None) -> ShortAxisCine:
    """Return the short-axis cine among all images of a study.

    Args:
        images: of one study.
        wanted: number or UID of a series, or a part of its description, which then is taken whatever it shows.

    Raises:
        UnreadableError: there is no such series, or nothing that may be a short-axis cine.
    """
    pool = _wanted(images, wanted) if wanted else [image for image in images if not image.is_flow]
    flow = [] if wanted else [image for image in images if image.is_flow]
    stacks = [stack for stack in stacks_of(pool) if wanted or not beside(stack, flow)]
    if not stacks:
        raise UnreadableError("it holds no MR image that may be a short-axis cine")
    ranked = sorted(stacks, key=lambda stack: (-_score(stack), -_latest(stack)))
    best = ranked[0]
    if wanted:
        why = f"asked for by --series: {_shape(best)}"
    else:
        why = f"{_shape(best)}{_evidence(best)}"
        if len(ranked) > 1:
            why += f"; {counted(len(ranked) - 1, 'other')} less likely"
    others = tuple(f"{_label(stack)}: {_shape(stack)}{_evidence(stack)}" for stack in ranked[1:])
    if flow:
        others += (f"{_label(stack_of(flow))}: {len(flow)} velocity or phase images",)
    plane = _implausible(best)
    doubts = [*_doubts(best, plane), *left_out(best, pool), *([] if wanted else _as_likely(ranked))]
    if plane and not wanted:
        raise UnreadableError(
            f"no short axis: its likeliest cine, {_label(best)}, is {plane}; "
            "--series takes a series whatever its plane"
        )
    return ShortAxisCine(best.images, _label(best), why, others, tuple(doubts))


def _as_likely(ranked: Sequence[Stack]) -> list[str]:
    """Return a sentence on cines that may be meant as well as the first: scanned again, or under stress."""
    as_likely = [stack for stack in ranked[1:] if _score(stack) >= _AS_LIKELY * _score(ranked[0])]
    if not as_likely:
        return []
    others = ", ".join(f"{_label(stack)} ({_shape(stack)})" for stack in as_likely)
    return [
        f"Of several cines that are as likely {_label(ranked[0])} is measured; there is {others} as well."
    ]


def _implausible(stack: Stack) -> str:
    """Return what plane a stack has that no short axis of a heart has, in words; nothing where it may be one."""
    angle, normal = _angle(stack), stack.images[0].normal
    if angle is None or normal is None or _is_rebuilt(stack):
        return ""
    nearest = int(np.abs(normal).argmax())
    along_body = math.degrees(math.acos(min(1.0, abs(float(normal[nearest])))))
    if along_body < _ALONG_BODY_DEGREES:
        return f"{_BODY[nearest]} stack, {angle:.0f} degrees off the usual long axis of a heart"
    return f"{angle:.0f} degrees off the usual long axis of a heart" if angle > _IMPLAUSIBLE_DEGREES else ""


def _doubts(stack: Stack, plane: str) -> list[str]:
    """Return what speaks against a stack that is measured all the same."""
    angle = _angle(stack)
    doubts = []
    if by_series_alone(stack):
        doubts.append(
            "Each phase is a series of its own and none says its time: they are taken for one beat, in the order of "
            "the series."
        )
    if plane:
        return [*doubts, f"The series that was asked for is {plane}: it may show no short axis."]
    if angle is not None and angle > _UNUSUAL_DEGREES and not _is_rebuilt(stack):
        doubts.append(
            f"The slices lie {angle:.0f} degrees off the usual short axis: another plane may have been measured."
        )
    return doubts


def _is_rebuilt(stack: Stack) -> bool:
    """Return whether an archive was rebuilt without geometry: slices piled up at the origin along the body's axis."""
    upright = np.array([1.0, 0, 0, 0, 1, 0])
    return all(
        image.orientation is not None
        and np.allclose(image.orientation, upright)
        and (image.position is None or np.allclose(image.position[:2], 0))
        for image in stack.images
    )


def _wanted(images: Sequence[Image], wanted: str) -> list[Image]:
    """Return the images of the series that a person names."""
    named = [
        image
        for image in images
        if wanted in (str(image.series_number), image.series_uid)
        or (not wanted.isdigit() and wanted.casefold() in image.description.casefold())
    ]
    if not named:
        numbers = sorted({str(image.series_number) for image in images if image.series_number is not None})
        raise UnreadableError(f"no series {wanted!r}; there are the numbers {', '.join(numbers) or 'none'}")
    return named


def _words(stack: Stack) -> str:
    """Return what descriptions say, digits and underlines apart."""
    said = {f"{image.description} {image.protocol}" for image in stack.images}
    return re.sub(r"[_\W]+", " ", " ".join(sorted(said))).casefold()


def _says_short(stack: Stack) -> bool:
    return bool(_SHORT.search(_words(stack)))


def _says_other(stack: Stack) -> bool:
    return bool(_OTHER.search(_words(stack))) and not _says_short(stack)


def _beats(stack: Stack) -> bool:
    """Return whether the images at one position may show one heart beat.

    Those of a perfusion series are more than a beat has, or share one time after the R wave; those of a map differ
    in their inversion times.
    """
    place = stack.counts.most_common(1)[0]
    if place[1] > limits.MOST_PHASES:
        return False
    if len({image.inversion_time for image in stack.images if image.inversion_time}) >= limits.LEAST_SLICES:
        return False
    times = [image.trigger_time for image in stack.images]
    untimed = not any(times) or None in times
    if stack.phases < limits.LEAST_SLICES or untimed:
        return stack.phases >= limits.LEAST_SLICES
    return len({round(time or 0) for time in times}) >= 0.6 * stack.phases


def _angle(stack: Stack) -> float | None:
    """Return the angle in degrees between a stack's normal and the usual long axis, either way round."""
    normal = stack.images[0].normal
    if normal is None:
        return None
    cosine = abs(float(normal @ _LONG_AXIS)) / float(np.linalg.norm(_LONG_AXIS))
    return math.degrees(math.acos(min(cosine, 1.0)))


def _score(stack: Stack) -> float:
    """Return how likely a stack is the short-axis cine: its images that show a beat, weighed by what speaks for it."""
    angle = _angle(stack)
    direction = 0.65 if angle is None else 0.3 + 0.7 * math.cos(math.radians(angle))
    words = 2.0 if _says_short(stack) else 0.1 if _says_other(stack) else 1.0
    slices = min(len(stack.counts), limits.LEAST_SLICES) / limits.LEAST_SLICES
    return stack.size * slices * (1.0 if _beats(stack) else 0.02) * words * direction


def _latest(stack: Stack) -> int:
    """Return the highest series number: of two equal stacks the second was scanned because of the first."""
    return max(image.series_number or 0 for image in stack.images)


def _label(stack: Stack) -> str:
    numbers = sorted({image.series_number for image in stack.images if image.series_number is not None})
    if not numbers:
        return "series without a number"
    shown = ", ".join(map(str, numbers[:4])) + (f" to {numbers[-1]}" if len(numbers) > 4 else "")
    return f"series {shown}"


def _shape(stack: Stack) -> str:
    return f"{counted(len(stack.counts), 'slice')} x {counted(stack.phases, 'phase')}"


def _evidence(stack: Stack) -> str:
    """Return what speaks for and against a stack."""
    angle = _angle(stack)
    facts = [
        *(
            ["called short axis"]
            if _says_short(stack)
            else ["called something else"]
            if _says_other(stack)
            else []
        ),
        *([] if angle is None else [f"{angle:.0f} degrees off the usual long axis"]),
        *([] if _beats(stack) else ["not one heart beat"]),
    ]
    return "".join(f", {fact}" for fact in facts)
