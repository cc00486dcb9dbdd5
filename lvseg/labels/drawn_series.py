"""Which of a patient's series is the short-axis cine that the contours were drawn on: chosen by evidence."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.dicom.image import Image
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.stacks import limits
from lvseg.dicom.stacks.order.numbering import number_in_name, series_in_name
from lvseg.dicom.stacks.planes import stack_of
from lvseg.imaging.contour_quality import ANATOMY_FIT, anatomy_fit

_SAMPLE = 9  # contours that are laid on each candidate series


@dataclass
class Series:
    """Images that belong together, by image number."""

    name: str
    images: dict[int, Image] = field(default_factory=dict)

    @property
    def normal(self) -> np.ndarray | None:
        """The unit normal (3,) of the first image, which all images of a stack share; None where it is unknown."""
        return next(iter(self.images.values())).normal

    def coverage(self, numbers: Sequence[int]) -> float:
        """Return the share of image numbers that the series holds."""
        return sum(number in self.images for number in numbers) / len(numbers) if numbers else 0.0


@dataclass(frozen=True)
class DrawnSeries:
    """A series, why it was chosen, and how well the contours lie on it (NaN: not measured)."""

    series: Series
    why: str
    fit: float


def group(images: Sequence[Image], counted: Collection[str] = ()) -> tuple[list[Series], list[SetAside]]:
    """Divide a patient's images into series by folder, prefix of the file name and series UID, all three.

    A series UID alone is not enough: some archives share one among short-axis, long-axis and perfusion folders.
    Nor does each UID make a series: some scanners give every slice one of its own, so parallel images of one
    folder and prefix whose numbers go on from one another are one series.

    Args:
        images: of one patient.
        counted: what the names of contour files begin with: an image named so bears the number in its name.
    """
    series: dict[tuple[str, str, str], Series] = {}
    aside: list[SetAside] = []
    for image in images:
        path = PurePosixPath(image.item.label)
        number = number_in_name(image.item, counted) if image.frame is None else None
        number = image.number if number is None else number
        if number is None:
            aside.append(SetAside(image.item.label, "no image number, neither in its name nor in its header"))
            continue
        prefix = series_in_name(image.item, counted)
        key = (str(path.parent), prefix, image.series_uid)
        candidate = series.setdefault(
            key, Series(f"{path.parent.name}/{prefix}" if prefix else path.parent.name)
        )
        first = candidate.images.setdefault(number, image)
        if first is not image:
            aside.append(SetAside(image.item.label, f"image number {number} again, kept {first.item.label}"))
    joined: dict[tuple[str, str], list[Series]] = {}
    for (folder, prefix, _), candidate in sorted(
        series.items(), key=lambda entry: (entry[0][:2], min(entry[1].images))
    ):
        same = joined.setdefault((folder, prefix), [])
        known = next(
            (other for other in same if _parallel(other, candidate) and _disjoint(other, candidate)), None
        )
        if known:
            known.images.update(candidate.images)
        else:
            same.append(candidate)
    divided = [candidate for key in sorted(joined) for candidate in joined[key]]
    for candidate in divided:
        candidate.images = dict(sorted(candidate.images.items()))
    return divided, aside


def choose(candidates: Sequence[Series], endo: Mapping[int, np.ndarray]) -> DrawnSeries | None:
    """Return the series that the endocardial contours belong to; without contours, the likeliest cine stack.

    Args:
        candidates: the series of one patient.
        endo: points (n, 2) of the endocardial contours by image number.
    """
    if not candidates:
        return None
    numbers = sorted(endo)
    holders = [series for series in candidates if series.coverage(numbers) > 0]
    if not holders:
        stack = max(candidates, key=_stack_size)
        reason = f"largest stack of parallel slices among {len(candidates)} series"
        return DrawnSeries(
            stack, f"{reason}; no contour names its images" if numbers else reason, float("nan")
        )
    if len(holders) == 1:
        choice = DrawnSeries(holders[0], _held(holders[0], numbers), float("nan"))
    else:
        choice = _by_anatomy(holders, endo)
    return _completed(choice, candidates, endo)


def _by_anatomy(holders: Sequence[Series], endo: Mapping[int, np.ndarray]) -> DrawnSeries:
    """Return the series that both holds the numbers and shows a ventricle where the contours are."""
    numbers = sorted(endo)
    fits = [contour_fit(series, endo) for series in holders]
    scores = [
        series.coverage(numbers) * max(fit - 0.5, 0.01) * (1.0 if _may_be_stack(series) else 0.5)
        for series, fit in zip(holders, np.nan_to_num(fits), strict=True)
    ]
    order = sorted(range(len(holders)), key=lambda i: (-round(scores[i], 2), -_stack_size(holders[i]), i))
    best, second = order[:2]
    other = holders[second]
    why = (
        f"{_held(holders[best], numbers)}, fit to the anatomy {fits[best]:.2f}; "
        f"next {other.name} with {_held(other, numbers)}, {fits[second]:.2f}"
    )
    return DrawnSeries(holders[best], why, fits[best])


def _completed(
    choice: DrawnSeries, candidates: Sequence[Series], endo: Mapping[int, np.ndarray]
) -> DrawnSeries:
    """Add what the chosen series lacks, for a cine may span several: parallel series that hold contoured
    numbers and fit them, or whose numbers go on where its own end.
    """
    series, why = choice.series, choice.why
    waiting = [other for other in candidates if other is not choice.series and _parallel(series, other)]
    while waiting:
        added = next((other for other in waiting if _belongs(other, series, endo)), None)
        if added is None:
            break
        waiting.remove(added)
        gained = len(added.images.keys() - series.images.keys())
        images = dict(sorted((added.images | series.images).items()))
        series = Series(f"{series.name} + {added.name}", images)
        why += f"; {added.name} adds {gained} image(s)"
    return DrawnSeries(series, why, choice.fit)


def _belongs(other: Series, series: Series, endo: Mapping[int, np.ndarray]) -> bool:
    """Return whether a parallel series completes another."""
    missing = {n: points for n, points in endo.items() if n not in series.images and n in other.images}
    if missing:
        return contour_fit(other, missing) >= ANATOMY_FIT
    goes_on = min(other.images) == max(series.images) + 1 or max(other.images) == min(series.images) - 1
    return goes_on and _matrix(other) == _matrix(series)


def _held(series: Series, numbers: Sequence[int]) -> str:
    return f"holds {sum(n in series.images for n in numbers)} of {len(numbers)} contoured images"


def contour_fit(series: Series, endo: Mapping[int, np.ndarray]) -> float:
    """Return the median `anatomy_fit` of an even sample of the contours; NaN where none can be measured.

    Args:
        series: the images, by number.
        endo: points (n, 2) of the endocardial contours by image number.
    """
    held = [number for number in sorted(endo) if number in series.images]
    step = max(len(held) // _SAMPLE, 1)
    fits = []
    for number in held[::step]:
        try:
            fits.append(anatomy_fit(read_pixels(series.images[number]), endo[number]))
        except UnreadableError:
            continue  # reported when the chosen series is read
    measured = [fit for fit in fits if np.isfinite(fit)]
    return float(np.median(measured)) if measured else float("nan")


def _parallel(one: Series, other: Series) -> bool:
    first, second = one.normal, other.normal
    return first is not None and second is not None and abs(float(first @ second)) > limits.PARALLEL


def _disjoint(one: Series, other: Series) -> bool:
    return not one.images.keys() & other.images.keys()


def _matrix(series: Series) -> tuple[int, int]:
    first = next(iter(series.images.values()))
    return first.rows, first.columns


def _counts(series: Series) -> Counter[int] | None:
    """Return how many images lie at each place along the normal; None where that is unknown."""
    normal = series.normal
    placed = [
        image
        for image in series.images.values()
        if normal is not None and image.position is not None
        if image.normal is not None and abs(image.normal @ normal) > limits.PARALLEL
    ]
    return stack_of(placed).counts if placed else None


def _may_be_stack(series: Series) -> bool:
    """Return False for velocity images and for a series known to lie at one position only."""
    first = next(iter(series.images.values()))
    if first.is_flow:
        return False
    counts = _counts(series)
    return counts is None or len(counts) != 1


def _stack_size(series: Series) -> int:
    """Return how many images a stack of parallel slices with several phases has; few for anything else."""
    counts = _counts(series)
    if not _may_be_stack(series) or not counts or max(counts.values()) == 1:
        return int(bool(counts))
    return sum(min(count, limits.MOST_PHASES) for count in counts.values())
