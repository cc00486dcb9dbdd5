"""The extraction of a whole data set: shards, index, quality report."""

import csv
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvseg.core.code.closure import code_hash
from lvseg.core.errors import UserError
from lvseg.core.parallel import each
from lvseg.core.paths.archives import SetAside
from lvseg.core.paths.files import atomic_path
from lvseg.core.paths.places import state_home
from lvseg.extraction.assemble import COLUMNS
from lvseg.extraction.patient import Job, extract_patient
from lvseg.extraction.report import write_report
from lvseg.labels.find import again, find_all, told_twice
from lvseg.labels.patient_summary import divided, summary_line
from lvseg.labels.sources.structures import table_of

if TYPE_CHECKING:  # they validate: a new limit of a parameter extracts nothing anew
    from lvseg.data.params import DataParams
    from lvseg.imaging.quality_params import QualityParams

_KEPT_DAYS = 30  # how long an extracted patient that no run asked for stays in the cache


@dataclass(frozen=True)
class Outs:
    """Where the extraction writes; all of it is replaced as a whole.

    Attributes:
        shards: folder for one shard per patient.
        index: table with a row per frame.
        quality: folder for the quality report.
    """

    shards: Path
    index: Path
    quality: Path


def extract(data: "DataParams", flags: "QualityParams", workers: int, module: str, outs: Outs) -> str:
    """Extract every patient below `data.raw`; return a summary in one line.

    Patients whose files, and the code, are unchanged since an earlier run are not read again.

    Args:
        data: where the raw data lies and how it is read.
        flags: which quality flags leave a slice out; the report names them.
        workers: patients that are read at the same time.
        module: the module of the stage, whose code decides whether an earlier result still holds.
        outs: what is written.

    Raises:
        UserError: there is no usable patient.
    """
    raw = " ".join(map(str, data.places))
    for place in data.places:
        if not place.exists():
            raise UserError(f"data.raw: {place} does not exist (docs/data.md says how to add data)")
    table = table_of(data.labels)
    candidates, aside = find_all(data.places)
    cache = state_home() / "shards"
    code = code_hash(module)
    with atomic_path(outs.shards) as shard_folder, atomic_path(outs.quality) as report_folder:
        pictures = report_folder / "patients"
        shard_folder.mkdir()
        pictures.mkdir(parents=True)
        jobs = [
            Job(patient, table, data.first_pixel, data.ids_public, cache, code, shard_folder, pictures)
            for patient in candidates
        ]
        done: dict[int, dict[str, Any]] = {}
        for position, result in each(extract_patient, jobs, workers, "extract"):
            if result is None:
                aside.append(SetAside(candidates[position].id, "its files crash a decoder: patient left out"))
            else:
                done[position] = result
        results = _once([done[position] for position in sorted(done)], aside, shard_folder, pictures)
        rows = sorted(
            (row for result in results for row in result["rows"]),
            key=lambda row: (row["patient"], row["frame"]),
        )
        if not rows:
            raise UserError(f"data.raw: no usable patient in {raw}: `lvseg inspect {raw}` says why")
        _write_table(outs.index, rows)
        patients = [result["facts"] for result in results]
        entries = [asdict(entry) for entry in aside] + [e for result in results for e in result["set_aside"]]
        set_aside, known = divided(entries)
        summary = summary_line(patients, len(set_aside))
        left_out = {"training": list(flags.drop_from_training), "test": list(flags.drop_from_test)}
        write_report(report_folder, patients, set_aside, known, summary, left_out, data.ids_public)
    _forget(cache, {job.key for job in jobs})
    return summary


def _once(
    results: Sequence[dict[str, Any]], aside: list[SetAside], shards: Path, pictures: Path
) -> list[dict[str, Any]]:
    """Return the results without the patients who are another once more, and remove what was written of these."""
    by_id = {result["facts"]["id"]: result for result in results}
    known = {name: sum(result["facts"]["structures"].values()) for name, result in by_id.items()}
    twice = told_twice({name: result["prints"] for name, result in by_id.items()}, known)
    for name, kept in twice.items():
        aside.append(SetAside(name, again(kept)))
        by_id[kept]["facts"]["duplicates"].append(name)
        for path in (
            shards / f"{by_id[name]['facts']['name']}.npz",
            pictures / f"{by_id[name]['facts']['name']}.jpg",
        ):
            path.unlink(missing_ok=True)
    return [result for name, result in by_id.items() if name not in twice]


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _forget(cache: Path, used: set[str]) -> None:
    """Remove patients that no run has asked for in a while."""
    oldest = time.time() - _KEPT_DAYS * 86_400
    for folder in cache.iterdir():
        with suppress(FileNotFoundError):  # another run may remove it first
            if folder.name not in used and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder)
