"""Where things lie: the root of this checkout, its main worktree, and the folder of its state."""

import functools
import os
from pathlib import Path

from lvseg.core import git

ROOT = Path(__file__).resolve().parent.parent.parent


@functools.cache
def main_worktree() -> Path:
    """Return the root of the main worktree: all worktrees of a repository share its state.

    The temporary folders in which DVC runs experiments are clones of their own and soon gone: they share too.
    """
    experiments = next((p for p in ROOT.parents if p.parts[-3:] == (".dvc", "tmp", "exps")), None)
    if experiments:
        return experiments.parents[2]
    common = git.answer(ROOT, "rev-parse", "--path-format=absolute", "--git-common-dir")
    if common and Path(common).name == ".git":
        return Path(common).parent
    return ROOT


def state_home() -> Path:
    """Return the folder for checkpoints, caches and kept records; git ignores it. `LVSEG_HOME` moves it."""
    chosen = os.environ.get("LVSEG_HOME")
    return Path(chosen).resolve() if chosen else main_worktree() / ".lvseg"
