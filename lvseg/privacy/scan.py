"""A scan of many contents: what was looked at, and where something was found, told without telling it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lvseg.data.pseudonyms import pseudonym
from lvseg.privacy.contents import MOST, UnopenedError, layers
from lvseg.privacy.search import Search
from lvseg.privacy.values import Kind, Value


@dataclass(frozen=True, order=True)
class Find:
    """A value of the input in a place where it must not be.

    Attributes:
        place: where, itself without the value.
        kind: of the value.
        mark: its first character and its keyed hash, by which the same value is recognised elsewhere.
    """

    place: str
    kind: Kind
    mark: str


@dataclass
class Scan:
    """Looks for values in one content after the other.

    Attributes:
        search: the values.
        contents, sizes: how many contents there were of each sort, what is packed in them included, and their bytes.
        finds: sorted and each one once by `report`.
        unopened: contents that nobody can look into.
    """

    search: Search
    contents: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    finds: set[Find] = field(default_factory=set)
    unopened: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything could be looked into and nothing was found."""
        return not self.finds and not self.unopened

    def look(self, sort: str, place: str, content: bytes) -> None:
        """Look into a content, into all that is packed in it, and at what the places are called."""
        try:
            for where, inner in layers(place, content):
                self.contents[sort] += 1
                self.sizes[sort] += len(inner)
                name = where if where == place else where.removeprefix(place)  # what it adds to what was seen
                for value in self.search.find(inner) | self.search.find(name.encode()):
                    self.finds.add(Find(self._masked(where), value.kind, _mark(value)))
        except UnopenedError as error:
            self.unopened.append(self._masked(str(error)))

    def look_at(self, sort: str, path: Path) -> None:
        """Look into a file, unless it is too large to be held in memory: then nobody knows what it holds."""
        if path.stat().st_size > MOST:
            self.unopened.append(self._masked(f"{path.as_posix()} has more than {MOST:,} bytes"))
        else:
            self.look(sort, path.as_posix(), path.read_bytes())

    def report(self) -> Iterator[str]:
        """Yield what was looked for, in what, and every find, line by line."""
        yield f"looked for {_counted(self.search.looked_for)}"
        if self.search.allowed:
            yield f"public, not looked for: {_counted(self.search.allowed)}"
        if self.search.left_out:
            yield f"too short or too general to look for: {_counted(self.search.left_out)}"
        for sort, count in self.contents.items():
            yield f"{sort}: {count:,} contents, {self.sizes[sort] / 1e6:,.1f} MB"
        for find in sorted(self.finds):
            yield f"FOUND {find.kind} {find.mark} in {find.place}"
        for what in sorted(self.unopened):
            yield f"UNOPENED {what}"

    def _masked(self, place: str) -> str:
        """Return the name of a place without the values that it holds."""
        parts = [part[:1] + "..." if self.search.find(part.encode()) else part for part in place.split("/")]
        masked = "/".join(parts)
        return f"{place[:1]}..." if self.search.find(masked.encode()) else masked


def files_below(path: Path) -> Iterator[Path]:
    """Yield a file, or all files below a folder, in stable order; nothing where there is none."""
    paths = sorted(path.rglob("*")) if path.is_dir() else [path]
    return (file for file in paths if file.is_file())


def _mark(value: Value) -> str:
    return f"{value.text[:1]}... ({pseudonym(value.text, public=False)})"


def _counted(kinds: Counter[str]) -> str:
    shown = ", ".join(f"{kind} {kinds[kind]:,}" for kind in Kind if kinds[kind])
    return f"{kinds.total():,} values ({shown})" if shown else "0 values"
