"""What was done with which input, so that a run that was killed goes on where it was.

It lies in `private/` of the output folder, for its owner's eyes: it alone tells which patient and path a study's name
stands for. An entry is complete only while the outputs are those of its `key`.
"""

import csv
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lvseg.core.archives import Item
from lvseg.core.errors import UserError
from lvseg.core.files import atomic_path, shown, write_text
from lvseg.core.hashes import canonical_json, sha256_text
from lvseg.core.places import state_home
from lvseg.data.pseudonyms import study_name

FOLDER = "private"


@dataclass(frozen=True)
class Entry:
    """What became of an input.

    Attributes:
        input: its path, absolute.
        key: of the files and the way in which they were used, see `Journal.key`; empty while it is not done.
        patient: his id in the files.
        studies: the names of its studies.
        set_aside: file and reason of each that was not used.
    """

    input: str
    key: str = ""
    patient: str = ""
    studies: list[str] = field(default_factory=list)
    set_aside: list[list[str]] = field(default_factory=list)


class Journal:
    """The entries of one output folder, one for each input."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._home = out / FOLDER / "done"
        self._names = out / FOLDER / "names"

    def open(self) -> None:
        """Make the folder, with access for its owner only.

        Raises:
            UserError: the folder was begun with another key for names: a study would have two.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        self._names.mkdir(exist_ok=True)
        (self._out / FOLDER).chmod(0o700)
        mark, own = self._out / FOLDER / "key.check", study_name("which key names the studies here")
        if not mark.exists():
            write_text(mark, own)
        elif mark.read_text(encoding="utf-8") != own:
            raise UserError(
                f"{self._out} was begun with another key than {state_home() / 'pseudonym.key'}, and every study "
                "would get a second name: copy that key to this machine, or name another folder with --out"
            )

    def key(self, items: Sequence[Item], how: str) -> str:
        """Return what changes with the files of an input, and with `how` they are used."""
        content = [[item.place, item.name, item.size, item.stamp] for item in items]
        return sha256_text(canonical_json([content, how]))

    def find(self, path: Path, key: str) -> Entry | None:
        """Return the entry of an input that was done in this way, if all its studies are still there."""
        entry = self._entry(path)
        return entry if entry.key == key and self._whole(entry) else None

    def begin(self, path: Path) -> None:
        """Note that the outputs of an input are about to change."""
        entry = self._entry(path)
        if entry.key:
            self._write(replace(entry, key=""))

    def done(self, entry: Entry) -> None:
        """Note that an input is done, and remove what it was called before."""
        for name in set(self._entry(Path(entry.input)).studies) - set(entry.studies):
            if self._holds(entry.input, name):
                shutil.rmtree(self._out / name, ignore_errors=True)
                (self._names / name).unlink(missing_ok=True)
        self._write(entry)

    def failed(self, path: Path, name: str) -> None:
        """Note an input that cannot be read, now: what was made of it before stays."""
        entry = self._entry(path)
        self._write(replace(entry, key="", studies=sorted({*entry.studies, name})))

    def claim(self, study: str, path: Path) -> str | None:
        """Take a study's name for an input; return the other input that has it and is still there, if any."""
        holder, own = self._names / study, str(path.resolve())
        try:
            with holder.open("xb") as file:  # of two workers at once one has it
                file.write(os.fsencode(own))
            return None
        except FileExistsError:
            other = os.fsdecode(holder.read_bytes())
        if other not in ("", own) and Path(other).exists():
            return shown(other)
        write_text(holder, own)
        return None

    def write_tables(self) -> None:
        """Write who is who (`sources.csv`) and what was not used (`set_aside.csv`)."""
        entries = sorted(self._entries(), key=lambda entry: (entry.studies, entry.input))
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

    def _entry(self, path: Path) -> Entry:
        """Return the entry of an input, an empty one where there is none."""
        own = str(path.resolve())
        return _read(self._place(own)) or Entry(own)

    def _entries(self) -> Iterator[Entry]:
        """Yield all entries with the studies that are still theirs, in stable order."""
        for path in sorted(self._home.glob("*.json")):
            entry = _read(path)
            if entry and (own := [name for name in entry.studies if self._holds(entry.input, name)]):
                yield replace(entry, studies=own)

    def _whole(self, entry: Entry) -> bool:
        return all((self._out / name).is_dir() for name in entry.studies)

    def _holds(self, own: str, study: str) -> bool:
        """Return whether no other input has taken a study's name since."""
        try:
            return os.fsdecode((self._names / study).read_bytes()) == own
        except FileNotFoundError:  # the name of an input that could not be read: nobody else can have it
            return True

    def _write(self, entry: Entry) -> None:
        write_text(self._place(entry.input), json.dumps(asdict(entry)) + "\n")

    def _place(self, own: str) -> Path:
        return self._home / f"{sha256_text(own)[:32]}.json"

    def _table(self, name: str, head: list[str], rows: list[list[str]]) -> None:
        with atomic_path(self._out / FOLDER / name) as temporary:
            with temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(head)
                table.writerows(rows)
            temporary.chmod(0o600)


def _read(path: Path) -> Entry | None:
    """Return the entry in a file; None where there is none, or one of another version's form."""
    try:
        return Entry(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
