"""Many values looked for at once, in bytes of any kind, in one pass.

Values and contents are reduced to the same normal form: their words (runs of letters and digits) in lower case. So
`LEAK^NAME`, `leak_name` and `Leak Name` are one; a value is found wherever no further letter or digit adjoins it. Each
value is filed under its longest word. What a content costs is to cut it into words and to look each of them up in a
table, however many values there are.
"""

import codecs
import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from lvseg.privacy.values import SHORTEST_NAME, Value, spellings, words

# In bytes that are no text (weights, pixels, compressed streams), shorter words come about by chance.
SHORTEST_IN_BYTES = 8

_STEP, _OVERLAP = 4 * 2**20, 4096  # bytes that are cut into words at once, and what two neighbours share
_ASCII = bytes(byte if chr(byte).isalnum() else 32 for byte in bytes(range(128)).lower()) + b" " * 128
_ANY = _ASCII[:128] + bytes(range(128, 256))  # letters beyond ASCII, as UTF-8 writes them, are part of words
_CONTROL = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Decimal numbers: six and more digits behind a point are no id. Those of a time of day (08:17:07.271828) are kept.
_DECIMALS = re.compile(r"(?<![^\s,;=\[(:\"'+-])(?<!\d[:+-])\d{1,3}\.\d{6,}(?![\d.])")
# How JSON, Python and addresses write a character, and the T between a day and its time.
_ESCAPES = re.compile(r"\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|%([0-9a-f]{2})|\\[abfnrtv]|(?<=\d)t(?=\d\d)")

Words = tuple[bytes, ...]
T = TypeVar("T", str, bytes)


class Search:
    """Finds values in contents.

    Attributes:
        looked_for: how many values of each kind are looked for.
        left_out: how many values of each kind are too short or too general.
        allowed: how many values of each kind are not looked for because they may be shown.
    """

    def __init__(self, values: Iterable[Value], allowed: Iterable[str] = ()) -> None:
        """File the values; what equals one of the texts `allowed`, whatever its kind, is not looked for."""
        self.looked_for: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.allowed: Counter[str] = Counter()
        self._anchors: dict[bytes, set[tuple[int, int]]] = {}
        self._values: dict[Words, set[Value]] = {}
        free = {form for text in allowed for form in _forms(text)}
        for value in values:
            forms = {form for text in spellings(value) for form in _forms(text)}
            count = self.left_out if not forms else self.allowed if forms <= free else self.looked_for
            count[value.kind] += 1
            for form in forms - free:
                self._file(form, value)

    def _file(self, form: Words, value: Value) -> None:
        place = max(range(len(form)), key=lambda index: len(form[index]))
        self._anchors.setdefault(form[place], set()).add((place, len(form)))
        self._values.setdefault(form, set()).add(value)

    def find(self, content: bytes) -> set[Value]:
        """Return the values that a content holds, in UTF-8, UTF-16, UTF-32 or Latin-1."""
        found: set[Value] = set()
        text = _text(content)
        for view in () if text is None else _spelled(text):
            found |= self._in_words(view, 0)
        for view in _bytes_of(content) if text is None or content.startswith(_MARKS) else ():
            found |= self._in_words(view, SHORTEST_IN_BYTES)
        return found

    def _in_words(self, view: list[bytes], shortest: int) -> set[Value]:
        """Return the values that stand in a list of words and have at least `shortest` letters and digits."""
        met = self._anchors.keys() & set(view)
        found: set[Value] = set()
        for index, word in enumerate(view) if met else ():
            for place, count in self._anchors[word] if word in met else ():
                form = tuple(view[max(index - place, 0) : index - place + count])
                if form in self._values and sum(map(len, form)) >= shortest:
                    found |= self._values[form]
        return found


def _forms(text: str) -> set[Words]:
    """Return the words of a text as they are, and as they look where letters beyond ASCII part words.

    So they look in every encoding, and in bytes. Where little of a text is ASCII, it is looked for in texts alone.
    """
    raw = " ".join(words(text)).encode()
    whole, bare = tuple(raw.split()), tuple(raw.translate(_ASCII).split())
    return {whole, bare} if sum(map(len, bare)) >= max(SHORTEST_NAME, len(raw) // 2) else {whole} - {()}


def _text(content: bytes) -> str | None:
    """Return what a content says if it is text, in UTF-8, Latin-1, or UTF-16 with its mark; else None."""
    if content.startswith(_MARKS):
        return content.decode("utf-16", errors="replace")
    if len(content.translate(None, _CONTROL)) < len(content):
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _spelled(text: str) -> Iterator[list[bytes]]:
    """Yield the words of a text, as it stands and with its escapes resolved."""
    plain = _DECIMALS.sub(" ", text.casefold())
    resolved = _ESCAPES.sub(_character, html.unescape(plain)).casefold()
    for version in {plain, resolved}:
        for chunk in _chunks(version):
            raw = chunk.encode("utf-8", errors="replace")
            yield raw.translate(_ASCII).split()
            if not raw.isascii():
                yield raw.translate(_ANY).split()


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    return chr(int(code, 16)) if code else " "


def _bytes_of(content: bytes) -> Iterator[list[bytes]]:
    """Yield the words of bytes: as they stand, and without the zeros of UTF-16 and of UTF-32.

    More zeros in a row than stand between two letters part two words.
    """
    for chunk in _chunks(content):
        for view in {chunk, *(chunk.replace(b"\0" * gap, b" ").replace(b"\0", b"") for gap in (3, 7))}:
            yield view.translate(_ASCII).split()


def _chunks(content: T) -> Iterator[T]:
    """Yield overlapping pieces: whatever is shorter than the overlap is whole in one of them."""
    for start in range(0, max(len(content) - _OVERLAP, 1), _STEP):
        yield content[start : start + _STEP + _OVERLAP]
