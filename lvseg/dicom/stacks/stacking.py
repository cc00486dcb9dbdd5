"""From the images of a short-axis cine to frames in order, with their values: what is segmented and measured."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lvseg.core.paths.archives import SetAside, UnreadableError, told
from lvseg.dicom.image import Image
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.alignment import placements
from lvseg.dicom.stacks.cine import Cine
from lvseg.dicom.stacks.consistency import consistent
from lvseg.dicom.stacks.order.arrangement import PlacedImage, arranged
from lvseg.dicom.stacks.short_axis import ShortAxisCine
from lvseg.imaging.types import Pixels

_FEWEST_FOR_BEAT = 3  # phases, from whose times the duration of a beat is told


def stacked(choice: ShortAxisCine) -> tuple[Cine, list[SetAside]]:
    """Return the chosen images as a cine, and the files that are not used.

    Raises:
        UnreadableError: no image is left.
    """
    notes: list[str] = []
    images, aside = consistent(_in_ms(choice.images, notes), notes)
    values = _values(images, aside)
    readable = [image for image in images if id(image) in values]
    if not readable:
        raise UnreadableError(f"none of its images can be read{told(aside)}")
    order = arranged(readable)
    slices = _by_slice(order.frames)
    placed, remarks = placements([slice_frames[0].image for slice_frames in slices])
    beat, about_beat = _beat(slices)
    return Cine(
        frames=order.frames,
        pixels=np.stack([values[id(frame.image)].astype(np.float32) for frame in order.frames]),
        phases=_usual(slices),
        depths_mm=order.depths_mm,
        distance_mm=order.distance_mm,
        thickness_mm=_median(image.thickness for image in images),
        beat_ms=beat,
        series=choice.series,
        why=choice.why,
        others=choice.others,
        notes=(*notes, *order.notes, *remarks, *_missing(order.depths_mm, order.distance_mm), *about_beat),
        doubts=(*choice.doubts, *order.doubts),
        placements=placed,
    ), [*aside, *order.set_aside]


def _values(images: Sequence[Image], aside: list[SetAside]) -> dict[int, Pixels]:
    """Return the values (H, W) of each readable image by its identity; the others are set aside."""
    values = {}
    for image in images:
        try:
            values[id(image)] = read_pixels(image)
        except UnreadableError as error:
            aside.append(SetAside(image.item.label, str(error)))
    return values


def _by_slice(frames: Sequence[PlacedImage]) -> list[list[PlacedImage]]:
    slices: dict[int, list[PlacedImage]] = {}
    for frame in frames:
        slices.setdefault(frame.slice, []).append(frame)
    return list(slices.values())


def _usual(slices: Sequence[Sequence[PlacedImage]]) -> int:
    """Return how many frames most slices have; of equally frequent counts the larger."""
    counts = Counter(map(len, slices))
    return max(counts, key=lambda count: (counts[count], count))


def _missing(depths_mm: Sequence[float], distance_mm: float) -> list[str]:
    """Return a note on each place where a slice is missing."""
    return [
        f"Between slices {number} and {number + 1} lie {step:.1f} mm instead of {distance_mm:.1f}: "
        f"{round(step / distance_mm) - 1} missing, its volume is taken from its neighbours."
        for number, step in enumerate(np.diff(depths_mm), 1)
        if step > limits.GAP * distance_mm
    ]


def _in_ms(images: Sequence[Image], notes: list[str]) -> list[Image]:
    """Return images with their times after the R wave in ms, where all of them seem to be in another unit."""
    usual = _median(image.trigger_time for image in images if image.trigger_time)
    low, high = limits.TIME_MS
    if not usual > high and not 0 < usual < low:
        return list(images)
    unit, scale = ("microseconds", 1e-3) if usual > high else ("seconds", 1e3)
    notes.append(f"Times after the R wave of {usual:g} ms are none of a heart: they are taken for {unit}.")
    return [
        image if image.trigger_time is None else replace(image, trigger_time=image.trigger_time * scale)
        for image in images
    ]


def _beat(slices: Sequence[Sequence[PlacedImage]]) -> tuple[float, list[str]]:
    """Return the duration of the heart beat in ms: as stated, else from the times of the phases; and notes on it.

    It is NaN where none is known that a heart may have.
    """
    images = [frame.image for slice_frames in slices for frame in slice_frames]
    stated = _median(image.beat_ms for image in images if image.beat_ms)
    if _is_beat(stated):
        last = _median(slice_frames[-1].image.trigger_time for slice_frames in slices)
        if last > limits.LONGER_THAN_ITS_BEAT * stated:
            return float("nan"), [
                f"The files state a heart beat of {stated:g} ms and show phases up to {last:g} ms: neither is believed."
            ]
        return stated, []
    notes = (
        [f"The files state a heart beat of {stated:g} ms, which no heart has: it is not believed."]
        if np.isfinite(stated)
        else []
    )
    full = max(slices, key=len)
    times = [frame.image.trigger_time for frame in full]
    if len(full) < _FEWEST_FOR_BEAT or None in times:
        return float("nan"), notes
    lasted = float(np.median(np.diff(np.array(times, float)))) * len(full)
    if not _is_beat(lasted):
        return float("nan"), notes
    return lasted, [
        *notes,
        "How long a beat takes is told by the times of its phases, which may leave its end out.",
    ]


def _is_beat(duration_ms: float) -> bool:
    return limits.BEAT_MS[0] <= duration_ms <= limits.BEAT_MS[1]


def _median(values: Iterable[float | None]) -> float:
    """Return the median of what is known; NaN where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else float("nan")
