"""How a file of `tasks/` runs as `python -m tasks.<name>`."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import typer

from lvseg.core.errors import UserError, reported
from lvseg.core.paths.places import state_home

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


def keep_private() -> None:
    """Make what this process and those below it write readable for its owner alone.

    Shards, tables and runs show patients. DVC sets the modes of a cache or remote that a group shares by itself
    (`cache.shared`), and git those of a shared repository. A folder of state that others could enter is closed.
    """
    os.umask(0o077)
    with suppress(UserError):  # a git that refuses to say where it lies; who needs to know says so
        home = state_home()
        if home.is_dir() and home.stat().st_mode & 0o077 and home.stat().st_uid == os.geteuid():
            home.chmod(0o700)


def run(command: Callable[..., None]) -> None:
    """Run one command with its typed parameters as command-line options; a `UserError` becomes one line."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that `finally` runs
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(context_settings=HELP_OPTIONS)(command)
    with reported():
        keep_private()
        app()
