"""Which values of the input lead to a patient, and in which spellings each of them is looked for."""

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import permutations

from lvseg.core.code.closure import PACKAGES
from lvseg.core.paths.places import ROOT
from lvseg.privacy.scripts import days_in_words, romanised

# From how many bytes of UTF-8 on a value is looked for, its words joined by spaces: two Chinese letters are a name.
SHORTEST = 6
SHORTEST_NAME = 4  # of one word of a name
SHORTEST_UID = 16
_LONGEST = 80  # of a long text its beginning is looked for

# What programs and people write where nothing is known, and the dates by which files without one are dated.
_PLACEHOLDERS = frozenset({
    "anon", "anonymous", "anonymized", "anonymised", "deidentified", "deleted", "dummy", "empty", "hospital", "mr",
    "mri", "na", "name", "nn", "no", "none", "not", "null", "patient", "phantom", "private", "removed", "test",
    "undefined", "unknown", "unnamed", "unspecified", "volunteer",
})  # fmt: skip
_DATELESS = ("19000101", "19700101", "19800101", "20000101")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"[-+]?\d{1,7}(\.\d*)?|[-+]?\d*\.\d+([eE][-+]?\d+)?")


class Kind(StrEnum):
    """What a value is to a patient."""

    PATIENT_ID = "patient id"
    NAME = "name"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    UID = "UID"
    PLACE = "place"
    DESCRIPTION = "description"
    PRIVATE = "private text"


@dataclass(frozen=True, order=True)
class Value:
    """One value of the input."""

    kind: Kind
    text: str


def words(text: str) -> list[str]:
    """Return the words of a text in lower case: runs of letters and digits of any script, letters composed."""
    return _WORD.findall(unicodedata.normalize("NFC", text.casefold()))


def length(parts: Iterable[str]) -> int:
    """Return how many bytes of UTF-8 words joined by spaces have."""
    return len(" ".join(parts).encode())


@functools.cache
def vocabulary() -> frozenset[str]:
    """Return the words that the project itself uses, in code and pages; the phantom's are made to be found.

    Adam, Best and Sunnybrook are among them: on their own they tell nothing of a patient.
    """
    folders = [ROOT / name for name in (*PACKAGES, "docs")]
    files = [
        path for folder in folders for kind in ("py", "html", "md") for path in folder.rglob(f"*.{kind}")
    ]
    texts = [path.read_text(encoding="utf-8") for path in files if "phantom" not in path.parts]
    return _PLACEHOLDERS | {word for text in texts for word in words(text) if word.isalpha()}


def spellings(value: Value) -> set[str]:
    """Return the texts by which a value is looked for; none where it is too short or too general to tell.

    Names: all words in their order, in reverse, and every two parts, with and without a space; a word alone from
    four letters on, unless it is one of `vocabulary`; all of it in other hands' letters too (`romanised`). Dates: with
    the year, the day or the month first, and in words; with two digits of the year `Search` finds them. Times: with
    fractions of a second or a date, for a minute of the day is common to many. Everything else as it is, unless it is
    made of words of `vocabulary`, or is a number of fewer than eight digits and no id.
    """
    if value.kind == Kind.NAME:
        return _names(value.text)
    if value.kind == Kind.DATE:
        return _dates(value.text)
    tokens = words(value.text)
    if value.kind == Kind.TIME:
        return _times(value.text)
    if value.kind == Kind.UID:
        return {value.text} if length(tokens) >= SHORTEST_UID else set()
    if length(tokens) < SHORTEST or _is_general(value, tokens):
        return set()
    return {_beginning(tokens)}


def _is_general(value: Value, tokens: list[str]) -> bool:
    """Return whether a text says nothing of a patient: common words, one letter again and again, a number."""
    if set(tokens) <= vocabulary() or len(set("".join(tokens))) == 1:
        return True
    if value.kind in (Kind.DESCRIPTION, Kind.PRIVATE) and len(tokens) == 1 and tokens[0].isalpha():
        return True  # a word alone is a term of a trade, or of a vendor; where it is a name, it is looked for as one
    return value.kind not in (Kind.PATIENT_ID, Kind.NUMBER) and bool(_NUMBER.fullmatch(value.text.strip()))


def _beginning(tokens: list[str]) -> str:
    """Return the first words of a text that is too long to be looked for as a whole."""
    taken: list[str] = []
    for word in tokens:
        if taken and length([*taken, word]) > _LONGEST:
            break
        taken.append(word)
    return " ".join(taken)


def _names(text: str) -> set[str]:
    """Return the spellings of a person's name; its groups (=) write the same name in other scripts."""
    spelled: set[str] = set()
    for group in text.split("="):
        parts = [words(part) for part in group.split("^")]
        parts = [part for part in parts if part and not set(part) <= _PLACEHOLDERS]
        tokens = [word for part in parts for word in part]
        pairs = [[*one, *other] for one, other in permutations(parts, 2)]
        for order in (order for order in (tokens, tokens[::-1], *pairs) if length(order) >= SHORTEST):
            spelled |= {" ".join(order), "".join(order)} if len(order) > 1 else set()
        spelled |= {word for word in tokens if length([word]) >= SHORTEST_NAME}
    spelled |= {other for one in spelled for other in romanised(one) if length(words(other)) >= SHORTEST_NAME}
    return {one for one in spelled if one not in vocabulary()}


def _times(text: str) -> set[str]:
    """Return the spellings of a time of day, or of a day and a time; none where neither day nor fraction is said."""
    digits, _, fraction = text.strip().partition("+")[0].replace(":", "").partition(".")
    if not digits.isdigit() or (len(digits) < 14 and len(fraction.strip("0")) < 3):
        return set()
    clock = digits[-6:]
    parted = f"{digits[:-6]} {clock[:2]} {clock[2:4]} {clock[4:]}"
    return {f"{digits} {fraction}", f"{parted} {fraction}"}


def _dates(text: str) -> set[str]:
    """Return the spellings of a day; none where it is no day, or one that stands for an unknown one."""
    digits = day_of(text)
    if digits is None:
        return set()
    year, month, day = digits[:4], digits[4:6], digits[6:]
    orders = ((year, month, day), (day, month, year), (month, day, year))
    written = {digits, *(" ".join(order) for order in orders), f"{day}{month}{year}"}
    return written | set(days_in_words(year, month, day))


def day_of(text: str) -> str | None:
    """Return a date of DICOM as YYYYMMDD; None where it is no day, or one that stands for an unknown one."""
    digits = text.replace(".", "").replace("-", "").strip()[:8]
    try:
        datetime.strptime(digits, "%Y%m%d")
    except ValueError:
        return None
    return None if digits in _DATELESS or len(digits) < 8 else digits
