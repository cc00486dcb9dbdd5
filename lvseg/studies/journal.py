"""What was done with which input, so that a run that was killed goes on where it was.

It lies in `private/` of the output folder, for its owner's eyes: it alone tells which patient and path a study's name
stands for. An entry is written when all studies of an input are, so that what has an entry is whole.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lvseg.files import atomic_path, write_text
from lvseg.identity import canonical_json, sha256_text
from lvseg.reading.archives import Item, SetAside

FOLDER = "private"


@dataclass(frozen=True)
class Entry:
    """What became of an input.

    Attributes:
        input: its path, as it was given.
        patient: his id in the files.
        studies: the names of its studies.
        set_aside: file and reason of each that was not used.
    """

    input: str
    patient: str
    studies: list[str]
    set_aside: list[list[str]]


class Journal:
    """The entries of one output folder."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._home = out / FOLDER / "done"

    def open(self) -> None:
        """Make the folder, with access for its owner only."""
        self._home.mkdir(parents=True, exist_ok=True)
        (self._out / FOLDER).chmod(0o700)

    def key(self, path: Path, items: Sequence[Item], how: str) -> str:
        """Return what an entry is found by: it changes with the files of an input, and with `how` they are used."""
        content = [[item.place, item.name, item.size, item.stamp] for item in items]
        return sha256_text(canonical_json([str(path.resolve()), content, how]))

    def find(self, key: str) -> Entry | None:
        """Return the entry of an input that was done, if all its studies are still there."""
        try:
            entry = Entry(**json.loads((self._home / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return entry if all((self._out / name).is_dir() for name in entry.studies) else None

    def add(self, key: str, entry: Entry) -> None:
        """Note that an input is done."""
        write_text(self._home / f"{key}.json", json.dumps(asdict(entry), ensure_ascii=False) + "\n")

    def claim(self, study: str, path: Path) -> str | None:
        """Take a study's name for an input; return the other input that has it and is still there, if any."""
        holder = self._out / FOLDER / "names" / study
        own = str(path.resolve())
        try:
            other = holder.read_text(encoding="utf-8")
        except FileNotFoundError:
            other = own
        if other != own and Path(other).exists():
            return other
        write_text(holder, own)
        return None

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, in stable order."""
        for path in sorted(self._home.glob("*.json")):
            yield Entry(**json.loads(path.read_text(encoding="utf-8")))

    def write_tables(self) -> None:
        """Write who is who (`sources.csv`) and what was not used (`set_aside.csv`)."""
        entries = sorted(self.entries(), key=lambda entry: (entry.studies, entry.input))
        self._table(
            "sources.csv",
            ["study", "patient", "input"],
            [[study, entry.patient, entry.input] for entry in entries for study in entry.studies],
        )
        self._table(
            "set_aside.csv",
            ["study", "file", "reason"],
            [[" ".join(entry.studies), *aside] for entry in entries for aside in entry.set_aside],
        )

    def _table(self, name: str, head: list[str], rows: list[list[str]]) -> None:
        with atomic_path(self._out / FOLDER / name) as temporary:
            with temporary.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(head)
                table.writerows(rows)
            temporary.chmod(0o600)


def aside_rows(aside: Sequence[SetAside]) -> list[list[str]]:
    """Return files set aside as an entry keeps them."""
    return [[entry.file, entry.reason] for entry in aside]
