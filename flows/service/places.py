"""Where flows may read and write what a form names; the settings of the worker decide, not the form.

`LVSEG_STUDIES` names the folders that may be read, `LVSEG_RESULTS` those that may be written, several as in PATH.
Without them it is `data/` and `results/` of the repository.
"""

from pathlib import Path

from lvseg.core.paths.allowed import below, folders
from lvseg.core.paths.places import main_worktree, state_home

STUDIES, RESULTS = "LVSEG_STUDIES", "LVSEG_RESULTS"


def reads(path: Path | str, key: str) -> Path:
    """Return a path of studies, links followed; `key` is the field of the form.

    Raises:
        UserError: this worker may not read there.
    """
    return below(Path(path), folders(STUDIES, [main_worktree() / "data"]), key, STUDIES)


def writes(path: Path | str, key: str) -> Path:
    """Return a folder for results, links followed.

    Raises:
        UserError: this worker may not write there.
    """
    return below(Path(path), _results(), key, RESULTS)


def lists(path: Path | str) -> Path:
    """Return a list of studies: one to read, or one that a cohort has written among its results.

    Raises:
        UserError: this worker may not read there.
    """
    allowed = [*folders(STUDIES, [main_worktree() / "data"]), *_results()]
    return below(Path(path), allowed, "studies", STUDIES)


def models(path: Path | str, key: str) -> Path:
    """Return the folder of a model: one of the trainings here, or beside the studies.

    Raises:
        UserError: this worker may not read there.
    """
    home = main_worktree()
    trained = [home / "models", state_home() / "workspaces"]
    return below(Path(path), [*folders(STUDIES, [home / "data"]), *trained], key, STUDIES)


def _results() -> list[Path]:
    return folders(RESULTS, [main_worktree() / "results"])
