"""Names of files and folders that are made of a stranger's text: one component of a path, on any system."""

import hashlib
import unicodedata

_LONGEST = 120  # bytes of UTF-8; file systems take 255, and endings and temporary names come behind
_DIGITS = 8  # of the hash that keeps two texts apart which would look the same
_MARKS = "-_."
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "123456789¹²³"
}  # what Windows takes for a device, whatever follows behind a point


def readable(text: str) -> str:
    """Return a text of letters, digits, `-`, `_` and `.` alone, others as `_`; nothing where it has none of them.

    It begins and ends with neither a point, a hyphen nor a space: it is no option, no hidden file and no way up. It is
    short as well. Two texts may give one: where that matters, take `path_name`.
    """
    composed = unicodedata.normalize("NFC", text.strip())
    plain = "".join(letter if _is_plain(letter) else "_" for letter in composed)
    short = plain.encode()[:_LONGEST].decode(errors="ignore").strip("-.")
    return f"_{short}" if short.partition(".")[0].upper() in _DEVICES else short


def path_name(text: str) -> str:
    """Return the name of a file or folder for a text that came from a file: an id, a description, a member's name.

    A harmless text is its own name. Any other becomes `readable` with a hash of the text behind a `~`, which is in no
    harmless one: two texts do not share a name.

    Example:
        >>> path_name("SC-HF-I-01"), path_name("../../x")
        ('SC-HF-I-01', '_.._x~9cdf6a50')
    """
    plain = readable(text)
    if plain and plain == text:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return f"{plain or '_'}~{digest}"


def _is_plain(letter: str) -> bool:
    """Return whether a character is a letter, a mark on one, a digit, or one of `_MARKS`."""
    return letter in _MARKS or unicodedata.category(letter)[0] in "LMN"
