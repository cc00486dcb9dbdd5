"""From the images of a short-axis cine to frames in order, with their values: what is segmented and measured."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.dicom.image import Image
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.stacks.alignment import placements
from lvseg.dicom.stacks.arrangement import PlacedImage, arranged
from lvseg.dicom.stacks.cine import Cine
from lvseg.dicom.stacks.consistency import consistent
from lvseg.dicom.stacks.limits import GAP
from lvseg.dicom.stacks.short_axis import ShortAxisCine
from lvseg.imaging.types import Pixels

_FEWEST_FOR_BEAT = 3  # phases, from whose times the duration of a beat is told


def stacked(choice: ShortAxisCine) -> tuple[Cine, list[SetAside]]:
    """Return the chosen images as a cine, and the files that are not used.

    Raises:
        UnreadableError: no image is left.
    """
    notes: list[str] = []
    images, aside = consistent(choice.images, notes)
    values = _values(images, aside)
    readable = [image for image in images if id(image) in values]
    if not readable:
        raise UnreadableError("none of its images can be read")
    order = arranged(readable)
    slices = _by_slice(order.frames)
    placed, remarks = placements([slice_frames[0].image for slice_frames in slices])
    return Cine(
        frames=order.frames,
        pixels=np.stack([values[id(frame.image)].astype(np.float32) for frame in order.frames]),
        phases=_usual(slices),
        depths_mm=order.depths_mm,
        distance_mm=order.distance_mm,
        thickness_mm=_median(image.thickness for image in images),
        beat_ms=_beat(slices),
        series=choice.series,
        why=choice.why,
        others=choice.others,
        notes=(*notes, *order.notes, *remarks, *_missing(order.depths_mm, order.distance_mm)),
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
        if step > GAP * distance_mm
    ]


def _beat(slices: Sequence[Sequence[PlacedImage]]) -> float:
    """Return the duration of the heart beat in ms: as stated, else from the times of the phases."""
    images = [frame.image for slice_frames in slices for frame in slice_frames]
    stated = _median(image.beat_ms for image in images if image.beat_ms)
    if np.isfinite(stated):
        return stated
    full = max(slices, key=len)
    times = [frame.image.trigger_time for frame in full]
    if len(full) < _FEWEST_FOR_BEAT or None in times:
        return float("nan")
    step = float(np.median(np.diff(np.array(times, float))))
    return step * len(full) if step > 0 else float("nan")


def _median(values: Iterable[float | None]) -> float:
    """Return the median of what is known; NaN where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else float("nan")
