"""Makers of scanners by one name each, as tables and groups of scores need them: headers spell them in many ways."""

import re

# The first that a header's text holds as a word, in whatever letters.
_MAKERS = {
    "Siemens": "siemens",
    "Philips": "philips",
    "GE": "ge|general electric",
    "Canon": "canon",
    "Toshiba": "toshiba",
    "Hitachi": "hitachi",
    "United Imaging": "united imaging|uih",
}
_PATTERNS = {name: re.compile(rf"\b({words})\b", re.IGNORECASE) for name, words in _MAKERS.items()}


def vendor_of(said: str) -> str:
    """Return the maker that a header or a table means, or else its text as it stands.

    Example:
        >>> vendor_of("SIEMENS Healthineers"), vendor_of("GE MEDICAL SYSTEMS"), vendor_of("Esaote")
        ('Siemens', 'GE', 'Esaote')
    """
    found = (name for name, pattern in _PATTERNS.items() if pattern.search(said))
    return next(found, said.strip())
