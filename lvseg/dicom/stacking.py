"""From the images of a short-axis cine to slices and phases: order, repeats, gaps.

Whatever does not fit is left out and named, so that a stack with a fault still gives what it can.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from lvseg.core.archives import SetAside, UnreadableError
from lvseg.dicom import phases
from lvseg.dicom.cine import Cine
from lvseg.dicom.consistency import consistent
from lvseg.dicom.header import Image
from lvseg.dicom.numbering import number_in_name
from lvseg.dicom.phases import PlacedImage
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.short_axis import ShortAxisCine

_SAME_SLICE = 1.0  # mm along the normal; scanners round
_ENOUGH = 0.6  # of the usual phases, below which a slice cannot follow the beat
_GAP = 1.5  # times the usual distance, above which a slice is missing

Decoded = tuple[Image, np.ndarray]


def stacked(choice: ShortAxisCine) -> tuple[Cine, list[SetAside]]:
    """Return the chosen images as a cine, and the files that are not used.

    Raises:
        UnreadableError: no image is left.
    """
    notes: list[str] = []
    images, aside = consistent(choice.images, notes)
    decoded = _decoded(images, aside)
    if not decoded:
        raise UnreadableError("none of its images can be read")
    slices = [_by_time(own) for own in _slices(decoded, notes)]
    usual = _usual(slices)
    slices = _followed([_last_scan(own, usual, n, notes) for n, own in enumerate(slices, 1)], notes)
    shown = [
        (slice_, phase, *one) for slice_, own in enumerate(slices, 1) for phase, one in enumerate(own, 1)
    ]
    numbers = _numbers([image for _, _, image, _ in shown])
    depths = tuple(_depth(own[0][0], slices[0][0][0]) for own in slices)
    return Cine(
        frames=tuple(PlacedImage(image, n, s, p) for n, (s, p, image, _) in zip(numbers, shown, strict=True)),
        pixels=np.stack([pixels for _, _, _, pixels in shown]),
        phases=_usual(slices),
        depths_mm=depths,
        distance_mm=_distance(depths, images, notes),
        thickness_mm=_median(image.thickness for image in images),
        beat_ms=_beat(slices),
        series=choice.series,
        why=choice.why,
        others=choice.others,
        notes=tuple(notes),
    ), aside


def _decoded(images: Sequence[Image], aside: list[SetAside]) -> list[Decoded]:
    """Return each readable image with its values (H, W) float32 in the scanner's scale."""
    decoded = []
    for image in images:
        try:
            stored = read_pixels(image)
        except UnreadableError as error:
            aside.append(SetAside(image.item.label, str(error)))
            continue
        decoded.append((image, (stored * image.slope + image.intercept).astype(np.float32)))
    return decoded


def _slices(decoded: Sequence[Decoded], notes: list[str]) -> list[list[Decoded]]:
    """Return the images slice by slice, along the normal of the first; by their numbers where positions lack."""
    if any(image.normal is None or image.position is None for image, _ in decoded):
        notes.append("Positions of slices are unknown: their order follows the image numbers.")
        values = {id(image): pixels for image, pixels in decoded}
        ordered = sorted((image for image, _ in decoded), key=_order)
        frames, _ = phases.arrange(dict(enumerate(ordered, 1)))
        groups: dict[int, list[Decoded]] = defaultdict(list)
        for frame in frames:
            groups[frame.slice].append((frame.image, values[id(frame.image)]))
        return [groups[number] for number in sorted(groups)]
    ordered_by_depth = sorted(decoded, key=lambda one: (_depth(one[0], decoded[0][0]), _order(one[0])))
    slices: list[list[Decoded]] = []
    for one in ordered_by_depth:
        if slices and _depth(one[0], slices[-1][0][0]) <= _SAME_SLICE:
            slices[-1].append(one)
        else:
            slices.append([one])
    return slices


def _depth(image: Image, other: Image) -> float:
    """Return how far an image lies along the normal of another from it, in mm; 0 where positions are unknown."""
    if image.position is None or other.position is None or other.normal is None:
        return 0.0
    return float(np.subtract(image.position, other.position) @ other.normal)


def _order(image: Image) -> tuple[object, ...]:
    """Return what scanners count up from image to image."""
    number = number_in_name(image.item) if image.number is None else image.number
    return (
        image.series_number or 0, image.acquisition or 0, image.acquired, number or 0, image.frame or 0, image.item
    )  # fmt: skip


