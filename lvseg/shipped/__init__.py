"""The model to start with: it learnt from the public Sunnybrook patients, and comes with the program.

`docs/model.md` says what it learnt from, how it was tested and how to make the next one. A folder holds what a training
leaves, `model.keras` and `run.json`, and `card.json`; an old one stays for those who began with it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvseg.core.errors import UserError

VERSION = "sunnybrook-2"
MOST_BYTES = 12 * 2**20  # of a model: it lies in git


@dataclass(frozen=True)
class ShippedModel:
    """A model that comes with the program.

    Attributes:
        folder: with `model.keras` and `run.json`.
        version: its name.
        tested: on how many patients it was tested, and how far its ejection fraction was off, in words.
        scores: as `metrics.json` has those of a model.
    """

    folder: Path
    version: str
    tested: str
    scores: Mapping[str, Any]

    def score(self, place: str) -> float | None:
        """Return one of the scores by its place, such as `cine/edv_ml/mae`; None where there is none."""
        entry: Any = self.scores
        for name in place.split("/"):
            entry = entry.get(name) if isinstance(entry, Mapping) else None
        return None if entry is None else float(entry)


def shipped_model(version: str = VERSION) -> ShippedModel:
    """Return a model that comes with the program.

    Raises:
        UserError: its files are not those that belong to this program.
    """
    folder = Path(__file__).parent / version
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        weights = json.loads((folder / "run.json").read_text(encoding="utf-8"))["weights_hash"]
        whole = card["weights_hash"] == weights
        shipped = ShippedModel(folder, version, card["tested"], card["scores"])
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise UserError(f"{folder} is damaged: install lvseg again, or name a model: `--model FOLDER`")
    return shipped
