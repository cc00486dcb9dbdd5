"""The `lvseg` command: every file of this folder, by name.

A task is imported only when it is called; the list shows the first line of each file, which is
read, not run.
"""

import ast
import importlib
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from lvseg.core.errors import reported

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of all tasks."""
    files = (path.stem for path in FOLDER.glob("*.py"))
    return sorted(stem.replace("_", "-") for stem in files if stem not in ("__init__", "cli"))


def _file(name: str) -> str:
    """Return the module of a task."""
    return name.replace("-", "_")


class Tasks(TyperGroup):
    """A group whose commands are the files of this folder."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name in names():
            source = (FOLDER / f"{_file(name)}.py").read_text(encoding="utf-8")
            self.add_command(TyperCommand(name, help=ast.get_docstring(ast.parse(source))))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the task that is called, imported."""
        name, shown, rest = super().resolve_command(ctx, args)
        if shown is None:
            return name, shown, rest
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(importlib.import_module(f"tasks.{_file(args[0])}").main)
        return name, typer.main.get_command(app), rest


def main() -> None:
    """Run the task that the command line names; a `UserError` becomes one line."""
    app = typer.Typer(
        cls=Tasks,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="Left-ventricle segmentation on cardiac MRI, from raw DICOM to compared models.",
    )
    app.callback()(lambda: None)
    with reported():
        app()


if __name__ == "__main__":
    main()
