"""One patient, read: the chosen cine, its contours joined to their images, ED and ES, and the quality flags."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from lvseg.core.paths.archives import Item, SetAside, UnreadableError, shared
from lvseg.dicom.image import Image
from lvseg.dicom.multiframe import read_images
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.stacks.alignment import placements
from lvseg.dicom.stacks.consistency import of_one_geometry
from lvseg.dicom.stacks.order.arrangement import arranged
from lvseg.dicom.stacks.order.numbering import number_in_name, series_in_name
from lvseg.labels import counting, drawn_series, sunnybrook_text
from lvseg.labels.layouts import Copy, PatientFiles
from lvseg.labels.study import Study, find_cycle, raise_flags
from lvseg.labels.sunnybrook_text import ENDO, EPI

_EIGHT_BIT = 255
_ENOUGH = 3  # endocardia that two copies share, to tell whether both count images alike
_SAME_HEART = 0.9  # Dice of two renderings of one contour; neighbouring slices of a stack have less


@dataclass
class _Drawn:
    """The contours of one copy.

    Attributes:
        points: (n, 2) by image number and kind.
        lines: how many closed lines a file holds, of which `points` has the largest, where it is more than one.
    """

    points: dict[tuple[int, str], np.ndarray] = field(default_factory=dict)
    lines: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def endo(self) -> dict[int, np.ndarray]:
        """Endocardial contours by image number."""
        return {number: line for (number, kind), line in self.points.items() if kind == ENDO}

    def completed_by(self, other: "_Drawn") -> bool:
        """Take contours of kinds that are missing here from another copy that numbers the same images alike.

        Returns:
            Whether the other copy had any, and its endocardia are those of this copy.
        """
        missing = {kind for _, kind in other.points} - {kind for _, kind in self.points}
        shared = [(line, other.endo[number]) for number, line in self.endo.items() if number in other.endo]
        if (
            not missing
            or len(shared) < _ENOUGH
            or np.median([_overlap(*pair) for pair in shared]) < _SAME_HEART
        ):
            return False
        self.points |= {key: line for key, line in other.points.items() if key[1] in missing}
        self.lines |= {key: count for key, count in other.lines.items() if key[1] in missing}
        return True


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Dice of the areas within two contours."""
    first, second = (shapely.Polygon(line).buffer(0) for line in (one, other))
    total = first.area + second.area
    return 2 * first.intersection(second).area / total if total else 0.0


@dataclass(frozen=True)
class _Candidate:
    """One copy of the images with the contours that lie nearest to it, and copies that gave kinds that those lack."""

    images: Copy
    contours: Copy | None
    drawn: _Drawn
    choice: drawn_series.DrawnSeries
    doubt: str
    others: dict[str, int]
    deep: bool
    completing: tuple[Copy, ...] = ()

    @property
    def rank(self) -> tuple[float, bool, int]:
        numbers = [number for number, kind in self.drawn.points if kind == ENDO]
        return self.choice.series.coverage(numbers), self.deep, len(self.choice.series.images)


def read_study(files: PatientFiles, first_pixel: int, all_pixels: bool) -> Study:
    """Read one patient; whatever cannot be read is set aside, never raised.

    Args:
        files: every copy of the patient's images and contours.
        first_pixel: coordinate of the centre of the first pixel in the contour files.
        all_pixels: read the pixels of every frame, not only of the contoured ones.
    """
    study = Study(files.id, files.group)
    study.convention = sunnybrook_text.convention(first_pixel)
    sets = _complementary(files.contours, sunnybrook_text.parse_name)
    drawn = {copy.folder: _read_contours(copy, first_pixel, study.aside) for copy in sets}
    copies = _complementary(files.images, number_in_name)
    possible = (_candidate(copy, sets, drawn, study.aside) for copy in copies)
    candidates = [candidate for candidate in possible if candidate]
    if not candidates:
        fullest = max(sets, key=lambda copy: len(drawn[copy.folder].points), default=None)
        study.points = drawn[fullest.folder].points if fullest else {}
        _report_duplicates(study, sets, [fullest])
    else:
        best = max(candidates, key=lambda candidate: candidate.rank)
        _report_duplicates(study, [*copies, *sets], [best.images, best.contours, *best.completing])
        for copy in best.completing:
            study.notes.append(
                f"Contours of kinds that {best.contours.label if best.contours else ''} lacks: {copy.label}."
            )
        study.points = best.drawn.points
        study.series, study.why = best.choice.series.name, best.choice.why
        study.source, study.rescaled = best.images.label, not best.deep
        study.other_series = best.others
        study.vendor = next(iter(best.choice.series.images.values())).manufacturer
        _take_frames(study, best.choice.series.images, all_pixels)
        for (number, kind), lines in sorted(best.drawn.lines.items()):
            study.flag(
                "several-lines", number, f"{kind}: its file holds {lines} closed lines, the largest is kept"
            )
        for number in study.endo if best.doubt else ():
            study.flag(counting.FLAG, number, best.doubt)
    study.cycle = find_cycle(study.joined, study.endo)
    raise_flags(study)
    return study


