"""The quality report: what was found, what was flagged and why, what was set aside; pictures of every patient."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from lvseg.data.pseudonyms import pseudonym
from lvseg.params import Params

_PRIVATE = ("id", "source", "series", "other_series", "why", "duplicates")


def write_report(
    folder: Path,
    patients: Sequence[dict[str, Any]],
    set_aside: Sequence[dict[str, str]],
    summary: str,
    params: Params,
) -> None:
    """Write `quality.json` and `index.html` beside the pictures in `folder/patients`.

    Where ids are not public, nothing that may name a patient is written: neither paths nor series names.
    """
    public = params.data.ids_public
    shown = [facts if public else {k: v for k, v in facts.items() if k not in _PRIVATE} for facts in patients]
    entries = sorted(
        ({"file": pseudonym(entry["file"], public), "reason": _reason(entry, public)} for entry in set_aside),
        key=lambda entry: (entry["file"], entry["reason"]),
    )
    content = {
        "summary": summary,
        "patients": shown,
        "set_aside": entries,
        "left_out": {
            "training": list(params.quality.drop_from_training),
            "test": list(params.quality.drop_from_test),
        },
    }
    (folder / "quality.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
    pages = Environment(loader=PackageLoader("lvseg.extraction", "."), autoescape=select_autoescape())
    drawn = {path.stem for path in (folder / "patients").glob("*.jpg")}
    page = pages.get_template("quality.html").render(**content, drawn=drawn)
    (folder / "index.html").write_text(page, encoding="utf-8")


def _reason(entry: dict[str, str], public: bool) -> str:
    """Return the reason; if ids are private, without what follows its first words, where a path may stand."""
    return entry["reason"] if public else re.split(r"[:;,(]", entry["reason"], maxsplit=1)[0].strip()
