"""Which of a patient's series is the short-axis cine that the contours were drawn on: chosen by evidence."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from lvseg.quality import ANATOMY_FIT, anatomy_fit
from lvseg.reading.archives import SetAside, UnreadableError
from lvseg.reading.dicom import Image, read_pixels

_NUMBERED = re.compile(r"^(?:(?P<series>[A-Za-z]+[-_]\d+)[-_])?0*(?P<number>\d+)$")
_SAMPLE = 9  # contours that are laid on each candidate series
_PARALLEL = 0.996  # cosine of about 5 degrees


@dataclass
class Series:
    """Images that belong together, by image number."""

    name: str
    images: dict[int, Image] = field(default_factory=dict)

    @property
    def normal(self) -> np.ndarray | None:
        """Normal of the first image: the images of a stack share it."""
        return next(iter(self.images.values())).normal

    def coverage(self, numbers: Sequence[int]) -> float:
        """Return the share of image numbers that the series holds."""
        return sum(number in self.images for number in numbers) / len(numbers) if numbers else 0.0


@dataclass(frozen=True)
class Choice:
    """A series, why it was chosen, and how well the contours lie on it (NaN: not measured)."""

    series: Series
    why: str
    fit: float


def group(images: Sequence[Image]) -> tuple[list[Series], list[SetAside]]:
    """Divide a patient's images into series by folder, prefix of the file name and series UID, all three.

    A series UID alone is not enough: some archives share one among short-axis, long-axis and perfusion folders.
    """
    series: dict[tuple[str, str, str], Series] = {}
    aside: list[SetAside] = []
    for image in images:
        path = PurePosixPath(image.item.label)
        match = _NUMBERED.match(path.stem)
        number = int(match["number"]) if match else image.number
        if number is None:
            aside.append(SetAside(image.item.label, "no image number, neither in its name nor in its header"))
            continue
        prefix = (match["series"] if match else None) or ""
        key = (str(path.parent), prefix, image.series_uid)
        found = series.setdefault(key, Series(f"{path.parent.name}/{prefix}" if prefix else path.parent.name))
        first = found.images.setdefault(number, image)
        if first is not image:
            aside.append(SetAside(image.item.label, f"image number {number} again, kept {first.item.label}"))
    for found in series.values():
        found.images = dict(sorted(found.images.items()))
    return [series[key] for key in sorted(series)], aside


def choose(candidates: Sequence[Series], endo: Mapping[int, np.ndarray]) -> Choice | None:
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
        found = f"largest stack of parallel slices among {len(candidates)} series"
        return Choice(stack, f"{found}; no contour names its images" if numbers else found, float("nan"))
    if len(holders) == 1:
        choice = Choice(holders[0], _held(holders[0], numbers), float("nan"))
    else:
        choice = _by_anatomy(holders, endo)
    return _completed(choice, holders, endo)


def _by_anatomy(holders: Sequence[Series], endo: Mapping[int, np.ndarray]) -> Choice:
    """Return the series that both holds the numbers and shows a ventricle where the contours are."""
    numbers = sorted(endo)
    fits = [_fit(series, endo) for series in holders]
    scores = [
        series.coverage(numbers) * max(fit - 0.5, 0.01)
        for series, fit in zip(holders, np.nan_to_num(fits), strict=True)
    ]
    order = sorted(range(len(holders)), key=lambda i: (-round(scores[i], 2), -_stack_size(holders[i]), i))
    best, second = order[:2]
    other = holders[second]
    why = (
        f"{_held(holders[best], numbers)}, fit to the anatomy {fits[best]:.2f}; "
        f"next {other.name} with {_held(other, numbers)}, {fits[second]:.2f}"
    )
    return Choice(holders[best], why, fits[best])


def _completed(choice: Choice, holders: Sequence[Series], endo: Mapping[int, np.ndarray]) -> Choice:
    """Add parallel series that hold contoured numbers which the chosen one lacks: a cine may span several."""
    series, why = choice.series, choice.why
    for other in holders:
        missing = {n: points for n, points in endo.items() if n not in series.images and n in other.images}
        if other is choice.series or not missing or not _parallel(series, other):
            continue
        if _fit(other, missing) < ANATOMY_FIT:
            continue
        images = dict(sorted((other.images | series.images).items()))
        series = Series(f"{series.name} + {other.name}", images)
        why += f"; {other.name} adds {len(missing)} contoured image(s)"
    return Choice(series, why, choice.fit)


def _held(series: Series, numbers: Sequence[int]) -> str:
    return f"holds {sum(n in series.images for n in numbers)} of {len(numbers)} contoured images"


def _fit(series: Series, endo: Mapping[int, np.ndarray]) -> float:
    """Return the median fit of an even sample of the contours; NaN where none can be measured."""
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
    return first is not None and second is not None and abs(float(first @ second)) > _PARALLEL


def _stack_size(series: Series) -> int:
    """Return how many images a stack of parallel slices with several phases has; few for anything else."""
    images = list(series.images.values())
    normal = series.normal
    if normal is None or any("VELOCITY" in part or part == "P" for part in images[0].image_type):
        return 0
    positions = Counter(
        round(float(np.dot(image.position, normal)))
        for image in images
        if image.position is not None and image.normal is not None and abs(image.normal @ normal) > _PARALLEL
    )
    several = len(positions) > 1 and max(positions.values()) > 1
    return sum(positions.values()) * (1 if several else 0) + (1 if positions else 0)
