"""Many values looked for at once, in bytes of any kind, in one pass.

Values and contents are reduced to the same normal form: their words (runs of letters and digits) in lower case. So
`LEAK^NAME`, `leak_name` and `Leak Name` are one; a value is found wherever no further letter or digit adjoins it. Each
value is filed under its longest word. What a content costs is to cut it into words and to look each of them up in a
table, however many values there are.
"""

import codecs
import html
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from lvseg.privacy.scripts import short_dates
from lvseg.privacy.values import SHORTEST_NAME, Kind, Value, day_of, spellings, words

# In bytes that are no text (weights, pixels, compressed streams), shorter words come about by chance: eight letters
# nowhere, fewer in few bytes and among few values (`Search._shortest`).
SHORTEST_IN_BYTES = 8
_BY_CHANCE = 1e-5  # finds in a content that random bytes may give
_LETTERS = 128  # of 256 bytes, a letter is two: in upper and in lower case
# In which a text may be written that says so nowhere, beside UTF-8 and Latin-1; those that could write a value count.
_CHARSETS = (
    "utf-16-le", "utf-16-be", "cp1250", "cp1251", "koi8-r", "iso8859-5", "cp1253", "cp1254", "gb18030", "big5",
    "shift_jis", "euc-jp", "euc-kr",
)  # fmt: skip
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")  # soft hyphens and their like, within words

_STEP, _OVERLAP = 4 * 2**20, 4096  # bytes that are cut into words at once, and what two neighbours share
_ASCII = bytes(byte if chr(byte).isalnum() else 32 for byte in bytes(range(128)).lower()) + b" " * 128
_BETWEEN = re.compile(r"[\W_]+")  # words of any script
_EAST_ASIAN = re.compile("[\u2e80-\u9fff\uac00-\ud7ff]+")  # what pairs of other bytes look like in UTF-16
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
        self._days: dict[str, set[Value]] = {}
        self._charsets: list[str] = []
        free = {form for text in allowed for form in _forms(text)}
        for value in values:
            forms = {form for text in spellings(value) for form in _forms(text)}
            count = self.left_out if not forms else self.allowed if forms <= free else self.looked_for
            count[value.kind] += 1
            for form in forms - free:
                self._file(form, value)
            if forms and value.kind == Kind.DATE and (day := day_of(value.text)):
                self._days.setdefault(day, set()).add(value)
            if forms and any(letter > "\xff" for letter in value.text):
                self._charsets += [
                    name for name in _CHARSETS if name not in self._charsets and _writes(name, value.text)
                ]

    def _file(self, form: Words, value: Value) -> None:
        place = max(range(len(form)), key=lambda index: len(form[index]))
        self._anchors.setdefault(form[place], set()).add((place, len(form)))
        self._values.setdefault(form, set()).add(value)

    def find(self, content: bytes) -> set[Value]:
        """Return the values that a content holds, in UTF-8, UTF-16, UTF-32, Latin-1, or one of `_CHARSETS`."""
        hits: set[Value] = set()
        text, shortest = _text(content), self._shortest(len(content))
        for view in () if text is None else _spelled(text):
            hits |= self._in_words(view, 0)
        if text is not None and self._days:
            hits |= {value for day in short_dates(text) for value in self._days.get(day, ())}
        for view in _bytes_of(content) if text is None or content.startswith(_MARKS) else ():
            hits |= self._in_words(view, shortest)
        plain = text is not None and content.isascii()  # Cyrillic in UTF-16 is ASCII, and no text
        others = (*self._charsets, "utf-8") if self._charsets and not plain else ()
        for charset in others:
            for said in _decoded(content, charset, apart="gb18030" not in self._charsets):
                for view in _spelled(said):
                    hits |= self._in_words(view, shortest if text is None else 0)
        return hits

    def _shortest(self, size: int) -> int:
        """Return from how many letters on a value counts in bytes that are no text."""
        by_chance = max(size, 1) * max(len(self._values), 1)
        return min(
            SHORTEST_IN_BYTES, max(SHORTEST_NAME, math.ceil(math.log(by_chance / _BY_CHANCE, _LETTERS)))
        )

    def _in_words(self, view: list[bytes], shortest: int) -> set[Value]:
        """Return the values that stand in a list of words and have at least `shortest` letters and digits."""
        met = self._anchors.keys() & set(view)
        hits: set[Value] = set()
        for index, word in enumerate(view) if met else ():
            for place, count in self._anchors[word] if word in met else ():
                form = tuple(view[max(index - place, 0) : index - place + count])
                if form in self._values and sum(map(len, form)) >= shortest:
                    hits |= self._values[form]
        return hits


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
    plain = _visible(_DECIMALS.sub(" ", text.casefold()))
    resolved = _visible(_ESCAPES.sub(_character, html.unescape(plain)).casefold())
    for version in {plain, resolved}:
        for chunk in _chunks(version):
            raw = chunk.encode("utf-8", errors="replace")
            yield raw.translate(_ASCII).split()
            if not raw.isascii():
                yield _BETWEEN.sub(" ", chunk).encode("utf-8", errors="replace").split()


def _visible(text: str) -> str:
    """Return a text without what only a typesetter sees, and with composed letters."""
    return text if text.isascii() else unicodedata.normalize("NFC", _INVISIBLE.sub("", text))


def _decoded(content: bytes, charset: str, apart: bool) -> Iterator[str]:
    """Yield a content as a character set reads it; in UTF-16 from both of its first bytes on.

    Args:
        apart: letters of East Asia part words: no value has any, and other bytes beside a word look like them.
    """
    wide = charset.startswith("utf-16")
    for start in (0, 1) if wide else (0,):
        said = content[start:].decode(charset, errors="replace")
        yield _EAST_ASIAN.sub(" ", said) if wide and apart else said


def _writes(charset: str, text: str) -> bool:
    """Return whether a character set has all letters of a text, and is made for them."""
    if charset == "gb18030" and not any("\u3400" <= letter <= "\u9fff" for letter in text):
        return False  # it has all letters there are
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


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
