"""All studies of an output folder in one table."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lvseg.core.files import atomic_path
from lvseg.studies.outputs.study_folder import RECORD

NAME = "measurements"
_PLAIN = ("study", "verdict", "edv_ml", "esv_ml", "sv_ml", "ef_percent", "ed_phase", "es_phase")


def write(out: Path) -> None:
    """Write `measurements.csv` and `measurements.parquet`: a row per study, sorted by name.

    In the CSV file lists (reasons, the volume curve) are text, joined by semicolons.
    """
    import pandas as pd

    table = pd.DataFrame(list(_rows(out)))
    if table.empty:
        return
    with atomic_path(out / f"{NAME}.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    flat = table.map(lambda value: "; ".join(map(_text, value)) if isinstance(value, list) else value)
    with atomic_path(out / f"{NAME}.csv") as temporary:
        flat.to_csv(temporary, index=False, lineterminator="\n")


def _rows(out: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(out.glob(f"[!.]*/{RECORD}")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:  # another machine is writing the study again
            continue
        cine = facts.get("cine", {})
        yield {
            **{name: facts.get(name) for name in _PLAIN},
            "reasons": facts["reasons"],
            "volume_ml": facts.get("volume_ml", []),
            "time_ms": facts.get("time_ms", []),
            **facts.get("quality", {}),
            **{
                name: cine.get(name)
                for name in ("slices", "phases", "rows", "columns", "distance_mm", "beat_ms")
            },
            "notes": cine.get("notes", []),
            "model": facts["model"]["name"],
            "model_version": facts["model"]["version"],
            "weights_sha256": facts["model"]["weights_sha256"],
        }


def _text(value: Any) -> str:
    return "" if value is None else str(value)
