"""Tables beside NIfTI volumes that say whose they are, as those of M&Ms and M&Ms-2: a row for each patient."""

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence

from lvseg.core.paths.archives import Item, SetAside, UnreadableError, shared
from lvseg.nifti import facts

Row = dict[str, str]  # columns without blanks, in small letters

_DELIMITERS = ",;\t"
# What is taken from a row: in any other column rows may differ as they like.
_TAKEN = ("ed", "es", "pathology", "disease", "vendorname", "vendor", "sex", "height", "weight")
_CODES = ("externalcode", "subjectcode")  # columns that name a patient, of M&Ms and of M&Ms-2
_LARGEST = 64 * 2**20  # bytes: that of M&Ms-2 has a million empty rows


class Tables:
    """All tables of a search, asked by patient."""

    def __init__(self) -> None:
        self._tables: list[tuple[Item, dict[str, list[Row]]]] = []

    def add(self, item: Item) -> bool:
        """Take in a file, and return whether it is such a table: one that names patients as M&Ms' do."""
        rows = _rows(item)
        if rows is None:
            return False
        by_patient: dict[str, list[Row]] = {}
        for code, row in rows:
            by_patient.setdefault(code.upper(), []).append(row)
        self._tables.append((item, by_patient))
        return True

    def row(self, patient: str, folder: Sequence[str], aside: list[SetAside]) -> Row:
        """Return what is said of a patient, by the table that lies nearest to him: ids occur in other data sets again.

        Of one whose name is a number, only tables in his folder or above it say anything: everybody counts from 1.
        Where two rows contradict each other nobody can tell which of them is meant: neither is believed there.

        Args:
            patient: as the files name him.
            folder: in which these lie, part by part.
            aside: takes in contradictions.
        """
        own = []
        for item, rows in self._tables:
            code = _code(patient, rows)
            above = shared(item.parts[:-1], folder) == len(item.parts) - 1
            if code is not None and (above or not patient.isdecimal()):
                own.append((item, rows[code]))
        nearest = max((shared(item.parts[:-1], folder) for item, _ in own), default=0)
        near = [(item, rows) for item, rows in own if shared(item.parts[:-1], folder) == nearest]
        said, differing = _agreed([row for _, rows in near for row in rows])
        if differing:
            columns = ", ".join(differing)
            reason = f"rows of one patient that differ ({patient}: {columns}): they are not believed there"
            aside += [SetAside(item.label, reason) for item, _ in near]
        return said


def _agreed(rows: Sequence[Mapping[str, str]]) -> tuple[Row, list[str]]:
    """Return what rows say together, and the columns in which they differ; an empty cell says nothing."""
    said = {column: {row[column] for row in rows if row.get(column)} for column in _TAKEN}
    one = {column: values.pop() for column, values in said.items() if len(values) == 1}
    return one, [column for column, values in said.items() if len(values) > 1]


def _rows(item: Item) -> list[tuple[str, Row]] | None:
    """Return the rows of a table with the patients that they name; None for others' tables, and for what is none."""
    try:
        text = facts.text_of(item, _LARGEST)
        for delimiter in _DELIMITERS:
            table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
            plain = {column: _plain(column) for column in table.fieldnames or ()}
            code = next((column for column in plain if plain[column] in _CODES), None)
            if code is not None:
                return [
                    (row[code].strip(), {plain[key]: str(row[key] or "").strip() for key in plain})
                    for row in table
                    if (row[code] or "").strip()
                ]
    except (UnreadableError, csv.Error):
        pass
    return None


def _code(patient: str, rows: Collection[str]) -> str | None:
    """Return how a table names a patient; None where it does not. Programs for tables make 27 or 27.0 of `027`."""
    name = patient.upper()
    number = name.lstrip("0") if name.isdecimal() else name
    return next((code for code in (name, number, f"{number}.0", f"{number},0") if code in rows), None)


def _plain(key: object) -> str:
    return re.sub("[^a-z]", "", str(key).lower())
