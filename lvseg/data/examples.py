"""The slices of one part of the split, contoured or known to be empty: what training and evaluation read."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.data import shards

SHARDS = Path("data/shards")  # where the stages of dvc.yaml have them
SPLIT = Path("data/split.csv")
_ENOUGH = 3  # contoured slices of a phase: then the expert has been through the stack


@dataclass(frozen=True)
class Example:
    """One slice at one phase, contoured or known to be empty: where it lies and what is known of it.

    Attributes:
        mask: index among the shard's masks; None where there is no ventricle.
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


@dataclass(frozen=True)
class Selection:
    """The examples of a part in stable order, and how many slices each flag left out."""

    examples: list[Example]
    left_out: dict[str, int]


def select_examples(
    folder: Path, split: Path, part: str, drop: tuple[str, ...], empty: bool = False
) -> Selection:
    """Return the contoured slices of the patients in `part`, without those that bear a flag of `drop`.

    A slice with several of the flags counts once, under the first one of `drop`. With `empty` the slices that are
    known to hold no ventricle come too: beyond the outermost contours of a phase through which an expert has gone.
    All others without contour are unknown, not empty: no one looked at them. So are those of a patient of whom
    no contour can be used.

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
        for example in _of_patient(shard):
            reason = next((flag for flag in drop if flag in example.flags), None)
            if reason is None:
                chosen.append(example)
            else:
                left_out[reason] += 1
        if (
            empty and len(chosen) > kept
        ):  # contours of which none can be used say nothing of other slices either
            chosen += _empty(shard)
    return Selection(chosen, dict(sorted(left_out.items())))


def _of_patient(path: Path) -> list[Example]:
    """Return every contoured slice of one shard."""
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
        )
        for mask, frame in enumerate(shard.label_frame.tolist())
    ]


def _empty(path: Path) -> list[Example]:
    """Return the slices of one shard that lie beyond the outermost contours of their phase."""
    shard = shards.read(path)
    drawn: dict[int, set[int]] = {}
    for frame in shard.label_frame:
        drawn.setdefault(int(shard.phase[frame]), set()).add(int(shard.slice[frame]))
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
        )
        for frame, phase in enumerate(shard.phase.tolist())
        if len(own := drawn.get(phase, ())) >= _ENOUGH and not min(own) <= int(shard.slice[frame]) <= max(own)
    ]
