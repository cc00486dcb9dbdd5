"""Names that come from a form, a payload or a store, checked before git sees them.

A name that begins with a dash would be an option of git, and some of its options run commands. So a name is made a
full one, or refused, here; what takes a `Ref` or a `Commit` cannot be given anything else.
"""

import re
from pathlib import Path
from typing import NewType

from lvseg.core.code.git import git
from lvseg.core.errors import UserError

Ref = NewType("Ref", str)  # refs/heads/main: never abbreviated, so never an option
Commit = NewType("Commit", str)  # 40 hexadecimal digits

OURS = "refs/lvseg/"  # what runs and workers write and read; no branch or tag of anybody lies there
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def commit_of(revision: str, root: Path, key: str = "revision") -> Commit:
    """Return the commit that a branch, a tag, a ref or a hash means.

    Args:
        root: a worktree of the repository.
        key: what the refusal calls it.

    Raises:
        UserError: there is none in this repository, or git cannot say.
    """
    git("rev-parse", "--git-dir", root=root)  # a git that refuses the repository says why
    try:
        commit = git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", root=root
        )
    except UserError:
        commit = ""
    if not _COMMIT.fullmatch(commit):
        raise UserError(f"{key}: {' '.join(revision.split())} is no commit, branch or tag of this repository")
    return Commit(commit)


def branch(name: str, root: Path) -> Ref:
    """Return the full name of a branch, which need not exist.

    Raises:
        UserError: git allows no branch of that name.
    """
    try:
        git("check-ref-format", f"refs/heads/{name}", root=root)
        git("check-ref-format", "--branch", name, root=root)  # refuses dashes, and `@{-1}` for the one before
    except UserError:
        raise UserError(f"branch: {name!r} is no name for a branch") from None
    return Ref(f"refs/heads/{name}")


def own_ref(name: str, root: Path) -> Ref:
    """Return a full ref below `refs/lvseg/`, the only ones that a run fetches over its own.

    Raises:
        UserError: it lies elsewhere, or git allows no ref of that name.
    """
    try:
        git("check-ref-format", name if name.startswith(OURS) else "", root=root)
    except UserError:
        raise UserError(f"ref: {name!r} is no ref below {OURS}") from None
    return Ref(name)
