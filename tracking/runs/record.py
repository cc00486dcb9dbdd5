"""What is known of one training: enough to write its MLflow run from nothing, now or next week.

A kept record is a folder: `record.json`, `model/` and `training/` (copies of the stage's outs), `evaluation/` and
`report/` where there are any. Records wait in `state_home()/outbox` until a tracking store has them.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from lvseg.core.paths.files import atomic_path
from lvseg.core.paths.places import state_home


@dataclass(frozen=True)
class Record:
    """The facts of a training that its outs do not hold, or that its run is found by.

    Attributes:
        model, stage: `cnn`, `train-cnn`.
        weights_hash: empty until the training has ended.
        dataset: `name`, `digest` and `source` (a mapping) of the data.
        started_ms, ended_ms, epochs_ms: Unix times in milliseconds; None or empty where nobody saw it happen.
    """

    experiment: str
    model: str
    stage: str
    fingerprint: str
    params: dict[str, str]
    tags: dict[str, str]
    dataset: dict[str, Any]
    weights_hash: str = ""
    started_ms: int | None = None
    ended_ms: int | None = None
    epochs_ms: dict[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return the name that people see: of the model and the fingerprint."""
        return f"{self.model} {self.fingerprint[:6]}"

    def finished(self, weights_hash: str, ended_ms: int, epochs_ms: dict[str, int]) -> "Record":
        """Return the record of the same training after its end."""
        return replace(self, weights_hash=weights_hash, ended_ms=ended_ms, epochs_ms=epochs_ms)


def read(folder: Path) -> Record:
    """Read `record.json` of a kept record."""
    return Record(**json.loads((folder / "record.json").read_text(encoding="utf-8")))


def outbox() -> Path:
    """Return the folder where records wait."""
    return state_home() / "outbox"


def waiting() -> list[Path]:
    """Return the kept records, in stable order."""
    return sorted(folder for folder in outbox().glob("[!.]*") if (folder / "record.json").is_file())


def outbox_lock() -> AbstractContextManager[Any]:
    """Let one process at a time write to the outbox and publish from it."""
    outbox().mkdir(parents=True, exist_ok=True)
    return FileLock(outbox() / ".lock")


def keep(record: Record, model: Path, training: Path, parts: Mapping[str, Path]) -> Path:
    """Copy a finished training, and the parts `evaluation` and `report` that are given, into the outbox.

    Copies, not links: DVC makes the very same files part of its cache, which nothing else may share. What the
    outbox already holds of this training stays, with the times at which it happened.
    """
    folder = outbox() / f"{record.fingerprint[:12]}-{record.weights_hash[:8]}"
    if not folder.is_dir():
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            _copy(model, temporary / "model")
            _copy(training, temporary / "training")
            (temporary / "record.json").write_text(json.dumps(asdict(record), indent=2), encoding="utf-8")
    for name, part in parts.items():
        with atomic_path(folder / name) as temporary:
            _copy(part, temporary)
    return folder


def _copy(source: Path, target: Path) -> None:
    """Copy a folder; one that is missing gives an empty one. The copies are writable: DVC's may not be."""
    target.mkdir()
    for path in sorted(source.rglob("*")) if source.is_dir() else []:
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir()
        elif not path.name.startswith("."):
            shutil.copyfile(path, copy)
            os.utime(copy, (path.stat().st_mtime, path.stat().st_mtime))