def _read_contours(copy: Copy, first_pixel: int, aside: list[SetAside]) -> _Drawn:
    """Return the readable contours of one copy."""
    drawn = _Drawn()
    for item in copy.items:
        try:
            largest, *others = sunnybrook_text.read(item, first_pixel)
        except UnreadableError as error:
            aside.append(SetAside(item.label, str(error)))
            continue
        key = sunnybrook_text.parse_name(item)
        if key in drawn.points:
            aside.append(SetAside(item.label, f"second {key[1]} of image {key[0]}: the first one is kept"))
            continue
        drawn.points[key] = largest
        if others:
            drawn.lines[key] = 1 + len(others)
    return drawn


def _candidate(
    copy: Copy,
    drawn: Sequence[Copy],
    contours: Mapping[tuple[str, ...], _Drawn],
    aside: list[SetAside],
) -> _Candidate | None:
    """Read the headers of one copy of the images and choose its series."""
    images = []
    for item in copy.items:
        try:
            images += read_images(item)
        except UnreadableError as error:
            aside.append(SetAside(item.label, str(error)))
    nearest = max(
        drawn,
        key=lambda other: (len(contours[other.folder].endo), shared(copy.folder, other.folder)),
        default=None,
    )
    nearest_drawn = contours[nearest.folder] if nearest else _Drawn()
    merged = _Drawn(dict(nearest_drawn.points), dict(nearest_drawn.lines))
    completing = [
        other for other in drawn if other is not nearest and merged.completed_by(contours[other.folder])
    ]
    counted = {sunnybrook_text.series_in_name(item) for item in nearest.items} if nearest else set()
    all_series, doubles = drawn_series.group(images, counted - {""})
    aside += doubles
    choice = drawn_series.choose(all_series, merged.endo)
    if choice is None:
        return None
    names = {series_in_name(image.item, counted) for image in choice.series.images.values()}
    choice, doubt = counting.counted_alike(choice, merged.endo, bool(names & counted - {""}))
    chosen = {id(image) for image in choice.series.images.values()}
    others: Counter[str] = Counter()
    for one in all_series:
        others[one.name] += sum(id(image) not in chosen for image in one.images.values())
    deep = _is_deep(choice.series.images.values())
    return _Candidate(copy, nearest, merged, choice, doubt, dict(+others), deep, tuple(completing))


def _is_deep(images: Iterable[Image]) -> bool:
    """Return whether any of three images holds more than an 8-bit export can."""
    for image in list(images)[:3]:
        try:
            if read_pixels(image).max(initial=0) > _EIGHT_BIT:
                return True
        except UnreadableError:
            continue
    return False


def _complementary(copies: Sequence[Copy], number: Callable[[Item], object]) -> list[Copy]:
    """Join copies that hold no number twice: halves of one patient in two places, not duplicates."""
    joined: list[Copy] = []
    for copy in copies:
        numbers = {number(item) for item in copy.items}
        half = next((one for one in joined if not numbers & {None, *map(number, one.items)}), None)
        if half is None:
            joined.append(copy)
        else:
            joined[joined.index(half)] = Copy(half.folder, half.items + copy.items)
    return joined


def _report_duplicates(study: Study, copies: Sequence[Copy], kept: Sequence[Copy | None]) -> None:
    """Set the copies that are not kept aside, one line each."""
    first = next((copy.label for copy in kept if copy), "")
    for copy in copies:
        if copy not in kept:
            reason = f"{len(copy.items)} files not used: same patient as {first}, which is kept"
            study.aside.append(SetAside(copy.label, reason))
            study.duplicates.append(copy.label)


def _take_frames(study: Study, images: Mapping[int, Image], all_pixels: bool) -> None:
    """Read pixels, drop what cannot be decoded or has another matrix, and arrange the rest."""
    alike, others = of_one_geometry(list(images.values()), study.notes)
    study.aside += others
    fitting = {id(image) for image in alike}
    contoured = study.endo.keys() | {number for number, kind in study.points if kind == EPI}
    usable: dict[int, Image] = {}
    for number, image in images.items():
        if id(image) not in fitting:
            continue
        try:
            if all_pixels or number in contoured:
                study.pixels[number] = read_pixels(image)
            usable[number] = image
        except UnreadableError as error:
            study.aside.append(SetAside(image.item.label, str(error)))
    if not usable:
        return
    order = arranged(list(usable.values()), list(usable), contoured)
    study.frames = sorted(order.frames, key=lambda frame: frame.number)
    study.phases, study.distance_mm = order.phases, order.distance_mm
    study.notes += order.notes
    slices = {frame.slice: frame.image for frame in order.frames}
    study.notes += placements([slices[number] for number in sorted(slices)])[1]
    study.aside += order.set_aside
