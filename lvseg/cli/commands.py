"""Where the commands lie: those that need no repository in this package, the others in `tasks/` of a checkout."""

import ast
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvseg.core.paths.places import checkout

TOOLS = ("inspect", "predict")  # modules of this package: commands wherever it is installed


@dataclass(frozen=True)
class Command:
    """A command that is known and not yet imported.

    Attributes:
        name: as it is typed, such as `train-unet`.
        module: whose function `main` it is.
        summary: the first line of that module, which is read and not run.
    """

    name: str
    module: str
    summary: str

    def body(self) -> Callable[..., Any]:
        """Return the function behind it, imported; a checkout's root goes on the path first, where `tasks` lies."""
        root = checkout()
        if root and str(root) not in sys.path:
            sys.path.insert(0, str(root))
        body: Callable[..., Any] = importlib.import_module(self.module).main
        return body


def commands() -> dict[str, Command]:
    """Return all commands by name, in the order of the alphabet.

    A file of `tasks/` stands for the tool of its name: in a checkout `predict` knows the registered models, too.
    """
    listed = [_command(Path(__file__).with_name(f"{name}.py"), "lvseg.cli") for name in TOOLS]
    root = checkout()
    if root:
        listed += [_command(path, "tasks") for path in (root / "tasks").glob("[!_]*.py")]
    return {command.name: command for command in sorted(listed, key=lambda command: command.name)}


def stages() -> tuple[str, ...]:
    """Return the names of the stages in the order of dvc.yaml; there are none outside a checkout."""
    root = checkout()
    if root is None:
        return ()
    import yaml

    described = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    return tuple(described["stages"])


def _command(path: Path, package: str) -> Command:
    """Return the command of a file."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return Command(path.stem.replace("_", "-"), f"{package}.{path.stem}", told.partition("\n")[0])
