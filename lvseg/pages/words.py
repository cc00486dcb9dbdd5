"""Names of the code as people say them: quality flags and parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

_FLAGS = {
    "outside-image": "drawn outside the image",
    "self-crossing": "crossing itself",
    "too-small": "too small",
    "epi-not-around-endo": "epicardium not around endocardium",
    "off-anatomy": "drawn off the anatomy",
}


def flag_in_words(flag: str) -> str:
    """Return a quality flag as people say it."""
    return _FLAGS.get(flag, flag.replace("-", " "))


def flags_in_words(flags: Sequence[str]) -> str:
    """Return quality flags in words; "no flag" for none."""
    return ", ".join(map(flag_in_words, flags)) or "no flag"


def settings(params: Mapping[str, Any]) -> str:
    """Return parameters as people read them: `image size: 192; rotation: 180; mirror: yes`, groups in brackets."""
    return "; ".join(f"{name.replace('_', ' ')}: {_setting(value)}" for name, value in params.items())


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({settings(value)})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(flag_in_words(str(entry)) for entry in value) or "none"
    return str(value)
