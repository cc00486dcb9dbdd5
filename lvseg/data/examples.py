"""The slices of one part of the split of which something is known: what training and evaluation read."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lvseg.core.errors import UserError
from lvseg.data import shards
from lvseg.imaging.structures import STRUCTURES, Structure

SHARDS = Path("data/shards")  # where the stages of dvc.yaml have them
SPLIT = Path("data/split.csv")
_ENOUGH = 3  # contoured slices of a phase: then the expert has been through the stack


@dataclass(frozen=True)
class Example:
    """One slice at one phase: where it lies and what is known of it.

    Attributes:
        mask: index among the shard's label maps; None where nobody drew, because there is no left ventricle.
        known: the structures that are drawn here, or known to be absent.
        cavity: whether a cavity is drawn.
        vendor: of the scanner, or empty.
        collection: the place of `data.raw` that the patient comes from.
    """

    patient: str
    group: str
    slice: int
    phase: int
    cycle: str
    image_number: int
    flags: tuple[str, ...]
    shard: Path
    frame: int
    mask: int | None
    known: tuple[Structure, ...]
    cavity: bool
    vendor: str = ""
    collection: str = ""


@dataclass(frozen=True)
class Selection:
    """The examples of a part in stable order, and how many slices each flag left out."""

    examples: list[Example]
    left_out: dict[str, int]


def select_examples(
    folder: Path, split: Path, part: str, drop: tuple[str, ...], everything: bool = False
) -> Selection:
    """Return the slices with a drawn cavity of the patients in `part`, without those that bear a flag of `drop`.

    A slice with several of the flags counts once, under the first one of `drop`. With `everything` come all others of
    which something is known: other structures, or that there is no cavity, because its label map says so, or because
    it lies beyond the outermost contours of a phase through which an expert has gone. All others without contour are
    unknown, not empty: no one looked at them. So are those of a patient of whom no contour can be used.

    Raises:
        UserError: the split is missing, or names a patient that has no shard.
    """
    try:
        with split.open(newline="", encoding="utf-8") as file:
            patients = sorted(row["patient"] for row in csv.DictReader(file) if row["part"] == part)
    except FileNotFoundError:
        raise UserError(f"{split} is missing: run `dvc repro split`") from None
    chosen: list[Example] = []
    left_out: Counter[str] = Counter()
    for patient in patients:
        shard = folder / f"{patient}.npz"
        kept = len(chosen)
        drawn = _drawn(shard)
        for example in drawn:
            if not example.cavity and not everything:
                continue
            reason = next((flag for flag in drop if flag in example.flags), None)
            if reason is None:
                chosen.append(example)
            else:
                left_out[reason] += 1
        # Contours of which none can be used say nothing of other slices either.
        if everything and any(example.cavity for example in chosen[kept:]):
            chosen += _beyond(shard, drawn)
    return Selection(chosen, dict(sorted(left_out.items())))


def known_structures(examples: Iterable[Example]) -> tuple[Structure, ...]:
    """Return the structures that are drawn on some of the slices, in the order of their numbers."""
    drawn = set()
    masks: dict[Path, list[int]] = {}
    for example in examples:
        if example.mask is not None:
            masks.setdefault(example.shard, []).append(example.mask)
    for path, indices in masks.items():
        shard = shards.read(path)
        drawn |= {int(label) for index in indices for label in np.unique(shard.labels[index])}
    return tuple(structure for structure in STRUCTURES if structure in drawn)


def _drawn(path: Path) -> list[Example]:
    """Return every slice of one shard that has a label map."""
    shard = shards.read(path)
    flags: dict[int, set[str]] = {}
    for frame, joined in zip(shard.contour_frame, shard.contour_flags, strict=True):
        flags.setdefault(int(frame), set()).update(flag for flag in str(joined).split(",") if flag)
    return [
        Example(
            patient=str(shard.patient),
            group=str(shard.group),
            slice=int(shard.slice[frame]),
            phase=int(shard.phase[frame]),
            cycle=str(shard.cycle[mask]),
            image_number=int(shard.image_number[frame]),
            flags=tuple(sorted(flags.get(int(frame), ()))),
            shard=path,
            frame=int(frame),
            mask=mask,
            known=tuple(s for s, known in zip(STRUCTURES, shard.known[mask], strict=True) if known),
            cavity=bool((shard.labels[mask] == Structure.CAVITY).any()),
            vendor=str(shard.vendor),
            collection=str(shard.collection),
        )
        for mask, frame in enumerate(shard.label_frame.tolist())
    ]


def _beyond(path: Path, drawn: Sequence[Example]) -> list[Example]:
    """Return the slices of one shard without label map that lie beyond the outermost contours of their phase."""
    shard = shards.read(path)
    contoured: dict[int, set[int]] = {}
    for example in drawn:
        if example.cavity:
            contoured.setdefault(example.phase, set()).add(example.slice)
    with_map = {example.frame for example in drawn}
    return [
        Example(
            patient=str(shard.patient),
            group=str(shard.group),
            slice=int(shard.slice[frame]),
            phase=phase,
            cycle="",
            image_number=int(shard.image_number[frame]),
            flags=(),
            shard=path,
            frame=frame,
            mask=None,
            known=(Structure.CAVITY,),
            cavity=False,
        )
        for frame, phase in enumerate(shard.phase.tolist())
        if frame not in with_map
        and len(slices := contoured.get(phase, ())) >= _ENOUGH
        and not min(slices) <= int(shard.slice[frame]) <= max(slices)
    ]
