"""Files that are either whole or absent: write to a temporary name, then rename."""

import os
import secrets
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lvseg.core.errors import UserError

_BLANKS = " \t\r\n\0"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # East Asia has wide ones


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` (file or folder); it takes the name `path` only on success.

    A folder that already stands at `path` is replaced as a whole.

    Raises:
        UserError: `path` is a link to a folder; found out before anything is written.
    """
    refuse_link(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f"{os.getpid()}-{secrets.token_hex(4)}"  # on a store that machines share, another may have this number
    temporary = path.with_name(f".{path.name}.{own}.tmp")
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


def shown(text: Path | str) -> str:
    """Return a path, or another text that came from a file, as it may be printed: in one line, and as what it is.

    A byte that is no UTF-8 stands as its number, and so does what a terminal obeys instead of showing it: control
    characters, with them the escape sequences and ends of lines, and marks that turn the direction of writing.
    """
    decoded = str(text).encode(errors="surrogateescape").decode("utf-8", errors="backslashreplace")
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in decoded
    )


def cell(text: str) -> str:
    """Return a text that came from a file as a cell of a CSV table that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(_BLANKS)[:1] in _FORMULA else text
