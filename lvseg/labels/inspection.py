"""All patients of folders and archives in facts, for a person or a machine to look at before anything runs."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from lvseg.core.parallel import each
from lvseg.core.paths.archives import SetAside
from lvseg.labels.find import Candidate, again, find_all, prints_of, told_twice
from lvseg.labels.patient_summary import divided, summarise, summary_line
from lvseg.labels.sources.structures import Table


def inspect(
    paths: Sequence[Path], first_pixel: int, workers: int, table: Table | None = None
) -> dict[str, Any]:
    """Return facts of all patients of folders and archives.

    Args:
        paths: folders and archives.
        first_pixel: coordinate of the centre of the first pixel in contour files.
        workers: patients that are read at the same time.
        table: the user's own words for labels; None where there are none.

    Returns:
        `patients` (see `summarise`), `set_aside` (file and reason), `known` (the same of files that are no input, and
        need not be), and a `summary` in one line.
    """
    words = table or {}
    candidates, aside = find_all(paths)
    patients: list[dict[str, Any]] = []
    prints: dict[str, list[str]] = {}
    for position, result in each(partial(_facts, first_pixel, words), candidates, workers, "inspect"):
        if result is None:
            aside.append(SetAside(candidates[position].id, "its files crash a decoder: patient left out"))
        else:
            patients.append(result[0])
            aside += result[1]
            prints[result[0]["id"]] = result[2]
    patients.sort(key=lambda facts: facts["id"])
    twice = told_twice(prints, {facts["id"]: sum(facts["structures"].values()) for facts in patients})
    aside += [SetAside(name, again(kept)) for name, kept in twice.items()]
    for facts in patients:
        facts["duplicates"] += sorted(name for name, kept in twice.items() if kept == facts["id"])
    patients = [facts for facts in patients if facts["id"] not in twice]
    entries = [asdict(entry) for entry in sorted(aside, key=lambda entry: (entry.file, entry.reason))]
    set_aside, known = divided(entries)
    return {
        "patients": patients,
        "set_aside": set_aside,
        "known": known,
        "summary": summary_line(patients, len(set_aside)),
    }


def _facts(
    first_pixel: int, table: Table, patient: Candidate
) -> tuple[dict[str, Any], list[SetAside], list[str]]:
    """Return the facts of a patient, what was set aside of his files, and what his images are recognised by."""
    study = patient.read(first_pixel, table, all_pixels=False)
    return summarise(study), study.aside, prints_of(study)
