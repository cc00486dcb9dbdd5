"""Which structure a label means: by its code, its name or the user's word, and never by a guess."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from lvseg.core.errors import UserError


class Region(Enum):
    """What a label covers; the values are the words of the user's table."""

    CAVITY = "cavity"
    MYOCARDIUM = "myocardium"
    RIGHT_VENTRICLE = "right_ventricle"
    # All within the epicardium, or the cavity alone: writers mean either by "left ventricle". With the myocardium
    # beside it both give the same cavity; with the cavity beside it there is one reading. Alone it says nothing.
    LEFT_VENTRICLE = "left_ventricle"
    OTHER = "other"  # none of the three, whatever it is: background


Table = Mapping[str, Region]  # number or name of a label, as the user wrote it, to what it covers

# Values of label maps whose data set is known by its layout.
ACDC: Mapping[int, Region] = {1: Region.RIGHT_VENTRICLE, 2: Region.MYOCARDIUM, 3: Region.CAVITY}
MNMS: Mapping[int, Region] = {1: Region.CAVITY, 2: Region.MYOCARDIUM, 3: Region.RIGHT_VENTRICLE}

# SNOMED CT (SCT), its older form (SRT, of objects before 2019) and the Foundational Model of Anatomy (FMA).
_CODES = {
    ("FMA", "FMA9466"): Region.CAVITY,
    ("SCT", "49848007"): Region.MYOCARDIUM,
    ("SCT", "74281007"): Region.MYOCARDIUM,
    ("FMA", "FMA9558"): Region.MYOCARDIUM,
    ("SCT", "53085002"): Region.RIGHT_VENTRICLE,
    ("SRT", "T-32500"): Region.RIGHT_VENTRICLE,
    ("FMA", "FMA9291"): Region.RIGHT_VENTRICLE,
    ("SCT", "87878005"): Region.LEFT_VENTRICLE,
    ("SRT", "T-32600"): Region.LEFT_VENTRICLE,
    ("FMA", "FMA7101"): Region.LEFT_VENTRICLE,
}

# Names without case, blanks and punctuation.
_NAMES = {
    Region.CAVITY: "cavity lvcavity lvc lvendo lvendocardium endo endocardium endocardial lvbloodpool lvbp "
    "leftventricularcavity leftventriclecavity cavityofleftventricle leftventricularbloodpool "
    "saendocardialcontour lvendocardial leftventricularendocardium",
    Region.MYOCARDIUM: "myo myocardium lvmyo lvmyocardium mlv lvm leftventricularmyocardium leftventriclemyocardium "
    "myocardiumofleftventricle lvwall leftventricularwall",
    Region.RIGHT_VENTRICLE: "rv rvc rvcavity rvendo rvendocardium rightventricle rightventricularcavity "
    "rightventriclecavity cavityofrightventricle rvbloodpool rvbp sarvendocardialcontour rvendocardial "
    "rightventricularendocardium",
    Region.LEFT_VENTRICLE: "lv leftventricle lvepi lvepicardium epi epicardium epicardial saepicardialcontour "
    "lvepicardial leftventricularepicardium",
    Region.OTHER: "background sapapilmuscontour sapapilmuscaliscontour papillary papillarymuscle papillarymuscles "
    "rvwall rvmyo rvmyocardium rightventricularmyocardium rvepi rvepicardium sarvepicardialcontour",
}
_BY_NAME = {name: region for region, names in _NAMES.items() for name in names.split()}


def table_of(labels: Mapping[Any, Any]) -> Table:
    """Return the user's table, such as `{3: cavity, scar: myocardium, stent: other}`.

    Raises:
        UserError: a word is not that of a region.
    """
    known = {region.value: region for region in Region}
    for label, word in labels.items():
        if word not in known:
            raise UserError(f"labels.{label}: {word!r} is no structure: use one of {', '.join(known)}")
    return {str(label): known[str(word)] for label, word in labels.items()}


def region_of(
    table: Table, name: str = "", number: int | None = None, codes: Iterable[tuple[str, str]] = ()
) -> Region | None:
    """Return what a label covers, or None where nothing says it, or code and name contradict each other.

    Args:
        table: the user's own words: a name there goes before all others, a number after them, for the same number
            means something else in the next file.
        name: of the label; case, blanks and punctuation do not count.
        number: of the label in its file, which only the user's table knows the meaning of.
        codes: pairs of coding scheme and value.
    """
    stated = {_plain(label): region for label, region in table.items()}
    if name and _plain(name) in stated:
        return stated[_plain(name)]
    return _said(name, codes) or table.get(str(number))


def _said(name: str, codes: Iterable[tuple[str, str]]) -> Region | None:
    """Return what code and name of a label say; None where they say nothing, or contradict each other."""
    coded = next((_CODES[code] for code in codes if code in _CODES), None)
    named = _BY_NAME.get(_plain(name))
    if coded is None or named is None or coded is named:
        return coded or named
    # A code for the ventricle as a whole is what many writers have to offer; the name may say which part of it.
    return named if coded is Region.LEFT_VENTRICLE and named in (Region.CAVITY, Region.MYOCARDIUM) else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
