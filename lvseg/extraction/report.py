"""The quality report: what was found, what was flagged and why, what was set aside; pictures of every patient."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from lvseg.data.pseudonyms import pseudonym

_PRIVATE = ("id", "source", "series", "other_series", "why", "duplicates", "notes", "unmapped")


def write_report(
    folder: Path,
    patients: Sequence[dict[str, Any]],
    set_aside: Sequence[dict[str, str]],
    known: Sequence[dict[str, str]],
    summary: str,
    left_out: Mapping[str, Sequence[str]],
    public: bool,
) -> None:
    """Write `quality.json` and `index.html` beside the pictures in `folder/patients`.

    Where ids are not public, nothing that may name a patient is written: neither paths nor series names.

    Args:
        folder: where to.
        patients: facts of each patient (see `summarise`) and, as `name`, the pseudonym.
        set_aside: `file` and `reason` of what was not used.
        known: the same of what is no input, and need not be.
        summary: the whole in one line.
        left_out: the flags that keep a slice out of `training` and out of `test`.
        public: whether patient ids may be written.
    """
    shown = [facts if public else {k: v for k, v in facts.items() if k not in _PRIVATE} for facts in patients]
    content = {
        "summary": summary,
        "patients": shown,
        "set_aside": _stored(set_aside, public),
        "known": _stored(known, public),
        "left_out": left_out,
    }
    (folder / "quality.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
    pages = Environment(loader=PackageLoader("lvseg.extraction", "."), autoescape=select_autoescape())
    drawn = {path.stem for path in (folder / "patients").glob("*.jpg")}
    page = pages.get_template("quality.html").render(**content, drawn=drawn)
    (folder / "index.html").write_text(page, encoding="utf-8")


def _stored(entries: Sequence[dict[str, str]], public: bool) -> list[dict[str, str]]:
    """Return files and reasons as they may be stored, in order."""
    return sorted(
        (
            {
                "file": entry["file"] if public else pseudonym(entry["file"], public=False),
                "reason": _reason(entry, public),
            }
            for entry in entries
        ),
        key=lambda entry: (entry["file"], entry["reason"]),
    )


def _reason(entry: dict[str, str], public: bool) -> str:
    """Return the reason; if ids are private, without what follows its first words, where a path may stand."""
    return entry["reason"] if public else re.split(r"[:;,(]", entry["reason"], maxsplit=1)[0].strip()
