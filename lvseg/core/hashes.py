"""Hashes over contents: no clock, host name or path of this machine enters one."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces, equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_text(text: str) -> str:
    """Return the SHA-256 of `text` in UTF-8, in hexadecimal; a file's name that is no UTF-8 counts by its bytes."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_hash(folder: Path) -> str:
    """Return a hash over the relative names and the contents of all files below `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return sha256_text(
        canonical_json([[path.relative_to(folder).as_posix(), file_hash(path)] for path in files])
    )


def weights_hash(named: Iterable[tuple[str, np.ndarray]]) -> str:
    """Return a hash over the names, shapes, types and bytes of arrays, in the order given."""
    digest = hashlib.sha256()
    for name, array in named:
        digest.update(canonical_json([name, list(array.shape), array.dtype.str]).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
