"""Patients divided into train, validation and test; a patient is in one part only, whatever its slices are."""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.paths.files import atomic_path
from lvseg.data.parts.split_params import SplitParams
from lvseg.labels.layouts import key_of

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class Patient:
    """A patient with at least one endocardial contour."""

    name: str
    group: str
    official_part: str
    collection: str = ""


def read_patients(index: Path) -> list[Patient]:
    """Return the contoured patients of the index, sorted by name.

    Raises:
        UserError: the index is missing, or two patients are one but for the padding of the id.
    """
    try:
        with index.open(newline="", encoding="utf-8") as file:
            patients = {
                Patient(row["patient"], row["group"], row["official_part"], row["collection"])
                for row in csv.DictReader(file)
                if row["endo"] == "1"
            }
    except FileNotFoundError:
        raise UserError(f"{index} is missing: run `dvc repro extract`") from None
    spellings: dict[str, str] = {}
    for patient in sorted(patients, key=lambda patient: patient.name):
        other = spellings.setdefault(key_of(patient.name), patient.name)
        if other != patient.name:
            raise UserError(f"{index}: {other} and {patient.name} are one patient: run `dvc repro extract`")
    return sorted(patients, key=lambda patient: patient.name)


def split(patients: Sequence[Patient], params: SplitParams) -> dict[str, str]:
    """Return the part of each patient by name; whom no part takes is missing.

    `official` follows the published results: patients of testing, online and validation are the test, those of
    training are cut into train and validation here. Where a data set has both a validation and a testing part, the
    former is the validation. With folds, fold number `fold` of the training patients is the validation part.
    `random` is stratified by group and source; with folds, fold number `fold` of all patients is the test part.
    `auto` is official if all patients have an official part and both sides are there. `by_source` tests on all
    patients of some sources, and cuts those of others into train and validation as `official` does.

    Raises:
        UserError: a part would stay empty, or a source is unknown.
    """
    named = {patient.official_part for patient in patients}
    both_sides = "training" in named and len(named) > 1
    rng = random.Random(params.seed)
    if params.method == "by_source":
        learning, held, test = _by_source(patients, params, rng)
    elif params.method == "official" or (params.method == "auto" and "" not in named and both_sides):
        learning, held, test = _official(patients, params, rng)
    else:
        test = _fold(patients, params, rng) if params.folds else _share(patients, params.test_fraction, rng)
        learning = [patient for patient in patients if patient not in test]
        held = _share(learning, params.validation_fraction, rng)
    parts = {patient.name: TRAIN for patient in learning}
    parts |= {patient.name: VALIDATION for patient in held}
    parts |= {patient.name: TEST for patient in test}
    for part in (TRAIN, VALIDATION, TEST):
        if part not in parts.values():
            raise UserError(
                f"split: {len(patients)} contoured patients leave no one for {part}: change split or add data"
            )
    return dict(sorted(parts.items()))


_Parts = tuple[list[Patient], list[Patient], list[Patient]]  # to learn from, validation, test


def _official(patients: Sequence[Patient], params: SplitParams, rng: random.Random) -> _Parts:
    """Return the parts that the data sets have themselves."""
    strangers = [patient.name for patient in patients if not patient.official_part]
    if strangers:
        raise UserError(f"split.method: official, but {strangers[0]} has no official part: use random")
    tested = {patient.collection for patient in patients if patient.official_part == "testing"}
    validation = [p for p in patients if p.official_part == "validation" and p.collection in tested]
    learning = [patient for patient in patients if patient.official_part == "training"]
    test = [patient for patient in patients if patient not in learning and patient not in validation]
    validated = {patient.collection for patient in validation}
    cut = [patient for patient in learning if patient.collection not in validated]
    return learning, validation + (_held(cut, params, rng) if cut else []), test


def _by_source(patients: Sequence[Patient], params: SplitParams, rng: random.Random) -> _Parts:
    """Return the parts by the places that patients come from."""
    known = sorted({patient.collection for patient in patients})
    for key in ("train_on", "test_on"):
        for name in getattr(params, key):
            if name not in known:
                raise UserError(f"split.{key}: no patient comes from {name}; there are {', '.join(known)}")
    learning = [patient for patient in patients if patient.collection in params.train_on]
    test = [patient for patient in patients if patient.collection in params.test_on]
    return learning, _held(learning, params, rng), test


def _held(learning: Sequence[Patient], params: SplitParams, rng: random.Random) -> list[Patient]:
    """Return the validation part of patients to learn from."""
    if params.folds:
        return _fold(learning, params, rng)
    return _share(learning, params.validation_fraction, rng)


def _by_group(patients: Sequence[Patient], rng: random.Random) -> list[Patient]:
    """Return the patients source after source and group after group, shuffled within each.

    Even steps through them are stratified.
    """
    order = sorted(patients, key=lambda patient: patient.name)
    rng.shuffle(order)
    return sorted(order, key=lambda patient: (patient.collection, patient.group))


def _share(patients: Sequence[Patient], fraction: float, rng: random.Random) -> list[Patient]:
    """Return about `fraction` of the patients, at least one, stratified by source and group."""
    order = _by_group(patients, rng)
    count = max(round(fraction * len(order)), 1)
    start = rng.random()
    return [order[int((n + start) * len(order) / count)] for n in range(count)]


def _fold(patients: Sequence[Patient], params: SplitParams, rng: random.Random) -> list[Patient]:
    """Return fold number `fold`; the folds of one seed are disjoint and cover all patients."""
    return _by_group(patients, rng)[params.fold :: params.folds]


def write_split(path: Path, patients: Sequence[Patient], parts: dict[str, str]) -> None:
    """Write the table patient, group, part."""
    groups = {patient.name: patient.group for patient in patients}
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("patient", "group", "part"))
        table.writerows((name, groups[name], part) for name, part in parts.items())
