"""Files that are either whole or absent: write to a temporary name, then rename."""

import os
import secrets
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lvseg.core.errors import UserError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` (file or folder); it takes the name `path` only on success.

    A folder that already stands at `path` is replaced as a whole.

    Raises:
        UserError: `path` is a link to a folder; found out before anything is written.
    """
    refuse_link(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unique = f"{os.getpid()}-{secrets.token_hex(4)}"  # on a store that machines share, another may have this number
    temporary = path.with_name(f".{path.name}.{unique}.tmp")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def refuse_link(path: Path) -> None:
    """Refuse a link where a folder is to be written: to replace it would undo what somebody wanted with it.

    Raises:
        UserError: the message says what else serves.
    """
    if path.is_symlink() and path.is_dir():
        raise UserError(
            f"{path} is a link to {path.resolve()}, and what is written there replaces a folder as a whole: remove the "
            f"link (`rm {shlex.quote(str(path))}`); to keep data on another disk, move the checkout or DVC's cache "
            "(`dvc cache dir`)"
        )


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically; names of files in it that are no UTF-8 keep their bytes."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
