"""What must be recognised again: fingerprints, hashes, pseudonyms, and the state of the code.

Everything here is a function of contents: no clock, host name or path of this machine enters a hash.
"""

import ast
import functools
import hashlib
import hmac
import json
import os
import secrets
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lvseg import shards
from lvseg.dataset import Example
from lvseg.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
_KEY_BYTES = 32
PACKAGES = ("lvseg", "tracking", "tasks", "flows")


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


def import_closure(module: str, root: Path = ROOT) -> list[Path]:
    """Return the source files that `module` reaches by imports, lazy ones included, relative to `root`.

    The import statements are read, not run. Only the project's own packages count, with the `__init__.py`
    of every package on the way. Templates that lie beside a module in a package belong to it.
    """
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = _source(waiting.pop(), root)
        if path is None or path in found:
            continue
        found.add(path)
        inits = (parent / "__init__.py" for parent in path.parents if parent != Path())
        found.update(init for init in inits if (root / init).is_file())
        found.update(page.relative_to(root) for page in (root / path).parent.glob("*.html"))
        waiting += _imports((root / path).read_text(encoding="utf-8"))
    return sorted(found)


def _source(module: str, root: Path) -> Path | None:
    """Return the file of one of the project's modules, relative to `root`."""
    if module.split(".")[0] not in PACKAGES:
        return None
    base = Path(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if (root / path).is_file()), None)


def _imports(source: str) -> list[str]:
    """Return the modules that a source text may import, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def code_hash(module: str, root: Path = ROOT) -> str:
    """Return a hash over the import closure of `module` and the locked versions of its libraries."""
    paths = [*import_closure(module, root), Path("requirements/runtime.lock")]
    return sha256_text(canonical_json([[path.as_posix(), file_hash(root / path)] for path in paths]))


def weights_hash(named: Iterable[tuple[str, np.ndarray]]) -> str:
    """Return a hash over the names, shapes, types and bytes of arrays, in the order given."""
    digest = hashlib.sha256()
    for name, array in named:
        digest.update(canonical_json([name, list(array.shape), array.dtype.str]).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def training_fingerprint(
    module: str, settings: dict[str, Any], shard_folder: Path, split: Path
) -> tuple[str, dict[str, Any]]:
    """Return the input fingerprint of a training, and the inputs that it is a hash of.

    Args:
        module: the stage's module, such as `tasks.train_dense`.
        settings: every parameter that the training reads, seed and thread count among them.
        shard_folder: the folder of shards.
        split: the table of patients and parts.
    """
    inputs = {
        "params": settings,
        "shards": tree_hash(shard_folder),
        "split": file_hash(split),
        "code": code_hash(module),
    }
    return sha256_text(canonical_json(inputs)), inputs


def test_hash(examples: Iterable[Example]) -> str:
    """Return a hash over slices, their endocardial contours and distances: scores compare only where it is equal."""
    digest = hashlib.sha256()
    for example in sorted(examples, key=lambda example: (example.patient, example.slice, example.phase)):
        shard = shards.read(example.shard)
        digest.update(canonical_json([example.patient, example.slice, example.phase]).encode())
        for length in (shard.spacing_mm, shard.thickness_mm, shard.gap_mm):
            digest.update(np.asarray(length, "<f8").tobytes())
        for index in np.flatnonzero(shard.contour_frame == example.frame).tolist():
            if shard.contour_kind[index] == "icontour":
                digest.update(shard.contour(index).astype("<f8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class GitState:
    """The commit that is checked out (None outside git), and whether tracked files differ from it."""

    commit: str | None
    dirty: bool


def git_state(root: Path = ROOT) -> GitState:
    """Return the state of the code; `dvc.lock`, which every run rewrites, does not make it dirty."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)dvc.lock")
    return GitState(commit, dirty=bool(changed) or commit is None)


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git prints, or None where git or its repository is missing."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@functools.cache
def main_worktree() -> Path:
    """Return the root of the main worktree: all worktrees of a repository share its state.

    The temporary folders in which DVC runs experiments are clones of their own and soon gone: they share too.
    """
    experiments = next((p for p in ROOT.parents if p.parts[-3:] == (".dvc", "tmp", "exps")), None)
    if experiments:
        return experiments.parents[2]
    common = _git(ROOT, "rev-parse", "--path-format=absolute", "--git-common-dir")
    if common and Path(common).name == ".git":
        return Path(common).parent
    return ROOT


def state_home() -> Path:
    """Return the folder for checkpoints, caches and kept records; git ignores it. `LVSEG_HOME` moves it."""
    chosen = os.environ.get("LVSEG_HOME")
    return Path(chosen).resolve() if chosen else main_worktree() / ".lvseg"


def pseudonym(patient: str, public: bool) -> str:
    """Return the name under which a patient is stored: the id itself if ids are public, else a keyed hash.

    The key lies in `state_home()/pseudonym.key` and is made on first use. Who holds it can recompute a
    pseudonym from an id; without it a pseudonym says nothing.
    """
    if public:
        return patient
    return "P" + _keyed(patient)


def study_name(uid: str, shown: str = "") -> str:
    """Return the name of a study in outputs: a keyed hash of its UID, after the letters and digits of `shown`."""
    readable = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in shown.strip())
    return (f"{readable}-" if readable else "") + "S" + _keyed(uid)


def _keyed(text: str) -> str:
    return hmac.new(_pseudonym_key(), text.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[:12]


def _pseudonym_key() -> bytes:
    """Return the secret key, made once with access for its owner only."""
    path = state_home() / "pseudonym.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_hex(_KEY_BYTES))
        try:
            os.link(temporary, path)  # unlike a rename, a link never replaces the key of another process
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise UserError(
            f"{path} is damaged: bring back your copy, or delete it and run `dvc repro extract` anew"
        )
    return key
