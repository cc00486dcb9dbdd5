"""How other hands write a name or a day: without umlauts, in Latin letters, in words, with two digits of the year."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime

_EXPANDED = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
_BARE = {"ø": "o", "æ": "a", "œ": "o", "ł": "l", "đ": "d", "ı": "i", "ð": "d", "ß": "ss"}
_REST = {letter: plain for letter, plain in _BARE.items() if letter not in _EXPANDED}
# As passports have it (ICAO 9303-3), which differs from BGN and GOST in few letters.
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "ie", "ы": "y", "ь": "", "э": "e", "ю": "iu",
    "я": "ia", "і": "i", "ї": "i", "є": "ie", "ґ": "g",
}  # fmt: skip
_OTHER_CYRILLIC = {"й": "y", "ю": "yu", "я": "ya", "ё": "yo", "ъ": "", "х": "h"}
_MONTHS = (
    "january januar janvier enero gennaio janeiro januari",
    "february februar fevrier febrero febbraio fevereiro februari",
    "march maerz mars marzo marco maart",
    "april avril abril aprile",
    "may mai mayo maggio maio mei",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august aout agosto augustus",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember decembre diciembre dicembre dezembro",
)  # in English, German, French, Spanish, Italian, Portuguese and Dutch
_WITH_ACCENTS = {
    "maerz": "märz marz",
    "fevrier": "février",
    "aout": "août",
    "decembre": "décembre",
    "marco": "março",
}
# Day, month and year, the year of two digits; what stands before says that it is no version and no decimal.
_SHORT_DATE = re.compile(r"(?<![\w.=/-])(\d{1,2})([./-])(\d{1,2})\2(\d{2})(?![\w/-]|\.\d)")


def romanised(text: str) -> set[str]:
    """Return how a name may stand in a system without its letters, and one without umlauts as it may be with them.

    German, Nordic and Polish letters, accents of any script, and Cyrillic; not Chinese, Japanese, Korean or Arabic.
    """
    lower = unicodedata.normalize("NFC", text.casefold())
    tables = [_EXPANDED | _REST, _BARE, _CYRILLIC, _CYRILLIC | _OTHER_CYRILLIC]
    forms = {_bare("".join(table.get(letter, letter) for letter in lower)) for table in tables}
    for pair, letter in (("ae", "ä"), ("oe", "ö"), ("ue", "ü"), ("ss", "ß")):
        if pair in lower:
            forms.add(lower.replace(pair, letter))
    return forms - {lower, ""}


def days_in_words(year: str, month: str, day: str) -> Iterator[str]:
    """Yield a day with the name of its month, whole and in three letters, in seven languages, day or month first."""
    names = {
        one
        for name in _MONTHS[int(month) - 1].split()
        for one in (name, *_WITH_ACCENTS.get(name, "").split())
    }
    names |= {_bare(name)[:3] for name in names} | {name[:3] for name in names}
    bare = str(int(day))
    ending = {"1": "st", "2": "nd", "3": "rd"}.get(bare[-1], "th") if bare not in ("11", "12", "13") else "th"
    for name in names:
        for number in {day, bare, f"{bare}{ending}"}:
            yield from (f"{number} {name} {year}", f"{name} {number} {year}", f"{year} {name} {number}")
            yield f"{number} de {name} de {year}"


def short_dates(text: str) -> set[str]:
    """Return the days (YYYYMMDD, in either century and order) that stand in a text with two digits of the year."""
    dates = set()
    for one, _, other, year in _SHORT_DATE.findall(text):
        for day, month in ((one, other), (other, one)):
            for century in ("19", "20"):
                digits = f"{century}{year}{int(month):02d}{int(day):02d}"
                try:
                    datetime.strptime(digits, "%Y%m%d")
                except ValueError:
                    continue
                dates.add(digits)
    return dates


def _bare(text: str) -> str:
    """Return a text without accents."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
