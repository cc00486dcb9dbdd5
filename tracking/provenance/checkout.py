"""A worktree of the repository for a while."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lvseg.core.code.git import git
from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT
from tracking.provenance.dvc_command import dvc_settings, share_cache

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def temporary_worktree(commit: str, root: Path = ROOT) -> Iterator[Path]:
    """Give the block a temporary worktree at `commit`, whose DVC has the cache and the remotes of `root`.

    Not those of the commit: where an old one says that its data lies, it may be no longer. The worktree is gone
    afterwards, with what was put beside it, whatever ends the block.

    Raises:
        UserError: there is no such commit, or git cannot make a worktree, for example because the disk is full.
    """
    folder = Path(tempfile.mkdtemp(prefix="lvseg-"))
    place = folder / "worktree"
    try:
        git("worktree", "add", "--quiet", "--detach", str(place), commit, root=root)
        share_cache(place, dvc_settings(root))
        yield place
    finally:
        with undisturbed():
            with suppress(UserError):  # git knows nothing of one that it could not make
                git("worktree", "remove", "--force", "--force", str(place), root=root)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let the block clear up although somebody presses Ctrl-C once more."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
