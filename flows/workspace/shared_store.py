"""Let DVC in a worktree use the cache and the remotes of the main worktree."""

import os
from pathlib import Path
from typing import Any

from lvseg.core.errors import UserError
from lvseg.core.places import main_worktree

LINKS = "reflink,hardlink,symlink,copy"  # outs are links into the cache where the file system can


def share(worktree: Path) -> None:
    """Write `.dvc/config.local` of a worktree: the cache, remotes and credentials of the main worktree.

    Relative paths in the configuration mean the same folders in both, wherever the worktree lies.

    Raises:
        UserError: DVC cannot read the configuration of either; the message is DVC's.
    """
    from dvc.config import Config, ConfigError, merge

    main, own = main_worktree() / ".dvc", worktree / ".dvc"
    target = own / "config.local"
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)  # it may hold credentials
    try:
        theirs = Config(str(main))
        with Config(str(own)).edit("local") as config:
            merge(config, _committed(Config(str(own)).read("repo"), own, main))
            merge(config, _plain(theirs.read("local")))
            config["cache"] |= {"dir": str(theirs["cache"].get("dir") or main / "cache"), "type": LINKS}
    except ConfigError as error:
        raise UserError(f"DVC in {main}: {error}") from None


def _committed(config: dict[str, Any], own: Path, main: Path) -> dict[str, Any]:
    """Return the relative paths in the committed remotes, as the main worktree reads them."""
    from dvc.config_schema import RelPath

    return {
        "remote": {
            name: {
                key: os.path.normpath(main / os.path.relpath(value, own))
                for key, value in options.items()
                if isinstance(value, RelPath)
            }
            for name, options in config["remote"].items()
        }
    }


def _plain(config: Any) -> Any:
    """Return a configuration whose paths are plain text: DVC would write its own kind relative to the file."""
    if isinstance(config, dict):
        return {key: _plain(value) for key, value in config.items()}
    return str(config) if isinstance(config, str) else config
