"""What small files beside NIfTI volumes say: ACDC's Info.cfg, nnU-Net's dataset.json."""

import json
import re

from lvseg.core.paths.archives import Item, UnreadableError

_LARGEST_TEXT = 4 * 2**20  # bytes
_NUMBER = re.compile(r"([0-9]{1,6})([.,]0*)?")  # of a phase; programs for tables write 9.0


def info(item: Item) -> dict[str, str]:
    """Return the `key: value` lines of an Info.cfg, keys in small letters.

    Raises:
        UnreadableError: the file cannot be read.
    """
    lines = [line.partition(":") for line in text_of(item).splitlines()]
    return {key.strip().lower(): value.strip() for key, _, value in lines}


def label_names(item: Item) -> dict[int, str]:
    """Return the names in a dataset.json by value, from the form of nnU-Net 2 (name: value) or 1 (value: name).

    Raises:
        UnreadableError: it cannot be read, or its labels do not give each name one number.
    """
    try:
        stated = json.loads(text_of(item))["labels"]
        pairs = [(value, name) if str(name).isdigit() else (name, value) for name, value in stated.items()]
        return {int(value): str(name) for name, value in pairs}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise UnreadableError("its `labels` do not give each name one number") from None


def phase(text: str | None, first: int = 1) -> int | None:
    """Return a phase from 1, None where the text is no number; `first` is the number that the source begins with."""
    match = _NUMBER.fullmatch((text or "").strip())
    return int(match[1]) + 1 - first if match else None


def number(text: str | None) -> float | None:
    """Return a number with a point or a comma, None where the text is none."""
    try:
        return float((text or "").replace(",", "."))
    except ValueError:
        return None


def text_of(item: Item, largest: int = _LARGEST_TEXT) -> str:
    """Return the text of a small file, in whichever of the usual encodings.

    Raises:
        UnreadableError: it is too large, or cannot be read.
    """
    if item.size > largest:
        raise UnreadableError(f"{item.size:,} bytes are too many")
    content = item.read()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return content.decode(encoding, errors="replace")
