"""Whether contours and images count the same: some sources count from 0, others from 1.

A contour names its image by a number. Where names and headers of images count differently, and both would do, what lies
under the contours decides; where that does not either, the contours are flagged and nobody is misled.
"""

from collections.abc import Mapping

from lvseg.dicom.image import Image
from lvseg.imaging.types import Contour
from lvseg.labels.drawn_series import DrawnSeries, Series, contour_fit

FLAG = "ambiguous-number"
_TELLING = 0.03  # of the fit to the anatomy, by which one count must lie better to be believed


def counted_alike(
    choice: DrawnSeries, endo: Mapping[int, Contour], same_names: bool
) -> tuple[DrawnSeries, str]:
    """Return a series whose numbers are those of the contours, and why that is doubtful; nothing where it is not.

    Args:
        choice: the series, numbered by the names of its files, or by headers where names bear no numbers.
        endo: points (n, 2) of the endocardial contours by the numbers in their names.
        same_names: whether names of contours and images begin alike: then they were counted together, unless some
            contours have no image so.
    """
    series = choice.series
    other = _counted_otherwise(series, endo)
    if other is None or not endo:
        return choice, ""
    numbers = sorted(endo)
    held, otherwise = series.coverage(numbers), other.coverage(numbers)
    if same_names and held >= otherwise:
        return choice, ""
    if held != otherwise and not same_names:
        return (choice if held > otherwise else _as(choice, other)), ""
    fit, other_fit = contour_fit(series, endo), contour_fit(other, endo)
    if abs(fit - other_fit) > _TELLING:
        return (choice if fit > other_fit else _as(choice, other)), ""
    return choice, (
        "the names of its images count otherwise than their headers, and contours fit both "
        f"({fit:.2f} and {other_fit:.2f})"
    )


def _counted_otherwise(series: Series, endo: Mapping[int, Contour]) -> Series | None:
    """Return a series counted as its headers do, or from 0 as its contours do; None where that is no other count."""
    apart = {
        None if image.number is None else image.number - number for number, image in series.images.items()
    }
    if len(apart) != 1 or None in apart:
        return None
    shift = next(iter(apart))
    if shift == 0 and 0 in endo and 0 not in series.images:
        shift = -1
    if not shift:
        return None
    return Series(series.name, _shifted(series.images, shift))


def _shifted(images: Mapping[int, Image], shift: int) -> dict[int, Image]:
    return {number + shift: image for number, image in images.items()}


def _as(choice: DrawnSeries, series: Series) -> DrawnSeries:
    return DrawnSeries(series, f"{choice.why}; contours count as the headers do", choice.fit)
