"""Paths that come from a form or a payload: only below the folders that the machine's own settings name."""

import os
from collections.abc import Sequence
from pathlib import Path

from lvseg.core.errors import UserError


def folders(variable: str, default: Sequence[Path]) -> list[Path]:
    """Return the folders that an environment variable names, separated as in PATH, without links; else `default`.

    Raises:
        UserError: one of them is no absolute path.
    """
    text = os.environ.get(variable)
    named = [Path(part) for part in text.split(os.pathsep) if part] if text else list(default)
    for path in named:
        if not path.is_absolute():
            raise UserError(f"{variable}: {path} is no absolute path")
    return [path.resolve() for path in named]


def below(path: Path, allowed: Sequence[Path], key: str, variable: str) -> Path:
    """Return where a path leads to, links and `..` followed.

    Args:
        path: as it was given.
        allowed: the folders that it may lie in, as `folders` returns them.
        key: the field of the form, for the refusal.
        variable: the setting that names the folders, for the refusal.

    Raises:
        UserError: that is not within one of them.
    """
    try:
        resolved = path.resolve()
    except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL
        resolved = None
    if resolved is None or not path.is_absolute() or not any(map(resolved.is_relative_to, allowed)):
        # The path itself may name a patient, and refusals are stored.
        raise UserError(
            f"{key}: a path is not within the folders that this worker may use ({', '.join(map(str, allowed))}); "
            f"{variable} in its environment names them"
        )
    return resolved
