"""git, asked in a process of its own: the state of the code."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GitState:
    """The commit that is checked out (None outside git), and whether tracked files differ from it."""

    commit: str | None
    dirty: bool


def git_state(root: Path) -> GitState:
    """Return the state of the code; `dvc.lock`, which every run rewrites, does not make it dirty."""
    commit = answer(root, "rev-parse", "HEAD")
    changed = answer(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)dvc.lock")
    return GitState(commit, dirty=bool(changed) or commit is None)


def answer(root: Path, *arguments: str) -> str | None:
    """Return what git prints, or None where git or its repository is missing."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
