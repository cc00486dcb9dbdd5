"""The records of all studies in an output folder as one table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lvseg.core.paths.files import atomic_path
from lvseg.core.texts import cell
from lvseg.studies.analysis.assessment import FAILED, LOOK, OK
from lvseg.studies.analysis.measurements import PER_SURFACE
from lvseg.studies.outputs.study_record import FILE_NAME, read_record

_NAME = "measurements"
_VALUES = (
    "study", "verdict", "edv_ml", "esv_ml", "sv_ml", "ef_percent", "ed_phase", "es_phase", "cardiac_output_l_min",
    "mass_g", "rv_edv_ml", "rv_esv_ml", "rv_sv_ml", "rv_ef_percent", "surface_m2",
)  # fmt: skip
_FIRST = (FAILED, LOOK, OK)  # what a person must see comes first: the table is his work list
_CINE_VALUES = ("slices", "phases", "rows", "columns", "distance_mm", "beat_ms")


def write(out: Path) -> None:
    """Write `measurements.csv` and `measurements.parquet`: a row per study.

    Those that a person must look at come first, those with more reasons before those with fewer, then by name. In the
    CSV file lists (reasons, the volume curve) are text, joined by semicolons. Without a study there is no table.

    Args:
        out: the output folder, with a folder for each study.

    Raises:
        OSError: the disk refuses.
    """
    import pandas as pd

    rows = sorted(_rows(out), key=_urgency)
    table = pd.DataFrame(rows)
    if table.empty:
        return
    with atomic_path(out / f"{_NAME}.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    flat = table.map(_cell)
    with atomic_path(out / f"{_NAME}.csv") as temporary:
        flat.to_csv(temporary, index=False, lineterminator="\n")


def _urgency(row: dict[str, Any]) -> tuple[int, int]:
    """Return the place of a row among the others."""
    return _FIRST.index(row["verdict"]), -len(row["reasons"])


def _rows(out: Path) -> Iterator[dict[str, Any]]:
    """Yield the row of each study in the order of names, by the names of columns."""
    for path in sorted(out.glob(f"[!.]*/{FILE_NAME}")):
        try:
            record = read_record(path.parent)
        except FileNotFoundError:  # another machine is writing the study again
            continue
        cine = record.get("cine")
        yield {
            **{name: record.get(name) for name in _VALUES},
            **{f"{name}_per_m2": record.get("per_m2", {}).get(name) for name in PER_SURFACE},
            "reasons": record["reasons"],
            "volume_ml": record.get("volume_ml", []),
            "time_ms": record.get("time_ms", []),
            **record.get("quality", {}),
            **{name: cine.get(name) if cine else None for name in _CINE_VALUES},
            "notes": cine["notes"] if cine else [],
            "model": record["model"]["name"],
            "model_version": record["model"]["version"],
            "weights_sha256": record["model"]["weights_sha256"],
        }


def _cell(value: object) -> object:
    """Return a value as the CSV file has it: lists as text, and no text a formula."""
    if isinstance(value, list):
        value = "; ".join(map(_text, value))
    return cell(value) if isinstance(value, str) else value


def _text(value: object) -> str:
    """Return an element of a list as the CSV file has it; nothing for the unknown."""
    return "" if value is None else str(value)