def _by_time(own: Sequence[Decoded]) -> list[Decoded]:
    """Return the images of one slice in the order of their times after the R wave, else of their numbers."""
    times = [image.trigger_time for image, _ in own]
    if (
        None in times or len(set(times)) < _ENOUGH * len(own) / 2
    ):  # each time may come twice: a slice scanned again
        return sorted(own, key=lambda one: _order(one[0]))
    return sorted(own, key=lambda one: (one[0].trigger_time, _order(one[0])))


def _usual(slices: Sequence[Sequence[Decoded]]) -> int:
    """Return how many images most slices have; of equally frequent counts the larger."""
    counts = Counter(len(own) for own in slices)
    return max(counts, key=lambda count: (counts[count], count))


def _last_scan(own: list[Decoded], usual: int, number: int, notes: list[str]) -> list[Decoded]:
    """Return the last complete scan of a slice: it was scanned again because the first had a fault."""
    scans = [scan for scan in _scans(own) if len(scan) >= _ENOUGH * min(usual, len(own))]
    if not scans or len(scans[-1]) == len(own):
        return own
    if len(scans) > 1:
        notes.append(f"Slice {number} was scanned {len(scans)} times: the last scan is used.")
    else:
        notes.append(
            f"Slice {number} has {len(own) - len(scans[0])} images beside its scan: they are left out."
        )
    return scans[-1]


def _scans(own: list[Decoded]) -> list[list[Decoded]]:
    """Divide the images of a slice into scans, in order: by series, acquisition, or times that come again."""
    for key in (lambda image: image.series_uid, lambda image: image.acquisition):
        scans: dict[object, list[Decoded]] = defaultdict(list)
        for one in sorted(own, key=lambda one: _order(one[0])):
            scans[key(one[0])].append(one)
        # An acquisition number per image tells nothing.
        if 1 < len(scans) <= len(own) / 2:
            return [_by_time(scan) for scan in scans.values()]
    if any(image.trigger_time is None for image, _ in own):
        return [own]
    seen: Counter[float] = Counter()
    again: dict[int, list[Decoded]] = defaultdict(list)
    for one in sorted(own, key=lambda one: _order(one[0])):
        time = one[0].trigger_time or 0.0
        again[seen[time]].append(one)
        seen[time] += 1
    return [_by_time(again[index]) for index in sorted(again)]


def _followed(slices: Sequence[list[Decoded]], notes: list[str]) -> list[list[Decoded]]:
    """Return the slices that have enough phases to follow the beat."""
    usual = _usual(slices)
    kept = []
    for number, own in enumerate(slices, 1):
        if len(own) < _ENOUGH * usual:
            notes.append(f"Slice {number} of {len(slices)} has {len(own)} of {usual} phases: it is left out.")
            continue
        if len(own) != usual:
            notes.append(
                f"Slice {number} of {len(slices)} has {len(own)} phases instead of {usual}: matched by time."
            )
        kept.append(own)
    return kept


def _numbers(images: Sequence[Image]) -> list[int]:
    """Return the image numbers that files are named by; a running number where they repeat or lack."""
    named = [number_in_name(image.item) if image.frame is None else None for image in images]
    for numbers in (named, [image.number for image in images]):
        if None not in numbers and len(set(numbers)) == len(images):
            return [number for number in numbers if number is not None]
    return list(range(1, len(images) + 1))


def _distance(depths: Sequence[float], images: Sequence[Image], notes: list[str]) -> float:
    """Return the usual distance between slices in mm, and note where one is missing."""
    steps = np.diff(depths)
    if not steps.size or not steps.all():
        said = _median(image.slice_spacing for image in images)
        return said if np.isfinite(said) else _median(image.thickness for image in images)
    usual = float(np.median(steps))
    for number, step in enumerate(steps, 1):
        if step > _GAP * usual:
            notes.append(
                f"Between slices {number} and {number + 1} lie {step:.1f} mm instead of {usual:.1f}: "
                f"{round(step / usual) - 1} missing, its volume is taken from its neighbours."
            )
    return usual


def _beat(slices: Sequence[Sequence[Decoded]]) -> float:
    """Return the duration of the heart beat in ms: as stated, else from the times of the phases."""
    images = [image for own in slices for image, _ in own]
    stated = _median(image.beat_ms for image in images if image.beat_ms)
    if np.isfinite(stated):
        return stated
    full = max(slices, key=len)
    times = [image.trigger_time for image, _ in full]
    if len(full) < 3 or None in times:
        return float("nan")
    step = float(np.median(np.diff(np.array(times, float))))
    return step * len(full) if step > 0 else float("nan")


def _median(values: Iterable[float | None]) -> float:
    """Return the median of what is known; NaN where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else float("nan")
