"""One patient's share of the extraction: its shard, its rows, its facts, its picture; kept for the next time."""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lvseg.core.hashes import canonical_json, sha256_text
from lvseg.core.paths.files import atomic_path, write_text
from lvseg.data import shards
from lvseg.data.pseudonyms import pseudonym
from lvseg.extraction.assemble import index_rows, to_shard
from lvseg.extraction.montage import draw_montage
from lvseg.labels.find import Candidate, prints_of
from lvseg.labels.patient_summary import summarise
from lvseg.labels.sources.structures import Table


@dataclass(frozen=True)
class Job:
    """What one process needs to know to extract one patient.

    Attributes:
        patient: whom, and which files are his.
        table: the user's own words for labels.
        first_pixel: coordinate of the centre of the first pixel in the contour files.
        ids_public: whether the id may be stored as it is.
        cache: folder of patients extracted before, by `key`.
        code: hash of the code that extracts.
        shards: folder for the shard.
        pictures: folder for the picture.
    """

    patient: Candidate
    table: Table
    first_pixel: int
    ids_public: bool
    cache: Path
    code: str
    shards: Path
    pictures: Path

    @property
    def name(self) -> str:
        """The pseudonym under which the patient is stored."""
        return pseudonym(self.patient.id, self.ids_public)

    @property
    def key(self) -> str:
        """A hash that changes when any of the patient's files, how they are read, the code or the pseudonym does."""
        return sha256_text(
            canonical_json([self.name, self.code, self.first_pixel, repr(self.table), repr(self.patient)])
        )


def extract_patient(job: Job) -> dict[str, Any]:
    """Write the shard and the picture of one patient, and return its `facts`, `rows`, `set_aside` and `prints`.

    A patient without a single usable frame gets no shard and no rows.
    """
    kept = job.cache / job.key
    if kept.is_dir():
        kept.touch()
    else:
        job.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".tmp", dir=job.cache) as place:
            _extract(job, Path(place, "done"))
            with suppress(OSError):  # another process was faster: its result is the same
                Path(place, "done").rename(kept)
    result: dict[str, Any] = json.loads((kept / "result.json").read_text(encoding="utf-8"))
    if result["rows"]:
        _place(kept / "shard.npz", job.shards / f"{job.name}.npz")
    if (kept / "montage.jpg").is_file():
        _place(kept / "montage.jpg", job.pictures / f"{job.name}.jpg")
    return result


def _extract(job: Job, folder: Path) -> None:
    folder.mkdir()
    study = job.patient.read(job.first_pixel, job.table, all_pixels=True)
    result = {
        "facts": summarise(study) | {"name": job.name},
        "rows": [],
        "set_aside": [asdict(entry) for entry in study.aside],
        "prints": prints_of(study),
    }
    if study.frames:
        shard = to_shard(study, job.name)
        shards.write(folder / "shard.npz", shard)
        result["rows"] = index_rows(shard)
        draw_montage(study, folder / "montage.jpg")
    write_text(folder / "result.json", json.dumps(result))


def _place(kept: Path, path: Path) -> None:
    """Give a kept file a second name: no second copy on disk where the file system allows it."""
    try:
        os.link(kept, path)
    except OSError:
        with atomic_path(path) as temporary:
            shutil.copyfile(kept, temporary)
