"""The command line: its options, its list of commands, and how one of them is started."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from lvseg.cli.commands import commands, stages
from lvseg.core.command import HELP_OPTIONS, keep_private
from lvseg.core.errors import UserError, reported
from lvseg.core.paths.places import checkout

_ELSEWHERE = "A clone of the repository has the commands of the pipeline, too: training, comparison, registered models."


class Commands(TyperGroup):
    """A group that lists its commands without importing them, and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._known = commands()
        for command in self._known.values():
            self.add_command(TyperCommand(command.name, help=command.summary))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list: the stages in the order in which they run, then the tools, a line each, none cut short."""
        pipeline = [name for name in stages() if name in self._known]
        self._write(formatter, "Stages of the pipeline", pipeline)
        self._write(formatter, "Tools", [name for name in self._known if name not in pipeline])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called, imported.

        Raises:
            UserError: it is a command of the repository, perhaps, and there is none here.
        """
        if args[0] not in self._known and not checkout():
            raise UserError(
                f"there is no command `{args[0]}` outside a clone of the repository, only "
                f"{' and '.join(self._known)}: run it in a clone, after `make setup` and `. .venv/bin/activate`"
            )
        name, shown, rest = super().resolve_command(ctx, args)
        if shown is None:
            return name, shown, rest
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, context_settings=HELP_OPTIONS)(self._known[args[0]].body())
        return name, typer.main.get_command(app), rest

    def _write(self, formatter: Any, title: str, names: Iterable[str]) -> None:
        """Write a part of the list; the column of names is as wide in all parts."""
        width = max(map(len, self._known))
        rows = [(name.ljust(width), self._known[name].summary) for name in names]
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def main() -> None:
    """Run the command that the command line names; a `UserError` becomes one line."""
    app = typer.Typer(
        cls=Commands,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=HELP_OPTIONS,
        help="Left-ventricle segmentation on cardiac MRI, from raw DICOM to compared models.",
        epilog=None if checkout() else _ELSEWHERE,
    )
    app.callback()(_options)
    with reported():
        keep_private()
        app()


def _say_version(wanted: bool) -> None:
    """Print the version of this package and end."""
    if wanted:
        print(f"lvseg {version('lvseg')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_say_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options of the command itself: all of them do their work when they are read."""
