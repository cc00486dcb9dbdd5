"""A study in numbers and words: what `inspect` prints and the quality report keeps."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lvseg.core.plural import counted
from lvseg.core.texts import shown
from lvseg.imaging.structures import Structure
from lvseg.labels.layouts import TRUTH
from lvseg.labels.sources.structures import Region
from lvseg.labels.study import Study
from lvseg.labels.sunnybrook_text import ENDO

_SEVERAL = 3  # patients, whose common notes are told once
_WORDS = ", ".join(region.value for region in Region)  # of the user's table


def summarise(study: Study) -> dict[str, Any]:
    """Return the facts of one study as JSON values; image numbers in ascending order."""
    kinds = Counter(kind for _, kind in study.points)
    known = Counter(structure for frame in study.labelled for structure in study.known(frame.number))
    phases = {name: phase for phase, name in study.cycle.items()}
    spacing = study.frames[0].image.spacing if study.frames else None
    return {
        "id": study.id,
        "group": study.group,
        "series": study.series,
        "why": study.why,
        "source": study.source,
        "rescaled_to_8_bit": study.rescaled,
        "other_series": study.other_series,
        "frames": len(study.frames),
        "slices": len({frame.slice for frame in study.frames}),
        "phases": study.phases,
        "spacing_mm": list(spacing) if spacing else None,
        "contours": dict(sorted(kinds.items())),
        "contours_joined": len(study.joined),
        "ed_phase": phases.get("ED"),
        "es_phase": phases.get("ES"),
        "flags": {name: sorted(flagged) for name, flagged in sorted(study.flags.items())},
        "evidence": {
            name: {str(number): text for number, text in sorted(flagged.items())}
            for name, flagged in sorted(study.flags.items())
        },
        "duplicates": study.duplicates,
        "vendor": study.vendor,
        "collection": study.collection,
        "structures": {structure.key: known[structure] for structure in Structure},
        "phases_drawn": sorted({frame.phase for frame in study.labelled}),
        "unmapped": study.unmapped,
        "notes": study.notes,
    }


def describe(facts: dict[str, Any], shared: Sequence[str] = ()) -> str:
    """Return the facts of one patient, as `inspect` gives them, as a few lines of text that a terminal may show.

    Args:
        facts: of the patient.
        shared: notes that are told elsewhere.
    """
    contours = ", ".join(f"{count} {kind}" for kind, count in facts["contours"].items()) or "none"
    size = f"{facts['frames']} frames, {facts['slices']} slices x {facts['phases']} phases"
    spacing = facts["spacing_mm"]
    if spacing:
        size += f", {spacing[0]:.4g} x {spacing[1]:.4g} mm"
    lines = [
        ("", size + (", pixels rescaled to 8 bit" if facts["rescaled_to_8_bit"] else "")),
        ("source", facts["collection"] + (f", {facts['vendor']}" if facts["vendor"] else "")),
        ("series", f"{facts['series'] or '-'}: {facts['why']}"),
        (
            "contours",
            f"{contours}; {facts['contours_joined']} of {facts['contours'].get(ENDO, 0)} {ENDO} joined",
        ),
        ("cycle", f"ED phase {facts['ed_phase'] or '?'}, ES phase {facts['es_phase'] or '?'}"),
    ]
    known = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in facts["structures"].items())
    drawn = ", ".join(map(str, facts["phases_drawn"])) or "none"
    lines.append(("known", f"{known} frames; phases drawn: {drawn}"))
    if facts["other_series"]:
        others = ", ".join(f"{name} ({count})" for name, count in facts["other_series"].items())
        lines.append(("not chosen", others))
    for name, numbers in facts["flags"].items():
        first = ", ".join(map(str, numbers[:6])) + (", ..." if len(numbers) > 6 else "")
        lines.append((name, f"image {first}: {facts['evidence'][name][str(numbers[0])]}"))
    lines += [("also in", place) for place in facts["duplicates"]]
    lines += [
        ("unmapped", f"label {label}, {count} times: its drawings are refused until it is mapped")
        for label, count in facts["unmapped"].items()
    ]
    lines += [("note", note) for note in facts["notes"] if note not in shared]
    head = f"{facts['id']}  {facts['group']}".rstrip()
    return "\n".join(map(shown, [head, *(f"  {name:<11} {text}" for name, text in lines)]))


def _key(label: str) -> str:
    """Return what names a reported label in the user's table: `3 (Kammer)` by its number, `RV wall` by its name."""
    number = re.match(r"(\d+)( \(.*\))?$", label)
    return number[1] if number else json.dumps(re.sub(r" \(segment \d+\)$", "", label), ensure_ascii=False)


def shared_notes(patients: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the notes that all patients of a place have, by its name: of three patients and more one line says it."""
    by_place: dict[str, list[dict[str, Any]]] = {}
    for facts in patients:
        by_place.setdefault(facts["collection"], []).append(facts)
    return {
        place: [note for note in own[0]["notes"] if all(note in facts["notes"] for facts in own)]
        for place, own in by_place.items()
        if len(own) >= _SEVERAL
    }


def totals(patients: Sequence[dict[str, Any]]) -> list[str]:
    """Return lines on all patients together: on how many frames each structure is known, and labels without meaning."""
    known = [
        f"{structure.words} on {sum(counts)} frames of {_patients(counts)}"
        for structure in Structure
        if any(counts := [facts["structures"][structure.key] for facts in patients])
    ]
    lines = [f"known: {', '.join(known) or 'nothing that was drawn lies on an image'}"]
    lines += [
        f"note: every patient of {place}: {note}"
        for place, notes in shared_notes(patients).items()
        for note in notes
    ]
    labels = sorted({label for facts in patients for label in facts["unmapped"]})
    for label in labels:
        counts = [facts["unmapped"].get(label, 0) for facts in patients]
        key = _key(label)
        lines.append(
            f"unmapped: label {label}, {sum(counts)} times, of {_patients(counts)}: "
            f"`--label {shlex.quote(f'{json.loads(key)}=STRUCTURE')}` tries a meaning, "
            f"`data: labels: {{{key}: STRUCTURE}}` in params.yaml keeps it; a STRUCTURE is one of {_WORDS}"
        )
    return lines


def _patients(counts: Sequence[int]) -> str:
    """Return how many patients have a count, in words."""
    return counted(sum(map(bool, counts)), "patient")


def divided(entries: Sequence[dict[str, str]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the files that were set aside, and those that are known to be no input; each has `file` and `reason`."""
    known = [entry for entry in entries if entry["reason"] == TRUTH]
    return [entry for entry in entries if entry not in known], known


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
        f"{counted(len(patients), 'patient')}, {joined} of {drawn} endocardial contours joined, flags: {raised}, "
        f"{counted(twice, 'patient')} in two places, {set_aside} set aside"
    )
