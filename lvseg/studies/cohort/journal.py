"""What was done with which input, so that a run that was killed goes on where it was.

It lies in `private/` of the output folder, for its owner alone, beside the objects that name their patients: that
folder alone tells which patient and path a study's name stands for. An entry is complete only while the outputs are
those of its `key`.
"""

import csv
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.hashes import canonical_json, sha256_text
from lvseg.core.paths.archives import Item
from lvseg.core.paths.files import atomic_path, write_text
from lvseg.core.paths.places import state_home
from lvseg.core.texts import cell, shown
from lvseg.data.pseudonyms import study_name

FOLDER = "private"
_KEY_CHECK = "key.check"  # holds what the key makes of a known text: another key makes another name
_NAME_DIGITS = 32  # of the hash of an input's path, which names its entry


@dataclass(frozen=True)
class JournalEntry:
    """What became of an input.

    Attributes:
        input: its path, absolute.
        key: of the files and the way in which they were used, see `Journal.key`; empty while it is not done.
        patient: his id in the files.
        studies: the names of its studies.
        set_aside: [file, reason] of each that was not used.
    """

    input: str
    key: str = ""
    patient: str = ""
    studies: list[str] = field(default_factory=list)
    set_aside: list[list[str]] = field(default_factory=list)


class Journal:
    """The entries of one output folder, one for each input.

    Workers on several machines may share it: each entry is a file, written whole.
    """

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
        mark, name = self._out / FOLDER / _KEY_CHECK, study_name("which key names the studies here")
        if not mark.exists():
            write_text(mark, name)
        elif mark.read_text(encoding="utf-8") != name:
            raise UserError(
                f"{self._out} was begun with another key than {state_home() / 'pseudonym.key'}, and every study "
                "would get a second name: copy that key to this machine, or name another folder with --out"
            )

    def key(self, items: Sequence[Item], order: str) -> str:
        """Return a hash that changes with the files of an input, and with the identity of the order."""
        content = [[item.place, item.name, item.size, item.stamp] for item in items]
        return sha256_text(canonical_json([content, order]))

    def find(self, path: Path, key: str) -> JournalEntry | None:
        """Return the entry of an input that was done with this key, if all its studies are still there, else None."""
        entry = self._entry(path)
        return entry if entry.key == key and self._whole(entry) else None

    def begin(self, path: Path) -> None:
        """Note that the outputs of an input are about to change."""
        entry = self._entry(path)
        if entry.key:
            self._write(replace(entry, key=""))

    def done(self, entry: JournalEntry) -> None:
        """Note that an input is done, and remove what it was called before."""
        for name in set(self._entry(Path(entry.input)).studies) - set(entry.studies):
            if self._holds(entry.input, name):
                self._remove(name)
        self._write(entry)

    def failed(self, path: Path, name: str) -> None:
        """Note an input that cannot be read at present: what was made of it before stays.

        Args:
            path: of the input.
            name: of the record that says so.
        """
        entry = self._entry(path)
        self._write(replace(entry, key="", studies=sorted({*entry.studies, name})))

    def claim(self, study: str, path: Path) -> str | None:
        """Take a study's name for an input.

        Returns:
            None; or the path of another input that has the name and is still there, for a person to read.
        """
        holder, resolved = self._names / study, str(path.resolve())
        try:
            with holder.open("xb") as file:  # of two workers at once one has it
                file.write(os.fsencode(resolved))
            return None
        except FileExistsError:
            other = os.fsdecode(holder.read_bytes())
        if other not in ("", resolved) and Path(other).exists():
            return shown(other)
        write_text(holder, resolved)
        return None

    def forget(self, entry: JournalEntry, studies: Sequence[str]) -> None:
        """Remove studies of an input with all their outputs; an input of which none is left, itself."""
        for name in studies:
            self._remove(name)
        if left := [name for name in entry.studies if name not in studies]:
            self._write(replace(entry, key="", patient="", studies=left, set_aside=[]))
        else:
            self._place(entry.input).unlink(missing_ok=True)

    def entries(self) -> Iterator[JournalEntry]:
        """Yield all entries with the studies that are still theirs, in stable order."""
        for path in sorted(self._home.glob("*.json")):
            entry = _read(path)
            if entry and (names := [name for name in entry.studies if self._holds(entry.input, name)]):
                yield replace(entry, studies=names)

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
            [[" ".join(entry.studies), *file] for entry in entries for file in entry.set_aside],
        )

    def _entry(self, path: Path) -> JournalEntry:
        """Return the entry of an input, an empty one where there is none."""
        resolved = str(path.resolve())
        return _read(self._place(resolved)) or JournalEntry(resolved)

    def _remove(self, study: str) -> None:
        """Remove all outputs of a study, and its name."""
        for folder in (self._out / study, self._out / FOLDER / study):
            shutil.rmtree(folder, ignore_errors=True)
        (self._names / study).unlink(missing_ok=True)

    def _whole(self, entry: JournalEntry) -> bool:
        """Return whether the folders of all studies of an entry are there."""
        return all((self._out / name).is_dir() for name in entry.studies)

    def _holds(self, path: str, study: str) -> bool:
        """Return whether a study's name is still that of the input at `path`: no other has taken it since."""
        try:
            return os.fsdecode((self._names / study).read_bytes()) == path
        except FileNotFoundError:  # the name of an input that could not be read: nobody else can have it
            return True

    def _write(self, entry: JournalEntry) -> None:
        """Write the file of an entry."""
        write_text(self._place(entry.input), json.dumps(asdict(entry)) + "\n")

    def _place(self, path: str) -> Path:
        """Return the file of the entry of the input at `path`."""
        return self._home / f"{sha256_text(path)[:_NAME_DIGITS]}.json"

    def _table(self, name: str, head: list[str], rows: list[list[str]]) -> None:
        """Write a table into the private folder, readable for its owner only."""
        with atomic_path(self._out / FOLDER / name) as temporary:
            with temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(head)
                table.writerows([cell(shown(text)) for text in row] for row in rows)
            temporary.chmod(0o600)


def _is_within(name: str) -> bool:
    """Return whether a name is that of a folder in the output folder, and neither hidden nor the journal's own."""
    return (
        Path(name).name == name and not name.startswith(".") and name not in ("", FOLDER) and "\0" not in name
    )


def _read(path: Path) -> JournalEntry | None:
    """Return the entry in a file; None where there is none, or one of another version's form.

    Its studies name folders that may be removed: whoever wrote the file, they lie within the output folder.
    """
    try:
        entry = JournalEntry(**json.loads(path.read_text(encoding="utf-8")))
        return entry if all(map(_is_within, entry.studies)) else None
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None
