"""Texts that came from a stranger's file: shown as what they are, obeyed by nothing."""

from pathlib import Path

_BLANKS = " \t\r\n\0"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # East Asia has wide ones


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
