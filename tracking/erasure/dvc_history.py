"""Every state of the data that this machine knows of: which files, by DVC's hashes, belonged together."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lvseg.core.code.git import git, git_bytes

_POINTERS = ("dvc.lock", "*.dvc")


@dataclass(frozen=True, order=True)
class Entry:
    """A file or folder that DVC keeps: its path in the repository, and its hash (`.dir` behind that of a folder)."""

    path: str
    oid: str


State = frozenset[Entry]


def worktrees(root: Path) -> list[Path]:
    """Return the worktrees of the repository that are on this disk: the main one, workspaces of flows, others."""
    listed = git("worktree", "list", "--porcelain", root=root).splitlines()
    paths = [Path(line.removeprefix("worktree ")) for line in listed if line.startswith("worktree ")]
    return [path for path in paths if path.is_dir()]


def states(root: Path, run_cache: Path) -> set[State]:
    """Return what commits, worktrees and DVC's run cache say of outs and dependencies, each a state.

    Args:
        root: a worktree of the repository.
        run_cache: the folder of DVC's run cache, which need not exist.
    """
    known = {*_committed(root), *map(state_of, worktrees(root))}
    for path in run_cache.rglob("*"):
        if path.is_file():
            known.add(frozenset(_entries(path.read_text(), "")))
    return known


def state_of(tree: Path) -> State:
    """Return what the files of DVC in a worktree say, committed or not."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_POINTERS, root=tree)
    paths = [tree / name for name in listed.split("\0") if name and (tree / name).is_file()]
    return frozenset(entry for path in paths for entry in _entries(path.read_text(), _folder(path, tree)))


def _folder(path: Path, tree: Path) -> str:
    """Return the folder of a file in the repository, as the paths in it begin."""
    folder = path.parent.relative_to(tree).as_posix()
    return "" if folder == "." else f"{folder}/"


def _committed(root: Path) -> Iterator[State]:
    """Yield the states of all commits, those that only a reflog knows included."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    texts: dict[str, str] = {}
    log = git("rev-list", "--all", "--reflog", "--full-history", "--", *_POINTERS, root=root)
    for commit in log.split():
        listed = git("ls-tree", "-r", "-z", commit, root=root).split("\0")
        fields = [line.split(None, 3) for line in listed if line]
        files = tuple(
            (path, blob) for _, _, blob, path in fields if path == "dvc.lock" or path.endswith(".dvc")
        )
        if files in seen:
            continue
        seen.add(files)
        state: set[Entry] = set()
        for path, blob in files:
            if blob not in texts:
                texts[blob] = git_bytes("cat-file", "blob", blob, root=root).decode(errors="replace")
            state.update(_entries(texts[blob], path.rpartition("/")[0] + "/" if "/" in path else ""))
        yield frozenset(state)


def _entries(text: str, folder: str) -> Iterator[Entry]:
    """Yield the entries of a file of DVC's; what is none of its files has none."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    if not isinstance(content, dict):
        return
    for part in [content, *(content.get("stages") or {}).values()]:
        for entry in [*_listed(part, "outs"), *_listed(part, "deps")]:
            if entry.get("path") and entry.get("md5"):
                yield Entry(f"{folder}{entry['path']}".rstrip("/"), str(entry["md5"]))


def _listed(part: Any, key: str) -> list[dict[str, Any]]:
    entries = part.get(key) if isinstance(part, dict) else None
    return [entry for entry in entries or [] if isinstance(entry, dict)]
