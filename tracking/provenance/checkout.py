"""This repository's DVC, asked in a process of its own, and a worktree of the repository for a while."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.git import git
from lvseg.core.places import ROOT

_OURS = ("GIT_", "LVSEG_", "MLFLOW_", "PREFECT_", "PYTHONPATH")
_LINKS = "reflink,hardlink,symlink,copy"  # data is a link into the cache where the file system can
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def surroundings(**extra: str) -> dict[str, str]:
    """Return the environment of a command: this interpreter's programs first, nothing of a run around it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "DVC_NO_ANALYTICS": "1", **extra}


def dvc(*arguments: str, root: Path = ROOT, **extra: str) -> str:
    """Run DVC, with `extra` in its environment, and return what it prints.

    Raises:
        UserError: DVC failed; the message is its reason.
    """
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(
        command, cwd=root, env=surroundings(**extra), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "error"))]
        raise UserError(f"dvc {arguments[0]}: {next(iter(said[-1:]), f'status {done.returncode}')}")
    return done.stdout


def dvc_settings(root: Path = ROOT) -> dict[str, str]:
    """Return DVC's settings here by their dotted names, with absolute paths, the cache's among them."""
    listed = (line.partition("=") for line in dvc("config", "--list", root=root).splitlines())
    return {name: value for name, _, value in listed} | {"cache.dir": dvc("cache", "dir", root=root).strip()}


def write_dvc_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as a configuration file of DVC that only its owner may read: credentials are among them."""
    sections: dict[str, list[str]] = {}
    for name, value in settings.items():
        section, _, option = name.rpartition(".")
        kind, _, own = section.partition(".")
        quote = "'" if '"' in value else '"'
        heading = f"['{kind} \"{own}\"']" if own else f"[{kind}]"
        sections.setdefault(heading, []).append(f"{option} = {quote}{value}{quote}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    lines = [line for heading, options in sections.items() for line in (heading, *options)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def worktree(commit: str, root: Path = ROOT) -> Iterator[Path]:
    """Give the block a temporary worktree at `commit`, whose DVC has the cache and the remotes of `root`.

    It is gone afterwards, with what was put beside it, whatever ends the block.

    Raises:
        UserError: there is no such commit, or git cannot make a worktree, for example because the disk is full.
    """
    folder = Path(tempfile.mkdtemp(prefix="lvseg-"))
    place = folder / "worktree"
    try:
        git("worktree", "add", "--quiet", "--detach", str(place), commit, root=root)
        write_dvc_settings(place / ".dvc/config.local", dvc_settings(root) | {"cache.type": _LINKS})
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
