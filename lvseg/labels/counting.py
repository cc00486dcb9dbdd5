"""Whether contours and images count the same: some sources count from 0, others from 1.

A contour names its image by a number. Where names and headers of images count differently, or the numbers may begin at
0 for one and at 1 for the other, what lies under the contours decides; where that does not either, the contours are
flagged and nobody is misled.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely

from lvseg.core.paths.archives import UnreadableError
from lvseg.dicom.image import Image
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.stacks.order.arrangement import arranged
from lvseg.imaging.contour_quality import anatomy_fit
from lvseg.imaging.raster import rasterise
from lvseg.imaging.types import Contour
from lvseg.labels.drawn_series import DrawnSeries, Series

FLAG = "ambiguous-number"
_TELLING = 0.03  # of the fit to the anatomy, by which one count must lie better to be believed
_TOLD = (
    2 / 3
)  # of the largest and smallest cavities of all slices that must lie at the phases that a count gives
_FEWEST_PHASES = 8  # that tell when a cavity is largest and smallest
_FEWEST_TIMES = 6  # largest and smallest cavities, of three slices
_SMALLEST_RING = 12  # pixels between two contours of a slice, below which their brightness is noise


@dataclass(frozen=True)
class _Count:
    """Another way in which contours may count the images of a series.

    Attributes:
        shift: of the numbers that images have: -1 where contours count from 0 and images from 1.
        words: that say so.
        trusted: whether the numbers that images have are those of the contours unless something shows otherwise.
    """

    shift: int
    words: str
    trusted: bool


def counted_alike(
    choice: DrawnSeries, endo: Mapping[int, Contour], same_names: bool
) -> tuple[DrawnSeries, str]:
    """Return a series whose numbers are those of the contours, and why that is doubtful; nothing where it is not.

    A contour without an image tells most, then the anatomy under the contours, then the phases at which cavities are
    largest and smallest.

    Args:
        choice: the series, numbered by the names of its files, or by headers where names bear no numbers.
        endo: points (n, 2) of the endocardial contours by the numbers in their names.
        same_names: whether names of contours and images begin alike: then they were counted together, unless some
            contours have no image so.
    """
    count = _counted_otherwise(choice.series, endo, same_names) if endo else None
    if count is None:
        return choice, ""
    series = choice.series
    other = Series(series.name, {number + count.shift: image for number, image in series.images.items()})
    shifted = DrawnSeries(other, f"{choice.why}; {count.words}", choice.fit)
    numbers = sorted(endo)
    held, otherwise = series.coverage(numbers), other.coverage(numbers)
    if held != otherwise and not (count.trusted and held < otherwise):
        return (choice if held > otherwise else shifted), ""
    gain = _gain(series, other, endo)
    if abs(gain) > _TELLING:
        return (shifted if gain > 0 else choice), ""
    as_numbered, as_shifted = _beat_told(series, endo, (0, -count.shift))
    sure = count.trusted and held == otherwise
    if as_shifted >= _TOLD and not sure:
        return shifted, ""
    if as_shifted >= _TOLD:
        return choice, f"maybe {count.words}: {as_shifted:.0%} of the largest and smallest cavities lie there"
    if sure or as_numbered >= _TOLD:
        return choice, ""
    return choice, f"maybe {count.words}: they fit images so and otherwise"


def _counted_otherwise(series: Series, endo: Mapping[int, Contour], same_names: bool) -> _Count | None:
    """Return the other count that contours may have; None where there is none."""
    apart = {
        None if image.number is None else image.number - number for number, image in series.images.items()
    }
    shift = next(iter(apart)) if len(apart) == 1 else None
    if shift:
        return _Count(shift, "contours count as the headers do, not as the names of images", same_names)
    if 0 not in series.images:
        return _Count(-1, "contours count from 0, images from 1", trusted=True)
    if 0 not in endo:
        return _Count(1, "contours count from 1, images from 0", trusted=False)
    return None


def _gain(series: Series, other: Series, endo: Mapping[int, Contour]) -> float:
    """Return by how much contours fit the anatomy better in the mean, if another count is right; 0 if unknown."""
    gains = []
    for number, points in endo.items():
        if number in series.images and number in other.images:
            try:
                of_series, of_other = (read_pixels(one.images[number]) for one in (series, other))
            except UnreadableError:
                continue  # reported when the chosen series is read
            gains.append(anatomy_fit(of_other, points) - anatomy_fit(of_series, points))
    measured = [gain for gain in gains if np.isfinite(gain)]
    return float(np.mean(measured)) if measured else 0.0


def _beat_told(series: Series, endo: Mapping[int, Contour], shifts: tuple[int, int]) -> tuple[float, ...]:
    """Return the share of contours at whose phase, moved by a shift, the cavity is largest or smallest; for each shift.

    What lies within a slice's larger contour and without the smaller one is blood at end-diastole and muscle at
    end-systole: its brightness over the beat tells when these are.
    """
    order = arranged(list(series.images.values()), list(series.images), endo)
    slices: dict[int, dict[int, Image]] = {}
    drawn: dict[int, list[_Drawn]] = {}
    for frame in order.frames:
        slices.setdefault(frame.slice, {})[frame.phase] = frame.image
        if frame.number in endo:
            drawn.setdefault(frame.slice, []).append(_Drawn(frame.phase, endo[frame.number]))
    hits = np.zeros(len(shifts))
    count = 0
    for number, polygons in drawn.items():
        images = [image for _, image in sorted(slices[number].items())]
        small, large = (
            sorted(polygons, key=lambda one: one.area)[:: max(len(polygons) - 1, 1)]
            if len(polygons) > 1
            else (None, None)
        )
        if small is None or large is None or len(images) != order.phases or order.phases < _FEWEST_PHASES:
            continue
        curve = _brightness(images, small.points, large.points)
        if curve is None:
            continue
        count += 2
        for phase, told in ((small.phase, int(curve.argmin())), (large.phase, int(curve.argmax()))):
            hits += [told == (phase - 1 + shift) % order.phases for shift in shifts]
    return tuple(hits / count) if count >= _FEWEST_TIMES else (0.0,) * len(shifts)


@dataclass(frozen=True)
class _Drawn:
    """A contour (n, 2) and the phase of the image that has its number."""

    phase: int
    points: Contour

    @property
    def area(self) -> float:
        return float(shapely.Polygon(self.points).area)


def _brightness(images: list[Image], small: Contour, large: Contour) -> np.ndarray | None:
    """Return (T,) the brightness between two contours of a slice over that within the smaller, by phase."""
    try:
        pixels = [read_pixels(image).astype(np.float32) for image in images]
    except UnreadableError:
        return None
    inside = rasterise(small, pixels[0].shape).astype(bool)
    ring = rasterise(large, pixels[0].shape).astype(bool) & ~inside
    if ring.sum() < _SMALLEST_RING or not inside.any() or any(shown.shape != ring.shape for shown in pixels):
        return None
    return np.array([shown[ring].mean() / max(float(shown[inside].mean()), 1e-6) for shown in pixels])
