"""Let DVC in a worktree use the cache and the remotes of the main worktree."""

import os
from pathlib import Path
from typing import Any

from lvseg.core.errors import UserError
from lvseg.core.paths.places import main_worktree
from tracking.provenance.dvc_command import share_cache


def share(worktree: Path) -> None:
    """Write `.dvc/config.local` of a worktree: the cache, remotes and credentials of the main worktree.

    Relative paths in the configuration mean the same folders in both, wherever the worktree lies. What its commit
    says of remotes stays: a run may be of a commit that the main worktree does not have yet.

    Raises:
        UserError: DVC cannot read the configuration of either; the message is DVC's.
    """
    from dvc.config import Config, ConfigError

    main, of_worktree = main_worktree() / ".dvc", worktree / ".dvc"
    (of_worktree / "config.local").unlink(missing_ok=True)  # of the run before
    try:
        theirs = Config(str(main))
        settings = {
            **_moved(Config(str(of_worktree)).read("repo"), of_worktree, main),
            **_flat(theirs.read("local")),
            "cache.dir": str(theirs["cache"].get("dir") or main / "cache"),
        }
    except ConfigError as error:
        raise UserError(f"DVC in {main}: {error}") from None
    share_cache(worktree, settings)


def _moved(config: dict[str, Any], of_worktree: Path, main: Path) -> dict[str, str]:
    """Return the relative paths in the committed remotes, as the main worktree reads them."""
    from dvc.config_schema import RelPath

    return {
        f"remote.{name}.{option}": os.path.normpath(main / os.path.relpath(value, of_worktree))
        for name, options in config["remote"].items()
        for option, value in options.items()
        if isinstance(value, RelPath)
    }


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings by their dotted names; paths are absolute."""
    flat: dict[str, str] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = str(value)
    return flat
