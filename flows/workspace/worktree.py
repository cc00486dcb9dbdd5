"""Where a run does its work: a git worktree that nobody else is in.

Worktrees are kept and used again, with the data and models of the run before in them, so that a run finds what
did not change already there. They share the DVC cache of the main worktree, and its remotes.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from flows.process.leashed import GRACE, LEASH
from flows.workspace.repository import git, resolve
from flows.workspace.shared_store import share
from lvseg.core.errors import UserError
from lvseg.core.paths.places import state_home


@dataclass(frozen=True)
class Workspace:
    """A worktree (absolute path) and the commit that is checked out in it."""

    path: Path
    commit: str


@contextmanager
def workspace(commit: str, purpose: str = "run") -> Iterator[Workspace]:
    """Give the block a worktree of its own at `commit`; `purpose` names it.

    Raises:
        UserError: there is no such commit, or git cannot make a worktree, for example because the disk is full.
    """
    commit = resolve(commit)
    home = state_home() / "workspaces"
    try:
        home.mkdir(parents=True, exist_ok=True)
        path, lock = _free_slot(home, purpose)
    except OSError as error:
        raise UserError(f"{home}: {error.strerror}; LVSEG_HOME in the environment moves it") from None
    try:
        _prepare(path, commit)
        yield Workspace(path, commit)
    finally:
        lock.release()


def _free_slot(home: Path, purpose: str) -> tuple[Path, FileLock]:
    """Take the first folder that nobody is in; the kernel frees it if this process dies."""
    for number in count():
        path = home / f"{purpose}-{number}"
        lock = FileLock(home / f"{path.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        if _left(path):
            return path, lock
        lock.release()
    raise AssertionError("unreachable")


def _left(path: Path) -> bool:
    """Return whether nothing runs in a folder; what a killed run had under way gets the time to end."""
    give_up = time.monotonic() + GRACE + 4
    while _leashed(path):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.2)
    return True


def _leashed(path: Path) -> bool:
    """Return whether a leash in this folder still holds a command (see flows/process/leash.py)."""
    return any(
        LEASH.name in " ".join(process.info["cmdline"] or []) and process.info["cwd"] == str(path)
        for process in psutil.process_iter(["cmdline", "cwd"])
    )


def _prepare(path: Path, commit: str) -> None:
    """Check out a commit, and clear away what a run that was killed may have left."""
    try:
        if not _sound(path):
            _make(path, commit)
        _check_out(path, commit)
        for left in [*path.glob(".*.tmp"), *path.glob("*/.*.tmp")]:  # see lvseg.core.paths.files
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        for name in ("rwlock", "rwlock.lock", "lock"):  # of nobody: not written whole, half of one blocks DVC
            (path / ".dvc" / "tmp" / name).unlink(missing_ok=True)
        share(path)
    except OSError as error:
        raise UserError(f"{error.filename or path}: {error.strerror}") from None


def _sound(path: Path) -> bool:
    """Return whether a folder is a worktree of this repository."""
    try:
        ours = git("rev-parse", "--path-format=absolute", "--git-common-dir")
        top, common = git(
            "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir", root=path
        ).splitlines()
    except (UserError, OSError, ValueError):
        return False
    return Path(top).resolve() == path.resolve() and Path(common).resolve() == Path(ours).resolve()


def _make(path: Path, commit: str) -> None:
    """Make a worktree; what lies there is no sound one and goes."""
    shutil.rmtree(path, ignore_errors=True)
    with FileLock(f"{path.parent}.lock"):  # git does not keep two additions apart
        try:
            # Forced twice: git may know the folder from before, even as locked if it was killed in this.
            git("worktree", "add", "--force", "--force", "--quiet", "--detach", str(path), commit)
        except UserError:
            shutil.rmtree(path, ignore_errors=True)
            raise


def _check_out(path: Path, commit: str) -> None:
    """Check out a commit; files that git ignores stay, and a `dvc.lock` that it does not hold."""
    git_dir = Path(git("rev-parse", "--absolute-git-dir", root=path))
    for left in git_dir.glob("*.lock"):  # of a git that was killed
        left.unlink()
    try:
        git("checkout", "--force", "--quiet", "--detach", commit, root=path)
    except UserError:  # an index that was cut short stops git for good; a full disk will say so again
        (git_dir / "index").unlink(missing_ok=True)
        git("checkout", "--force", "--quiet", "--detach", commit, root=path)
    git("clean", "--force", "-d", "--quiet", "--exclude=dvc.lock", root=path)
