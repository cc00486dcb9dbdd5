"""Tables beside NIfTI volumes that say whose they are, as M&Ms' does: a row for each patient."""

import csv
import io
import re
from collections.abc import Mapping, Sequence

from lvseg.core.paths.archives import Item, SetAside, UnreadableError, shared
from lvseg.nifti import facts

Row = dict[str, str]  # columns without blanks, in small letters

_DELIMITERS = ",;\t"
# What is taken from a row: in any other column rows may differ as they like.
_TAKEN = ("ed", "es", "pathology", "vendorname", "vendor", "sex", "height", "weight")


class Tables:
    """All tables of a search, asked by patient."""

    def __init__(self) -> None:
        self._tables: list[tuple[Item, dict[str, list[Row]]]] = []

    def add(self, item: Item) -> bool:
        """Take in a file, and return whether it is such a table: one with a column `External code`."""
        rows = _rows(item)
        if rows is None:
            return False
        by_patient: dict[str, list[Row]] = {}
        for row in rows:
            by_patient.setdefault(row["externalcode"].upper(), []).append(row)
        self._tables.append((item, by_patient))
        return True

    def row(self, patient: str, folder: Sequence[str], aside: list[SetAside]) -> Row:
        """Return what is said of a patient, by the table that lies nearest to him: ids occur in other data sets again.

        Where two rows contradict each other nobody can tell which of them is meant: neither is believed there.

        Args:
            patient: as the files name him.
            folder: in which these lie, part by part.
            aside: takes in contradictions.
        """
        own = [(item, rows[patient.upper()]) for item, rows in self._tables if patient.upper() in rows]
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


def _rows(item: Item) -> list[Row] | None:
    """Return the rows of a table that name a patient; None for somebody else's table, and for what is no table."""
    try:
        text = facts.text_of(item)
        for delimiter in _DELIMITERS:
            rows = [
                {_plain(key): str(value or "").strip() for key, value in row.items()}
                for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
            ]
            if rows and "externalcode" in rows[0]:
                return [row for row in rows if row["externalcode"]]
    except (UnreadableError, csv.Error):
        pass
    return None


def _plain(key: object) -> str:
    return re.sub("[^a-z]", "", str(key).lower())
