"""Where a run does its work: a git worktree that nobody else is in.

Worktrees are kept and used again, with the data and models of the run before in them, so that a run finds what
did not change already there. They share the DVC cache of the main worktree, and its remotes.
"""

import configparser
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from flows.repository import git
from lvseg.errors import UserError
from lvseg.files import write_text
from lvseg.identity import main_worktree, state_home

LINKS = "reflink,hardlink,symlink,copy"  # outs are links into the cache where the file system can


@dataclass(frozen=True)
class Workspace:
    """A worktree (absolute path) and the commit that is checked out in it."""

    path: Path
    commit: str


@contextmanager
def workspace(commit: str, purpose: str = "run") -> Iterator[Workspace]:
    """Give the block a worktree of its own at `commit`; `purpose` names it.

    Raises:
        UserError: git cannot make one, for example because the disk is full.
    """
    home = state_home() / "workspaces"
    home.mkdir(parents=True, exist_ok=True)
    with _free_slot(home, purpose) as path:
        _prepare(path, commit)
        yield Workspace(path, commit)


@contextmanager
def _free_slot(home: Path, purpose: str) -> Iterator[Path]:
    """Take the first folder that no other process is in; the kernel frees it if this process dies."""
    for number in count():
        path = home / f"{purpose}-{number}"
        lock = FileLock(home / f"{path.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            yield path
        finally:
            lock.release()
        return


def _prepare(path: Path, commit: str) -> None:
    """Check out a commit, and clear away what a run that was killed may have left."""
    if not _sound(path):
        shutil.rmtree(path, ignore_errors=True)
        with FileLock(f"{path.parent}.lock"):  # git does not keep two additions apart
            git("worktree", "prune")
            try:
                git("worktree", "add", "--force", "--quiet", "--detach", str(path), commit)
            except UserError:
                shutil.rmtree(path, ignore_errors=True)
                raise
    _gitdir(path, "index.lock").unlink(missing_ok=True)
    git("checkout", "--force", "--quiet", "--detach", commit, cwd=path)
    git("clean", "--force", "-d", "--quiet", "--exclude=dvc.lock", cwd=path)
    for left in [*path.glob(".*.tmp"), *path.glob("*/.*.tmp")]:  # see lvseg.files
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for name in ("rwlock", "rwlock.lock", "lock"):  # of nobody: not written whole, half of one blocks DVC
        (path / ".dvc" / "tmp" / name).unlink(missing_ok=True)
    _configure(path)


def _sound(path: Path) -> bool:
    """Return whether a folder is a worktree of this repository."""
    try:
        ours = git("rev-parse", "--path-format=absolute", "--git-common-dir")
        top, common = git(
            "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir", cwd=path
        ).splitlines()
    except (UserError, OSError, ValueError):
        return False
    return Path(top).resolve() == path.resolve() and common == ours


def _gitdir(path: Path, name: str) -> Path:
    """Return a file of git's own about a worktree."""
    return Path(git("rev-parse", "--path-format=absolute", "--git-path", name, cwd=path))


def _configure(path: Path) -> None:
    """Let DVC in a worktree use the cache and the remotes of the main worktree."""
    main = main_worktree() / ".dvc"
    config = configparser.ConfigParser(interpolation=None)
    for name in ("config", "config.local"):  # the committed one may be newer here; a remote of either counts
        own = configparser.ConfigParser(interpolation=None)
        own.read(main / name, encoding="utf-8")
        if name == "config":
            cache = own.get("cache", "dir", fallback="cache")
            continue
        cache = own.get("cache", "dir", fallback=cache)
        config.read_dict({section: _absolute(dict(own[section]), main) for section in own.sections()})
    if not config.has_section("cache"):
        config.add_section("cache")
    config["cache"].update({"dir": str((main / cache).resolve()), "type": LINKS})
    lines = []
    for section in config.sections():
        lines += [f"[{section}]", *(f"    {key} = {value}" for key, value in config[section].items())]
    target = path / ".dvc" / "config.local"
    write_text(target, "\n".join(lines) + "\n")
    target.chmod(0o600)  # it may hold credentials


def _absolute(options: dict[str, str], base: Path) -> dict[str, str]:
    """Return the options of a section with paths that do not depend on where the file lies."""
    for key in (
        "url",
        "keyfile",
        "credentialpath",
        "cert_path",
        "key_path",
        "gdrive_service_account_json_file_path",
    ):
        value = options.get(key)
        if value and "://" not in value and not value.startswith(("remote:", "~")):
            options[key] = os.path.normpath(base / value)
    return options
