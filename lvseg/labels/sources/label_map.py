"""What every source of labels gives: a label map for each drawn frame, and which structures are known there."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from lvseg.core.paths.archives import Item, SetAside, UnreadableError
from lvseg.core.texts import shown
from lvseg.dicom.bounds import TOO_MUCH, bounded
from lvseg.imaging.structures import Structure
from lvseg.imaging.types import Affine, Mask
from lvseg.imaging.types import Region as Truth
from lvseg.labels.sources.structures import Region


@dataclass(frozen=True)
class LabelMap:
    """What an expert drew on one frame.

    Attributes:
        labels: (H, W), the numbers of `Structure` on the frame's own pixels; 0 also where nothing is known.
        known: the structures that were drawn here, or are stated to be absent. Of all others 0 says nothing.
        affine: of the frame, as `lvseg.dicom.image.Image.affine` is.
        sop_uid: of its image, empty where that is no DICOM file.
        frame: in a file of several frames, from 0; None in others.
        slice: from 1 in the order of the file, 0 where the image says it.
        phase: from 1, 0 where the image says it.
    """

    labels: Mask
    known: frozenset[Structure]
    affine: Affine
    sop_uid: str = ""
    frame: int | None = None
    slice: int = 0
    phase: int = 0


@dataclass
class Reading:
    """All that was read of one patient's labels.

    Attributes:
        maps: one for each drawn frame.
        unmapped: how often a label was met (pixels, frames or contours) that is mapped to no structure.
        notes: what was odd and how it was handled, a sentence each.
        aside: what was not used.
    """

    maps: list[LabelMap] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)

    def add(self, other: "Reading") -> None:
        """Take in another reading of the same patient; a note counts once."""
        self.maps += other.maps
        self.unmapped.update(other.unmapped)
        self.notes += [note for note in other.notes if note not in self.notes]
        self.aside += other.aside

    @contextmanager
    def or_set_aside(self, item: Item, what: str) -> Iterator[None]:
        """Read a file of a stranger's within bounds of memory and time; set it aside if it cannot be read.

        So it is whatever its parser makes of damaged bytes.

        Args:
            item: the file.
            what: it should hold, such as `RT Structure Set`.
        """
        try:
            with bounded():
                yield
        except UnreadableError as error:
            self.aside.append(SetAside(item.label, str(error)))
        except MemoryError:
            self.aside.append(SetAside(item.label, TOO_MUCH))
        except Exception as error:  # a parser may fail in any way on damaged bytes
            self.aside.append(SetAside(item.label, f"damaged {what} ({type(error).__name__})"))

    def refuse(self, label: str, count: int, unit: str, file: str) -> None:
        """Report a label that no code, name or word of the user maps."""
        label = shown(label)
        self.unmapped[label] += count
        reason = f"label {label} ({count} {unit}) is mapped to no structure: refused, not guessed"
        self.aside.append(SetAside(file, reason))


def composed(regions: Mapping[Region, Truth], shape: tuple[int, int]) -> tuple[Mask, frozenset[Structure]]:
    """Return the label map (H, W) of what was drawn on one frame, and which structures it makes known.

    Where regions overlap, the cavity lies above the myocardium and that above the right ventricle, so that a wall drawn
    with its inside filled does no harm.

    Args:
        regions: drawn ones, empty masks (H, W) included: those state that there is nothing.
        shape: H and W.

    Raises:
        UnreadableError: cavity and right ventricle overlap, or the left ventricle has no room for a cavity.
    """
    truths = dict(regions)
    whole = truths.pop(Region.LEFT_VENTRICLE, None)
    if whole is not None and Region.CAVITY in truths and Region.MYOCARDIUM not in truths:
        truths[Region.MYOCARDIUM] = whole
    elif whole is not None and Region.MYOCARDIUM in truths and Region.CAVITY not in truths:
        truths[Region.CAVITY] = whole & ~truths[Region.MYOCARDIUM]
        if whole.any() and not truths[Region.CAVITY].any():
            raise UnreadableError("the left ventricle lies within its myocardium: label its cavity as such")
    labels = np.zeros(shape, np.uint8)
    known = set()
    for region in (Region.RIGHT_VENTRICLE, Region.MYOCARDIUM, Region.CAVITY):
        if region in truths:
            structure = Structure[region.name]
            labels[truths[region]] = structure
            known.add(structure)
    if Region.CAVITY in truths and Region.RIGHT_VENTRICLE in truths:
        both = int((truths[Region.CAVITY] & truths[Region.RIGHT_VENTRICLE]).sum())
        if both > min(truths[Region.CAVITY].sum(), truths[Region.RIGHT_VENTRICLE].sum()) / 2:
            raise UnreadableError("cavity and right ventricle lie on one another")
    return labels, frozenset(known)
