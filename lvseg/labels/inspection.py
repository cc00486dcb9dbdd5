"""All patients of folders and archives in facts, for a person or a machine to look at before anything runs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from lvseg.core.archives import SetAside
from lvseg.core.parallel import each
from lvseg.labels.layouts import TRUTH, PatientFiles, find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.patient_summary import summarise
from lvseg.labels.sunnybrook_text import ENDO


def inspect(paths: Sequence[Path], first_pixel: int, workers: int) -> dict[str, Any]:
    """Return facts of all patients of folders and archives.

    Returns:
        `patients` (see `summarise`), `set_aside` (file and reason), `known` (the same of files that are no input, and
        need not be), and a `summary` in one line.
    """
    files, aside = find_patients(paths)
    patients: list[dict[str, Any]] = []
    for position, result in each(partial(_facts, first_pixel), files, workers, "inspect"):
        if result is None:
            aside.append(SetAside(files[position].id, "its files crash a decoder: patient left out"))
        else:
            patients.append(result[0])
            aside += result[1]
    patients.sort(key=lambda facts: facts["id"])
    entries = [asdict(entry) for entry in sorted(aside, key=lambda entry: (entry.file, entry.reason))]
    set_aside, known = divided(entries)
    return {
        "patients": patients,
        "set_aside": set_aside,
        "known": known,
        "summary": summary_line(patients, len(set_aside)),
    }


def divided(entries: Sequence[dict[str, str]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the files that were set aside, and those that are known to be no input; each has `file` and `reason`."""
    known = [entry for entry in entries if entry["reason"] == TRUTH]
    return [entry for entry in entries if entry not in known], known


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
