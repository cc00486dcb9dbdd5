"""What other users of the machine can get at."""

import os
from pathlib import Path


def others_may_read(folder: Path) -> list[str]:
    """Return the files and folders below a folder, which others may enter, that they can get at."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name).lstat().st_mode & 0o077]
        paths = [Path(place, name) for name in (*folders, *names)]
        found += [str(path) for path in paths if not path.is_symlink() and path.stat().st_mode & 0o077]
    return found
