"""Where things lie: the root of the checkout, if there is one, its main worktree, and the folder of kept state."""

import functools
import os
from pathlib import Path

from lvseg.core.code import git

ROOT = Path(__file__).resolve().parents[3]


def checkout() -> Path | None:
    """Return the root of the repository that this code lies in; None where the package alone is installed."""
    return ROOT if (ROOT / "dvc.yaml").is_file() and (ROOT / "tasks").is_dir() else None


@functools.cache
def main_worktree() -> Path:
    """Return the root of the main worktree: all worktrees of a repository share its state.

    The temporary folders in which DVC runs experiments are clones of their own and soon gone: they share too.

    Raises:
        UserError: git refuses to say.
    """
    experiments = next((p for p in ROOT.parents if p.parts[-3:] == (".dvc", "tmp", "exps")), None)
    if experiments:
        return experiments.parents[2]
    if git.is_checkout(ROOT):
        common = Path(git.git("rev-parse", "--path-format=absolute", "--git-common-dir", root=ROOT))
        if common.name == ".git":
            return common.parent
    return ROOT


def absolute(path: Path) -> Path:
    """Return a path out of the environment: a relative one starts at the main worktree, and without one here.

    Stages inherit it in worktrees and temporary clones of their own, which are soon gone.
    """
    return (main_worktree() if checkout() else Path.cwd()) / path


def state_home() -> Path:
    """Return the folder for checkpoints, caches, kept records and the key of names.

    `LVSEG_HOME` names it. Else it is `.lvseg` in the main worktree, which git ignores; where the package is installed
    without a repository, `lvseg` in the user's folder for data, on Linux `~/.local/share` or `$XDG_DATA_HOME`.
    """
    chosen = os.environ.get("LVSEG_HOME")
    if chosen:
        return absolute(Path(chosen)).resolve()
    if checkout():
        return main_worktree() / ".lvseg"
    from platformdirs import user_data_path

    return user_data_path("lvseg", appauthor=False)
