"""The parameters that a training has when nobody overrides any: those of the commit that people work on."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lvseg import params
from lvseg.core.code.git import read_file
from lvseg.core.errors import UserError
from lvseg.core.paths.places import main_worktree
from lvseg.models.unet_params import UnetParams


def overridden(model: str, given: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the parameters of a training that differ from `params.yaml` as committed, each with both values.

    Args:
        model: such as `unet`.
        given: the parameters of its run; names of nested ones have dots.

    Returns:
        Committed and given value by name; nothing where there is no commit, or one that does not know the model.
    """
    section = _section(model)
    differing = {}
    for name, value in given.items():
        committed: Any = section
        for part in name.split("."):
            committed = committed.get(part) if isinstance(committed, dict) else None
        if committed is not None and str(committed) != value:
            differing[name] = (str(committed), value)
    return differing


def _section(model: str) -> dict[str, Any]:
    """Return the committed parameters of a training."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "params.yaml")
        try:
            path.write_text(read_file("HEAD", "params.yaml", main_worktree()), encoding="utf-8")
            section = getattr(params.load(path), f"train_{model}")
        except (UserError, AttributeError):  # no repository, or parameters of another version
            return {}
    settings = section.chosen() if isinstance(section, UnetParams) else section
    dumped: dict[str, Any] = settings.model_dump(mode="json")
    return dumped
