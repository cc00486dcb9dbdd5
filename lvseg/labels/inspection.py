"""All patients of folders and archives in facts, for a person or a machine to look at before anything runs."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from lvseg.core.archives import SetAside, walk
from lvseg.core.parallel import each
from lvseg.labels.layouts import PatientFiles, find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.patient_summary import divided, summarise, summary_line
from lvseg.labels.sources.nifti_layouts import NiftiPatient, find_nifti
from lvseg.labels.sources.nifti_summary import nifti_facts
from lvseg.labels.sunnybrook_text import EPI


def inspect(paths: Sequence[Path], first_pixel: int, workers: int) -> dict[str, Any]:
    """Return facts of all patients of folders and archives.

    Returns:
        `patients` (see `summarise`), `set_aside` (file and reason), `known` (the same of files that are no input, and
        need not be), and a `summary` in one line.
    """
    found, aside = find_patients(paths)
    nifti = find_nifti(walk(paths)[0], {})
    used = {item.label for item in nifti.used}
    aside = [entry for entry in aside if entry.file not in used] + nifti.aside
    files: list[PatientFiles | NiftiPatient] = [*found, *nifti.patients]
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


def _facts(first_pixel: int, files: PatientFiles | NiftiPatient) -> tuple[dict[str, Any], list[SetAside]]:
    """Return the facts of a patient, and which structures are known on how many of his frames."""
    if isinstance(files, NiftiPatient):
        return nifti_facts(files)
    study = read_study(files, first_pixel, all_pixels=False)
    walls = sum((frame.number, EPI) in study.points for frame in study.joined)
    known = {"cavity": len(study.joined), "myocardium": walls, "right_ventricle": 0}
    phases = sorted({frame.phase for frame in study.joined})
    return summarise(study) | {"structures": known, "phases_drawn": phases}, study.aside
