"""What DVC keeps, and what lies in worktrees, of one patient."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lvseg.erasure.traces import Traces, shows_images
from lvseg.privacy.contents import UnopenedError
from tracking.erasure.dvc_history import Entry, State, state_of, states, worktrees
from tracking.erasure.dvc_objects import Objects

_SHOWING = ("reports/", "scores/")  # made of several patients: pictures and masks in them name nobody
_FOLDER = ".dir"


@dataclass
class Kept:
    """What was found.

    Attributes:
        oids: hashes of what holds him.
        files: files of worktrees that hold him, the raw data of this one apart.
        unopened: what nobody can look into.
    """

    oids: set[str] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)
    unopened: set[str] = field(default_factory=set)


class Survey:
    """Looks through all states of the data for one patient; every content is read once.

    Attributes:
        kept: what was found so far.
    """

    def __init__(self, root: Path, raw: Sequence[Path], objects: Objects, traces: Traces) -> None:
        self._root, self._objects, self._traces = root, objects, traces
        self._raw = [root.resolve() / place for place in raw]
        self._named: dict[str, bool] = {}
        self.kept = Kept()

    def look(self, more: Iterable[State]) -> Kept:
        """Look through what this repository knows, and through `more` states that others know of.

        Where the data of a state held him, its pictures and masks may be of him, unnamed: they go as well.
        """
        by_content, by_path, of_others = set[str](), set[str](), set[str]()
        lists: dict[str, set[str]] = {}
        for state in {*states(self._root, self._objects.run_cache), *more}:
            about_him = self.about_him(state)
            for entry in state:
                for path, oid in self._files(entry):
                    lists.setdefault(entry.oid, set()).add(oid)
                    if self._holds(path, oid) or (about_him and self._shows(path, oid)):
                        by_content.add(oid)
                    elif self._traces.in_path(path):
                        by_path.add(oid)
                        lists[entry.oid].add("named")  # by the list of the folder
                    else:
                        of_others.add(oid)
        # A file of his that others have too, such as an empty one, tells nothing of him.
        self.kept.oids = by_content | (by_path - of_others)
        self.kept.oids |= {
            oid
            for oid, files in lists.items()
            if oid.endswith(_FOLDER) and files & (self.kept.oids | {"named"})
        }
        self.kept.files = sorted(self._in_worktrees())
        return self.kept

    def about_him(self, state: State) -> bool:
        """Return whether the data of a state held him; so it counts where no folder of it can be listed any more."""
        for entry in state:
            if any(self._traces.in_path(path) or self._holds(path, oid) for path, oid in self._files(entry)):
                return True
        folders = [entry.oid for entry in state if entry.oid.endswith(_FOLDER)]
        return all(self._objects.listing(oid) is None for oid in folders)

    def _files(self, entry: Entry) -> list[tuple[str, str]]:
        """Return path and hash of the files of an entry; of a folder whose list is gone there is none."""
        if not entry.oid.endswith(_FOLDER):
            return [(entry.path, entry.oid)]
        listed = self._objects.listing(entry.oid) or []
        return [(f"{entry.path}/{path}", oid) for path, oid in listed]

    def _holds(self, path: str, oid: str) -> bool:
        """Return whether a content names him."""
        if oid not in self._named:
            self._named[oid] = False
            with self._objects.opened(oid) as file:
                if file:
                    self._named[oid] = self._in_file(file, path)
        return self._named[oid]

    def _in_file(self, file: Path, path: str) -> bool:
        try:
            return self._traces.in_file(file, path)
        except UnopenedError as error:
            self.kept.unopened.add(str(error))
            return False

    def _shows(self, path: str, oid: str) -> bool:
        """Return whether a file may show a patient whom it does not name."""
        if not path.startswith(_SHOWING):
            return False
        with self._objects.opened(oid) as file:
            return file is not None and (path.endswith(".npz") or shows_images(path, file.read_bytes()))

    def _in_worktrees(self) -> Iterator[Path]:
        """Yield the files of outs and of other worktrees' raw data that hold him."""
        for tree in worktrees(self._root):
            state = state_of(tree)
            about_him = self.about_him(state)
            raw_places = self._raw if tree.resolve() == self._root.resolve() else []
            for top in {tree / entry.path for entry in state}:
                for file in (path for path in (top, *top.rglob("*")) if path.is_file() or path.is_symlink()):
                    name = file.relative_to(tree).as_posix()
                    if any(
                        file.parent.resolve().is_relative_to(place) or file == place for place in raw_places
                    ):
                        continue
                    if self._traces.in_path(name) or self._in_tree(file, name, about_him):
                        yield file

    def _in_tree(self, file: Path, name: str, about_him: bool) -> bool:
        if not file.is_file():  # a link into the cache, to what is gone
            return False
        shown = about_him and name.startswith(_SHOWING)
        return self._in_file(file, name) or (
            shown and (name.endswith(".npz") or shows_images(name, file.read_bytes()))
        )
