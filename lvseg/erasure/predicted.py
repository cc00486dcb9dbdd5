"""Output folders of `lvseg predict` without one patient."""

from collections.abc import Iterator
from pathlib import Path

from lvseg.erasure.traces import Traces
from lvseg.privacy.contents import UnopenedError
from lvseg.studies.cohort.journal import FOLDER, Journal, JournalEntry
from lvseg.studies.outputs import measurements_table

_OBJECTS = "*.dcm"  # those that name their patient


def output_folders(places: list[Path]) -> list[Path]:
    """Return the output folders among and below some folders."""
    return sorted(
        {folder.parent for place in places for folder in place.glob(f"**/{FOLDER}/") if place.is_dir()}
    )


def studies_of(out: Path, traces: Traces) -> list[str]:
    """Return the names of the studies of an output folder that are the patient's."""
    return sorted({study for _, studies in _his(out, traces) for study in studies})


def remove(out: Path, traces: Traces) -> None:
    """Remove his studies with all that is known of them, and write the tables anew."""
    journal = Journal(out)
    for entry, studies in list(_his(out, traces)):
        journal.forget(entry, studies)
    journal.write_tables()
    measurements_table.write(out)


def _his(out: Path, traces: Traces) -> Iterator[tuple[JournalEntry, list[str]]]:
    """Yield the inputs with studies of his, and those: the files of a DICOMDIR may be of several patients."""
    for entry in Journal(out).entries():
        whole = traces.in_path(entry.patient) or traces.in_path(entry.input)
        studies = [study for study in entry.studies if whole or _names_him(out, study, traces)]
        if studies or whole:
            yield entry, studies


def _names_him(out: Path, study: str, traces: Traces) -> bool:
    for path in (out / FOLDER / study).rglob(_OBJECTS):
        try:
            if traces.in_file(path, path.name):
                return True
        except UnopenedError:
            continue
    return False
