"""How a file of `tasks/` runs as `python -m tasks.<name>`."""

import signal
import sys
from collections.abc import Callable

import typer

from lvseg.core.errors import reported

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


def run(command: Callable[..., None]) -> None:
    """Run one command with its typed parameters as command-line options; a `UserError` becomes one line."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that `finally` runs
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(context_settings=HELP_OPTIONS)(command)
    with reported():
        app()
