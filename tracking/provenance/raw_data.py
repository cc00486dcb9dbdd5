"""The data behind a model: what its raw data is, and which of DVC's hashes can still be had."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lvseg.core.code.git import read_file
from lvseg.core.paths.places import ROOT
from tracking.provenance.dvc_command import dvc, dvc_settings, write_dvc_settings


@dataclass(frozen=True)
class Raw:
    """A place of the raw data of a commit.

    Attributes:
        path: as `data.raw` of its params.yaml names it.
        stage: the name of the stage that makes it, or None.
        cached: whether DVC's cache keeps it.
    """

    path: str
    stage: str | None
    cached: bool


def raw_data(commit: str, root: Path = ROOT) -> tuple[Raw, ...]:
    """Return the places of raw data that a commit works on, in their order.

    Raises:
        UserError: the commit is not here.
    """
    raw = _data(commit, root)["raw"]
    stages: dict[str, Any] = yaml.safe_load(read_file(commit, "dvc.yaml", root))["stages"]
    made: dict[str, tuple[str, bool]] = {}
    for name, stage in stages.items():
        for out in stage.get("outs", []):
            target, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            made[target.rstrip("/")] = name, options.get("cache", True)
    places = []
    for place in [raw] if isinstance(raw, str) else raw:
        path = str(place).rstrip("/")
        maker, cached = made.get(path, (None, True))
        places.append(Raw(path, maker, cached))
    return tuple(places)


def ids_public(commit: str, root: Path = ROOT) -> bool:
    """Return whether a commit stores the ids of patients as they are.

    Raises:
        UserError: the commit is not here.
    """
    return bool(_data(commit, root).get("ids_public"))


def _data(commit: str, root: Path) -> dict[str, Any]:
    # Not `lvseg.params`: parameters of that time need not be valid today.
    data: dict[str, Any] = yaml.safe_load(read_file(commit, "params.yaml", root))["data"]
    return data


def held(hashes: Mapping[str, str], root: Path = ROOT) -> set[str]:
    """Return the names of those of DVC's hashes whose content is complete in the cache or the default remote.

    DVC itself is asked, in a project that holds nothing but pointers to them.

    Raises:
        UserError: the remote cannot be asked; the message is DVC's.
    """
    settings = dvc_settings(root) | {"core.no_scm": "true"}
    with tempfile.TemporaryDirectory(prefix="lvseg-") as folder:
        project = Path(folder)
        for name, value in hashes.items():
            write_pointer(project / f"{name}.dvc", name, value)
        empty = {"core.remote": "empty", "remote.empty.url": str(project / "empty")}
        complete = _complete(project, settings | empty, hashes)
        missing = hashes.keys() - complete
        if missing and "core.remote" in settings:
            complete |= _complete(project, settings, missing)
    return complete


def write_pointer(path: Path, target: str, value: str) -> None:
    """Write what `dvc add` writes: that `target`, a name beside `path`, has a hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"outs:\n- md5: {value}\n  hash: md5\n  path: {target}\n", encoding="utf-8")


def _complete(project: Path, settings: Mapping[str, str], names: Iterable[str]) -> set[str]:
    """Return which names are complete in the cache and the remote of these settings together.

    Only for what is not complete in both: DVC is silent about that, and about a folder that is in neither.
    """
    write_dvc_settings(project / ".dvc/config", settings)
    said = dvc("status", "--cloud", "--json", root=project, DVC_SITE_CACHE_DIR=str(project / "site"))
    states: dict[str, list[str]] = {}
    for path, state in json.loads(said).items():
        states.setdefault(path.split("/")[0], []).append(state)
    return {name for name in names if name in states and "missing" not in states[name]}
