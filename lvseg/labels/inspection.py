"""All patients of folders and archives in facts, for a person or a machine to look at before anything runs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from lvseg.core.archives import SetAside
from lvseg.core.parallel import each
from lvseg.labels.layouts import PatientFiles, find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.patient_summary import summarise
from lvseg.labels.sunnybrook_text import ENDO


def inspect(paths: Sequence[Path], first_pixel: int, workers: int) -> dict[str, Any]:
    """Return `patients` (see `summarise`), `set_aside` (file and reason) and a `summary` in one line."""
    files, aside = find_patients(paths)
    patients: list[dict[str, Any]] = []
    for position, result in each(partial(_facts, first_pixel), files, workers, "inspect"):
        if result is None:
            aside.append(SetAside(files[position].id, "its files crash a decoder: patient left out"))
        else:
            patients.append(result[0])
            aside += result[1]
    patients.sort(key=lambda facts: facts["id"])
    return {
        "patients": patients,
        "set_aside": [asdict(entry) for entry in sorted(aside, key=lambda entry: (entry.file, entry.reason))],
        "summary": summary_line(patients, len(aside)),
    }


def _facts(first_pixel: int, files: PatientFiles) -> tuple[dict[str, Any], list[SetAside]]:
    study = read_study(files, first_pixel, all_pixels=False)
    return summarise(study), study.aside


def summary_line(patients: Sequence[dict[str, Any]], set_aside: int) -> str:
    """Return patients, contours, flags and files set aside in one line."""
    drawn = sum(facts["contours"].get(ENDO, 0) for facts in patients)
    joined = sum(facts["contours_joined"] for facts in patients)
    flags = Counter({name: 0 for facts in patients for name in facts["flags"]})
    for facts in patients:
        flags.update({name: len(numbers) for name, numbers in facts["flags"].items()})
    raised = ", ".join(f"{name} {count}" for name, count in sorted(flags.items())) or "none"
    twice = sum(1 for facts in patients if facts["duplicates"])
    return (
        f"{len(patients)} patients, {joined} of {drawn} endocardial contours joined, flags: {raised}, "
        f"{twice} patients in two places, {set_aside} set aside"
    )
