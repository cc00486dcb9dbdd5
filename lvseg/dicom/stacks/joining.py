"""Several series joined to one stack: a series may hold all of it, or a slice, a phase or another piece.

Some scanners give each slice a series of its own, others each phase, and a slice that was scanned again always has one.
A series that is a stack by itself is not mixed with others, so that a stack that was scanned twice gives two.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.order.slices import depths_mm, places
from lvseg.dicom.stacks.planes import Stack, as_many_phases, by_plane, stack_of


def stacks_of(images: Sequence[Image]) -> list[Stack]:
    """Divide images into stacks of one plane; see the module."""
    stacks = []
    for alike in by_plane(images):
        whole: list[list[Image]] = []
        parts: list[Image] = []
        for one_series in _pieces_joined(by_series(alike)):
            if len(stack_of(one_series).counts) >= limits.LEAST_SLICES:
                whole.append(one_series)
            else:
                parts += one_series
        whole = _parts_joined(_phases_joined(whole))
        single = stack_of(parts) if parts else None
        homes = [
            one_series for one_series in whole if single and as_many_phases(stack_of(one_series), single)
        ]
        if single and len(single.counts) < limits.LEAST_SLICES and homes:  # slices that were scanned again
            max(homes, key=len).extend(parts)
            single = None
        stacks += [stack_of(one_series) for one_series in whole] + ([single] if single else [])
    return stacks


def by_series_alone(stack: Stack) -> bool:
    """Return whether a series for each phase is all that tells the phases of a stack apart, and their order."""
    series = list(by_series(stack.images).values())
    if len(series) < limits.LEAST_PHASES or stack.phases < limits.LEAST_PHASES:
        return False
    single = sum(
        stack_of(one_series).phases == 1 and len(stack_of(one_series).counts) >= limits.LEAST_SLICES
        for one_series in series
    )
    positions = {image.temporal for image in stack.images}
    return (
        2 * single > len(series)
        and not _times(stack.images)
        and (None in positions or len(positions) < single)
    )


def _pieces_joined(series: Mapping[tuple[object, ...], list[Image]]) -> list[list[Image]]:
    """Return series whole: the objects and the kinds of one are joined where they complete each other.

    A series may be cut into several objects of many frames, and some scanners call its slices or phases otherwise.
    Pieces that show a place at one time twice, as magnitude and real part or an image and its filtered copy, are a
    series each.
    """
    pieces = series
    for depth in (-1, -2):  # objects of one kind first, then kinds
        homes: dict[tuple[object, ...], list[tuple[tuple[object, ...], list[Image]]]] = defaultdict(list)
        for key, piece in pieces.items():
            homes[key[:depth]].append((key, piece))
        joined: dict[tuple[object, ...], list[Image]] = {}
        for home, of_home in homes.items():
            together = [image for _, piece in of_home for image in piece]
            if len(of_home) > 1 and _complete_each_other([piece for _, piece in of_home], together):
                joined[home + of_home[0][0][depth:]] = together
            else:
                joined |= dict(of_home)
        pieces = joined
    return list(pieces.values())


def _complete_each_other(pieces: Sequence[Sequence[Image]], together: Sequence[Image]) -> bool:
    """Return whether no place is shown twice at one time, or none in two pieces; as far as places are known."""
    depths = depths_mm(together)
    if depths is None:
        return False
    at = places(depths)
    shown = {(place, image.trigger_time) for place, image in zip(at, together, strict=True)}
    if len(shown) == len(together):
        return True
    of_pieces = {(place, piece) for place, piece in zip(at, _piece_of_each(pieces), strict=True)}
    return len(of_pieces) == len(set(at))


def _piece_of_each(pieces: Sequence[Sequence[Image]]) -> list[int]:
    return [number for number, piece in enumerate(pieces) for _ in piece]


def _phases_joined(series: list[list[Image]]) -> list[list[Image]]:
    """Return series, those joined that are one image of each slice at another time each: a series per phase.

    Where none says a time, those that are called alike count as phases.
    """
    single = [one_series for one_series in series if stack_of(one_series).phases == 1]
    known = _times([image for one_series in single for image in one_series])
    names: dict[int, object] = {}
    for one_series in single:
        timed = bool(known) and any(image.trigger_time is not None for image in one_series)
        names[id(one_series)] = "timed" if timed else series_name(one_series[0])
    alike: dict[object, list[list[Image]]] = defaultdict(list)
    for one_series in series:
        alike[names.get(id(one_series), id(one_series))].append(one_series)
    joined: list[list[Image]] = []
    for same in alike.values():
        joined += [[image for one_series in same for image in one_series]] if _are_phases(same) else same
    return joined


def _are_phases(series: Sequence[list[Image]]) -> bool:
    """Return whether series of one image of each slice show the same slices, at other times as far as they say."""
    if len(series) < limits.LEAST_PHASES:
        return False
    joined = [image for one_series in series for image in one_series]
    if len(stack_of(joined).counts) != max(len(stack_of(one_series).counts) for one_series in series):
        return False
    times = _times(joined)
    return not times or len(times) >= len(series)


def _parts_joined(series: list[list[Image]]) -> list[list[Image]]:
    """Return series, those joined of which one goes on where another ends: with its slices, or with its phases."""
    parts: list[list[Image]] = []
    for one_series in series:
        home = next((part for part in parts if _goes_on(part, one_series)), None)
        if home is None:
            parts.append(list(one_series))
        else:
            home += one_series
    return parts if len(parts) == len(series) else _parts_joined(parts)


def _goes_on(one: Sequence[Image], other: Sequence[Image]) -> bool:
    """Return whether two stacks of one plane are one that was scanned in two parts."""
    depths = depths_mm([*one, *other])
    if depths is None or len({image.reference_uid for image in (*one, *other) if image.reference_uid}) > 1:
        return False
    together, first, second = stack_of([*one, *other]), stack_of(one), stack_of(other)
    if len(together.counts) == len(first.counts) + len(second.counts):
        lower, upper = sorted((depths[: len(one)], depths[len(one) :]), key=min)
        usual = (max(lower) - min(lower)) / max(places(lower))
        near = usual / limits.GAP < min(upper) - max(lower) < limits.GAP * usual
        return near and as_many_phases(first, second)
    if not len(together.counts) == len(first.counts) == len(second.counts):
        return False
    times = [
        [image.trigger_time for image in part if image.trigger_time is not None] for part in (one, other)
    ]
    if [len(own) for own in times] != [len(one), len(other)]:
        return False
    earlier, later = sorted(times, key=min)
    return max(earlier) < min(later)


def _times(images: Sequence[Image]) -> set[float]:
    """Return the times after the R wave; none where each is 0, which files say that do not know it."""
    times = {image.trigger_time for image in images if image.trigger_time is not None}
    return set() if times == {0.0} else times


def series_name(image: Image) -> tuple[str, ...]:
    """Return what a series is called and what kind of image it holds; without the numbers of slices or phases."""
    return re.sub(r"\d+", "", image.description), *image.image_type


def by_series(images: Sequence[Image]) -> dict[tuple[object, ...], list[Image]]:
    """Divide images by folder, series, kind and object: a series UID alone is shared by several in some archives."""
    series: dict[tuple[object, ...], list[Image]] = defaultdict(list)
    for image in images:
        folder, _, name = image.item.label.rpartition("/")
        series[folder, image.series_uid, image.image_type[2:3], "" if image.frame is None else name].append(
            image
        )
    return series
