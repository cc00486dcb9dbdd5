"""DVC, run in a process of its own, and the settings by which a worktree shares the cache of another."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lvseg.core.environment import OF_A_RUN, command_environment
from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT, state_home

LINKS = "reflink,hardlink,symlink,copy"  # data is a link into the cache where the file system can
_QUOTES = ('"', "'", '"""', "'''")  # as ConfigObj, which reads the file for DVC, knows them


def dvc_environment(**settings: str) -> dict[str, str]:
    """Return the environment of a DVC that knows nothing of a run around it, with `settings` in it."""
    return command_environment(
        OF_A_RUN, **{"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": private_site_cache(), **settings}
    )


def private_site_cache() -> str:
    """Return the folder in which DVC remembers files, made for its owner alone.

    DVC unpickles what lies there, and its own choice, `/var/tmp/dvc`, is open to every user of the machine.
    """
    if chosen := os.environ.get("DVC_SITE_CACHE_DIR"):
        return chosen
    folder = state_home() / "dvc"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # DVC makes it for all if it is the first
    return str(folder)


def dvc(*arguments: str, root: Path = ROOT, **settings: str) -> str:
    """Run DVC and return what it prints.

    Args:
        arguments: the command of DVC and its arguments, such as `"cache", "dir"`.
        root: the folder that it runs in.
        settings: variables of its environment.

    Raises:
        UserError: DVC failed; the message is its reason.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env=dvc_environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "fatal", "error"))]
        raise UserError(f"dvc {arguments[0]}: {next(iter(said[-1:]), f'status {done.returncode}')}")
    return done.stdout


def dvc_settings(root: Path = ROOT) -> dict[str, str]:
    """Return DVC's settings in a checkout by their dotted names, with absolute paths.

    `cache.dir` is always among them, `cache.type` never: DVC prints a list of types as it does not read it.
    """
    listed = (line.partition("=") for line in dvc("config", "--list", root=root).splitlines())
    settings = {name: value for name, _, value in listed if name != "cache.type"}
    usual = str(root.absolute() / ".dvc/cache")  # DVC's choice where nothing is set
    return {"cache.dir": usual, **settings}


def share_cache(worktree: Path, settings: Mapping[str, str]) -> None:
    """Let DVC in a worktree use the cache, the remotes and the credentials of another checkout.

    Args:
        worktree: the root of a checkout of a repository with DVC.
        settings: DVC's in the other checkout, by their dotted names; `cache.dir` is the folder of the cache.
    """
    write_dvc_settings(worktree / ".dvc/config.local", {**settings, "cache.type": LINKS})


def write_dvc_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as a configuration file of DVC that only its owner may read: credentials are among them."""
    sections: dict[str, list[str]] = {}
    for name, value in settings.items():
        section, _, option = name.rpartition(".")
        kind, _, title = section.partition(".")
        heading = f"['{kind} \"{title}\"']" if title else f"[{kind}]"
        quote = next(one for one in _QUOTES if one not in value and not value.endswith(one[0]))
        sections.setdefault(heading, []).append(f"{option} = {quote}{value}{quote}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    lines = [line for heading, options in sections.items() for line in (heading, *options)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
