"""Which images of a stack fit together: each once, of one matrix and pixel size, at known places."""

from collections import Counter
from collections.abc import Sequence

from lvseg.core.archives import SetAside
from lvseg.dicom.header import Image


def consistent(images: Sequence[Image], notes: list[str]) -> tuple[list[Image], list[SetAside]]:
    """Return the images that fit together and the files set aside, and add to the notes what was odd."""
    kept, aside = _of_one_geometry(_once(images, notes), notes)
    return _placed(kept, aside, notes), aside


def _once(images: Sequence[Image], notes: list[str]) -> list[Image]:
    """Return images without those that came twice."""
    unique = {(image.sop_uid or image.item.label, image.frame): image for image in reversed(images)}
    twice = len(images) - len(unique)
    if twice:
        notes.append(f"{_counted(twice)} came twice and counted once.")
    return list(reversed(unique.values()))


def _of_one_geometry(images: Sequence[Image], notes: list[str]) -> tuple[list[Image], list[SetAside]]:
    """Return the images of the most frequent matrix and pixel size, and the others as files set aside."""
    shapes = Counter((image.rows, image.columns, image.spacing) for image in images)
    first = shapes.most_common(1)[0][0]
    aside = [
        SetAside(
            image.item.label,
            f"{image.rows} x {image.columns} pixels of {_size(image.spacing)} in a stack of "
            f"{first[0]} x {first[1]} of {_size(first[2])}",
        )
        for image in images
        if (image.rows, image.columns, image.spacing) != first
    ]
    if aside:
        notes.append(f"{_counted(len(aside))} of another matrix or pixel size left out.")
    return [i for i in images if (i.rows, i.columns, i.spacing) == first], aside


def _placed(images: list[Image], aside: list[SetAside], notes: list[str]) -> list[Image]:
    """Return the images without the few that do not say where they lie; all of them where most do not."""
    lost = [image for image in images if image.position is None]
    if not lost or 2 * len(lost) > len(images):
        return images
    aside += [SetAside(image.item.label, "no position, which the others of its stack have") for image in lost]
    notes.append(f"{_counted(len(lost))} without a position left out.")
    return [image for image in images if image.position is not None]


def _size(spacing: tuple[float, float] | None) -> str:
    return f"{spacing[0]:g} x {spacing[1]:g} mm" if spacing else "unknown size"


def _counted(count: int) -> str:
    return f"{count} image{'s' if count > 1 else ''}"
