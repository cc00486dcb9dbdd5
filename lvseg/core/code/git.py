"""git, run in a process of its own: the only place that starts it."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.environment import without_git
from lvseg.core.errors import UserError

# Whatever git writes for us is signed by the program, also where git knows nobody's name.
_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "lvseg"), ("EMAIL", "lvseg@localhost"))
}
# Nobody is there to type a password, or to say yes to an unknown host: a run would wait for ever.
_NO_QUESTIONS = {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "force"}
# The hooks of `dvc install` would check out and push the data of a checkout that is being prepared.
_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
_FAULT = re.compile(r"(fatal|error|ssh|remote): | ! \[")
# What git refuses, and what mends it where git's own advice is on another line or missing.
_REMEDIES = {
    "dubious ownership": "it belongs to somebody else: `git config --global --add safe.directory {root}` trusts it",
    ".git/worktrees/": "the repository of this worktree was moved: run `git worktree repair` in it",
}


@dataclass(frozen=True)
class GitState:
    """The commit that is checked out (None outside git), and whether tracked files differ from it."""

    commit: str | None
    dirty: bool


def git_state(root: Path) -> GitState:
    """Return the state of the code; `dvc.lock`, which every run rewrites, does not make it dirty.

    A folder that is no checkout, such as an unpacked archive, has no commit, also where a repository lies around it.

    Raises:
        UserError: git cannot say, for example because it does not trust the owner of the repository.
    """
    if not is_checkout(root):
        return GitState(None, dirty=True)
    # Without a message there is nothing wrong: there is no commit yet.
    commit = git("rev-list", "--max-count=1", "--all", root=root) and git("rev-parse", "HEAD", root=root)
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)dvc.lock", root=root)
    return GitState(commit or None, dirty=bool(changed) or not commit)


def is_checkout(root: Path) -> bool:
    """Return whether a folder is the root of a repository or worktree; git is not asked, for it may refuse."""
    return (root / ".git").exists()


def read_file(commit: str, path: str, root: Path) -> str:
    """Return the text of a file as a commit has it.

    Raises:
        UserError: the commit is not in the repository of `root`, or lacks the file.
    """
    return git_bytes("cat-file", "blob", f"{commit}:{path}", root=root).decode(errors="replace")


def git(*arguments: str, root: Path, content: bytes = b"", index: Path | None = None) -> str:
    """Run git and return what it prints, without the space around it.

    Args:
        arguments: the git command and its arguments, such as `"rev-parse", "HEAD"`.
        root: the folder that git runs in.
        content: what git reads from its stdin.
        index: an index other than that of the checkout.

    Raises:
        UserError: git failed or is not installed; the message is its reason, without credentials.
    """
    return git_bytes(*arguments, root=root, content=content, index=index).decode(errors="replace").strip()


def git_bytes(*arguments: str, root: Path, content: bytes = b"", index: Path | None = None) -> bytes:
    """Run git as `git` does, and return the very bytes that it prints."""
    environment = {**without_git(os.environ), **_IDENTITY, **_NO_QUESTIONS, "LC_ALL": "C"}
    if index:
        environment["GIT_INDEX_FILE"] = str(index)
    try:
        done = subprocess.run(
            ["git", *_NO_HOOKS, *arguments], cwd=root, env=environment, input=content, capture_output=True
        )
    except FileNotFoundError as error:
        raise UserError(f"git {arguments[0]}: {error.filename} is missing") from None
    except ValueError:  # what no argument of a process can hold
        raise UserError(f"git {arguments[0]}: an argument holds a NUL") from None
    if done.returncode:
        reason = _reason(done.stderr) or f"status {done.returncode}"
        remedy = next((words for sign, words in _REMEDIES.items() if sign in reason), "")
        told = f"; {remedy.format(root=shlex.quote(str(root)))}" if remedy else ""
        raise UserError(f"git {arguments[0]}: {reason}{told}")
    return done.stdout


def _reason(said: bytes) -> str:
    """Return the line that says what went wrong, rather than the advice that follows it; no credentials."""
    lines = said.decode(errors="replace").strip().splitlines()
    fault = next((line for line in lines if _FAULT.match(line)), lines[-1] if lines else "")
    return re.sub(r"//[^/@\s]*@", "//", " ".join(fault.split()))
