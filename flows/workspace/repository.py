"""git in this repository: commits made without a checkout, refs, and the other repository that holds them too.

No file here may have the name of a library: Prefect puts this folder on the path when it loads a flow.
"""

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from lvseg.core.code import git as core_git
from lvseg.core.code import git_names
from lvseg.core.code.git_names import Commit, Ref
from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT

REMOTE = "origin"
_NONE = "0" * 40

git = partial(core_git.git, root=ROOT)  # in this checkout, where no other `root` is given


def resolve(revision: str | None) -> Commit:
    """Return the commit of a revision; None means the one that this code is at.

    Raises:
        UserError: there is no such revision.
    """
    return git_names.commit_of(revision or "HEAD", ROOT)


def read_file(commit: str, path: str) -> str | None:
    """Return a file as a commit has it, or None."""
    try:
        return core_git.read_file(commit, path, ROOT)
    except UserError:
        return None


def commit_files(parent: str, files: Mapping[str, bytes], message: str) -> str:
    """Return a commit that has these files on top of `parent`, which it is itself if nothing differs.

    No checkout changes.
    """
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        git("read-tree", parent, index=index)
        for path, content in sorted(files.items()):
            blob = git("hash-object", "-w", "--stdin", content=content)
            git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", index=index)
        tree = git("write-tree", index=index)
    if tree == git("rev-parse", f"{parent}^{{tree}}"):
        return parent
    return git("commit-tree", tree, "-p", parent, "-m", message)


def own_ref(name: str) -> Ref:
    """Return the name of a ref below `refs/lvseg/`, checked."""
    return git_names.own_ref(name, ROOT)


def set_ref(ref: Ref, commit: str) -> None:
    """Let a ref point to a commit."""
    git("update-ref", ref, commit)


def push_ref(ref: Ref, remote: str = REMOTE) -> None:
    """Send a ref to another repository, under the same name."""
    git("push", "--quiet", "--end-of-options", remote, f"{ref}:{ref}")


def fetch_ref(ref: Ref, remote: str = REMOTE) -> Commit:
    """Get a ref from another repository, and return its commit; what had that name here is replaced."""
    git("fetch", "--quiet", "--end-of-options", remote, f"+{ref}:{ref}")
    return resolve(ref)


def fetch_branch(branch: str, remote: str = REMOTE) -> Commit:
    """Get a branch from another repository, and return its commit; no branch here changes.

    Raises:
        UserError: the name is none for a branch, or the other repository has no such branch.
    """
    git("fetch", "--quiet", "--end-of-options", remote, git_names.branch(branch, ROOT))
    return resolve("FETCH_HEAD")


def check_branch(branch: str) -> Ref:
    """Refuse a branch that cannot get a commit; return its full name.

    Raises:
        UserError: the name is none for a branch, or somebody has it checked out and would be confused.
    """
    ref = git_names.branch(branch, ROOT)
    if f"branch {ref}" in git("worktree", "list", "--porcelain").splitlines():
        raise UserError(
            f"branch: {branch} is checked out; name one that nobody works on, such as lvseg/retrain"
        )
    try:  # rehearsed, since a branch `lvseg` leaves no room for `lvseg/retrain`
        update = f"start\nupdate {ref} {resolve(None)}\nprepare\nabort\n"
        git("update-ref", "--stdin", content=update.encode())
    except UserError as error:
        raise UserError(f"branch: {branch} cannot be written ({error})") from None
    return ref


def advance_branch(branch: str, files: Mapping[str, bytes], base: str, message: str) -> Ref:
    """Put a commit of these files on top of a branch, made at `base` if it is missing; return the branch's ref."""
    ref = check_branch(branch)
    while True:
        tip = git("for-each-ref", "--format=%(objectname)", ref)
        commit = commit_files(tip or base, files, message)
        try:
            git("update-ref", ref, commit, tip or _NONE)
        except UserError:
            if git("for-each-ref", "--format=%(objectname)", ref) == tip:
                raise
        else:  # nobody else has advanced it meanwhile
            return ref
