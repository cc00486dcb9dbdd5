"""What a run is made from and what came of it, as git commits: params.yaml before, dvc.lock after."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.workspace import repository
from flows.workspace.worktree import Workspace
from lvseg import params
from lvseg.core.code.git_names import Ref
from lvseg.core.errors import UserError

RUNS = "refs/lvseg/runs"  # no branch: nobody works there, and `git branch` does not list them
PARAMS, LOCK = "params.yaml", "dvc.lock"
# Whose names may be stored, what is read, where it is recorded and what is good enough is decided by commits.
COMMITTED_ONLY = ("data", "tracking", "promotion")
_INTERPOLATION = (
    "${"  # of OmegaConf, which DVC uses: ${oc.env:NAME} is a variable of the worker, secrets included
)


@dataclass(frozen=True)
class RunRecord:
    """Where git holds a run.

    Attributes:
        commit: holds params.yaml and dvc.lock of the run.
        ref: a git ref of its own, `refs/lvseg/runs/<run id>`, that points to the commit.
        branch: the full name of the branch that has them as well, if one was asked for.
    """

    commit: str
    ref: Ref
    branch: Ref | None


def with_overrides(base: str, overrides: Sequence[str]) -> str:
    """Return a commit whose params.yaml has these values: `base` itself if nothing differs.

    A commit rather than an edited file, so that a model leads back to exactly what made it.

    Args:
        base: the commit to start from.
        overrides: as `overridden` takes them.

    Raises:
        UserError: a key is no parameter, or its value is none for it.
    """
    text = repository.read_file(base, PARAMS)
    if text is None:
        raise UserError(f"revision: {base[:12]} has no {PARAMS}")
    if not overrides:
        return base
    message = f"Parameters of a run: {', '.join(overrides)}"
    return repository.commit_files(base, {PARAMS: overridden(text, overrides).encode()}, message)


def overridden(text: str, overrides: Sequence[str]) -> str:
    """Return params.yaml with values replaced, as `dvc exp run -S` does it, validated.

    Args:
        text: the content of the file.
        overrides: settings such as `train_cnn.epochs=5` or `params.yaml:train_cnn.epochs=5`.

    Raises:
        UserError: the message names the override and what is wrong with it.
    """
    import yaml
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides
    from omegaconf.errors import OmegaConfBaseException

    plain = [_one_value(override.removeprefix(f"{PARAMS}:")) for override in overrides]
    if _INTERPOLATION in text:
        raise UserError(f"overrides: {PARAMS} of this revision holds {_INTERPOLATION}...}}, which none may")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PARAMS
        path.write_text(text, encoding="utf-8")
        try:
            apply_overrides(path, plain)
            params.load(path)
        except (DvcException, OmegaConfBaseException) as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise UserError(f"overrides: {', '.join(overrides)}: {reason}") from None
        except UserError as error:
            raise UserError(f"overrides: {str(error).removeprefix(f'{path}: ')}") from None
        changed = path.read_text(encoding="utf-8")
    # DVC writes lists in another style: that alone is no change.
    return text if yaml.safe_load(changed) == yaml.safe_load(text) else changed


def _one_value(override: str) -> str:
    """Return an override that sets one key to one value, checked, in Hydra's form that lets unknown keys in.

    `overridden` refuses those when it validates the file, and names the nearest valid one, which Hydra does not.
    """
    from dvc.utils.hydra import to_hydra_overrides
    from hydra.errors import OverrideParseException

    if named := re.match(r"\+{0,2}(([A-Za-z_]\w*)[\w.]*)=", override):
        if named[2] in COMMITTED_ONLY:
            raise UserError(
                f"overrides: {named[1]} cannot be set for one run: set it in {PARAMS}, commit, and run that revision"
            )
        if _INTERPOLATION in override:
            raise UserError(f"overrides: {named[1]}: a value is written out, without {_INTERPOLATION}...}}")
        setting = f"++{override.lstrip('+')}"
        try:
            (parsed,) = to_hydra_overrides([setting])
        except OverrideParseException as error:
            raise UserError(f"overrides: {override!r}: {str(error).splitlines()[0]}") from None
        if not parsed.is_sweep_override():
            return setting
        raise UserError(
            f"overrides: {override!r} is several values; a run takes one, so start a run for each"
        )
    raise UserError(f"overrides: {override!r} must read section.key=value, such as train_cnn.epochs=5")


def record(run_id: str, place: Workspace, branch: str | None) -> RunRecord:
    """Commit the parameters and the dvc.lock of a run, under a ref of its own and, if asked for, on a branch.

    Raises:
        UserError: the branch cannot get a commit any more, or git fails.
    """
    files = {
        name: (place.path / name).read_bytes() for name in (PARAMS, LOCK) if (place.path / name).is_file()
    }
    commit = repository.commit_files(place.commit, files, f"Run {run_id}")
    ref = repository.own_ref(f"{RUNS}/{run_id}")
    repository.set_ref(ref, commit)
    advanced = repository.advance_branch(branch, files, place.commit, f"Run {run_id}") if branch else None
    return RunRecord(commit, ref, advanced)


def last_run() -> str | None:
    """Return the commit of the newest run, or None before the first."""
    newest = repository.git(
        "for-each-ref", "--sort=-committerdate", "--count=1", "--format=%(objectname)", RUNS
    )
    return newest or None
