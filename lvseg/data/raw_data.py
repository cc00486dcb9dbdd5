"""Raw data must be tracked by DVC: what no one can fetch again, no one can reproduce."""

import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lvseg.core.errors import UserError


def check_tracked(raw: str | Sequence[str], root: Path = Path()) -> None:
    """Refuse a place of `data.raw` that is neither an out of a stage nor added with `dvc add`, or is not on disk.

    DVC takes no list for a dep: each place of one must be a dep of the stage `extract`.

    Args:
        raw: `data.raw` of params.yaml.
        root: the root of the repository, where dvc.yaml lies.

    Raises:
        UserError: the message holds the command or the lines that mend it.
    """
    for place in [raw] if isinstance(raw, str) else raw:
        _check_one(Path(place), root)
    listed = [dep for dep in _stages(root)["extract"].get("deps", []) if dep.startswith("${data.raw")]
    wanted = ["${data.raw}"] if isinstance(raw, str) else [f"${{data.raw[{n}]}}" for n in range(len(raw))]
    if listed != wanted:
        raise UserError(
            f"data.raw in params.yaml and dvc.yaml differ: below `deps` of the stage `extract`, write "
            f"{' and '.join(f'`- {dep}`' for dep in wanted)} for {' and '.join(f'`- {dep}`' for dep in listed)}"
        )


def _check_one(raw: Path, root: Path) -> None:
    if raw.is_absolute() or ".." in raw.parts:
        raise UserError(
            f"data.raw: {raw} must be a path inside the repository: copy the data to data/, "
            "run `dvc add` on it and name it in params.yaml"
        )
    if raw in _outs_of_stages(root):
        return
    added = next((path for path in (raw, *raw.parents) if _dvc_file(root / path).is_file()), None)
    exists = (root / raw).exists()
    if added is None and not exists:
        raise UserError(f"data.raw: {raw} does not exist{_nearest(raw, root)}")
    if added is None:
        raise UserError(
            f"data.raw: {raw} is not tracked by DVC: run `dvc add {shlex.quote(str(raw))}`, "
            f"then `git add {shlex.quote(f'{raw}.dvc')}` and commit"
        )
    if not exists:
        raise UserError(f"data.raw: {raw} is tracked by DVC, but not on this disk: run `dvc pull`")


def _dvc_file(path: Path) -> Path:
    """Return the file that `dvc add path` writes."""
    return path.with_name(f"{path.name}.dvc") if path.name else path


def _outs_of_stages(root: Path) -> set[Path]:
    """Return the outs of all stages in dvc.yaml; those with `${...}` are not resolved."""
    outs = (out for stage in _stages(root).values() for out in stage.get("outs", []))
    return {Path(next(iter(out)) if isinstance(out, dict) else out) for out in outs}


def _stages(root: Path) -> dict[str, Any]:
    stages: dict[str, Any] = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return stages


def _nearest(raw: Path, root: Path) -> str:
    """Return a hint that names the data set that was perhaps meant."""
    added = {path.relative_to(root).with_suffix("") for path in (root / "data").glob("*.dvc")}
    known = sorted(path.as_posix() for path in added | _outs_of_stages(root))
    near = difflib.get_close_matches(raw.as_posix(), known, n=1)
    return f": did you mean {near[0]}?" if near else ": put the data there and run `dvc add` (docs/data.md)"
