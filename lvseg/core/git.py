"""git, run in a process of its own: the only place that starts it."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

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
        return git(*arguments, root=root)
    except UserError:
        return None


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
    # Variables such as GIT_DIR, which a hook sets, would lead to another repository.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "SSH" in name}
    environment = {**kept, **_IDENTITY, **_NO_QUESTIONS}
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
        raise UserError(f"git {arguments[0]}: {_reason(done.stderr) or f'status {done.returncode}'}")
    return done.stdout


def _reason(said: bytes) -> str:
    """Return the line that says what went wrong, rather than the advice that follows it; no credentials."""
    lines = said.decode(errors="replace").strip().splitlines()
    fault = next((line for line in lines if _FAULT.match(line)), lines[-1] if lines else "")
    return re.sub(r"//[^/@\s]*@", "//", " ".join(fault.split()))
