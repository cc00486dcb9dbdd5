"""DVC and tasks in a workspace: on a leash, into a log, without the names of patients."""

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from flows.process import leashed
from flows.process.children import Children
from flows.process.failures import failure, is_error
from flows.process.known_lines import KeptLines, Shown
from lvseg import params
from lvseg.core.environment import command_environment
from lvseg.core.paths.places import state_home

Log = logging.Logger | logging.LoggerAdapter[Any]  # Prefect's of a run is an adapter
_LAST_LINES = 100  # of what a command said, in which the reason of a failure is looked for
# Advice for a person at a terminal, which DVC repeats after each stage.
_ADVICE = (
    "To track the changes with git",
    "git add ",
    "To enable auto staging",
    "dvc config core.autostage",
    "Use `dvc push`",
)


@dataclass(frozen=True)
class Dvc:
    """DVC and the tasks, with this interpreter, in one workspace.

    Attributes:
        workspace: the worktree to run in.
        children: counts the commands, and ends them with the run.
    """

    workspace: Path
    children: Children

    def environment(self) -> dict[str, str]:
        """Return the environment of a stage: this venv's commands first, shared state, one tracking store."""
        from tracking.provenance.dvc_command import private_site_cache
        from tracking.runs.store import tracking_uri

        return command_environment(
            # Of another run, of other code: none of it is meant for a stage. And the orchestrator's password is none of
            # its business.
            without=("MLFLOW_RUN_ID", "PYTHONPATH", "PREFECT_API_AUTH", "PREFECT_SERVER_"),
            LVSEG_HOME=str(state_home()),
            MLFLOW_TRACKING_URI=tracking_uri(),
            DVC_NO_ANALYTICS="1",
            DVC_SITE_CACHE_DIR=private_site_cache(),
            PYTHONUNBUFFERED="1",
        )

    def run(
        self,
        *arguments: str,
        log: Log,
        timeout: float | None = None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> str:
        """Run `dvc --wait-for-lock ...` and return the end of what it said, as far as that may be shown.

        Args:
            arguments: of the command; the first names it.
            log: is given every line.
            timeout: seconds that it may take, or None.
            on_tick: called a few times a second meanwhile.

        Raises:
            StageError: the command failed, or its time was over.
            InfrastructureError: it failed for reasons outside of it.
            RunEndsError: the run is ending.
        """
        shown = what_is_shown(self.workspace, of_dvc=True)
        command = ["dvc", "--wait-for-lock", *arguments]
        return self._run(f"dvc {arguments[0]}", command, shown, log, timeout, on_tick)

    def task(self, name: str, log: Log) -> str:
        """Run `python -m tasks.<name>` as `run` runs DVC."""
        return self._run(name, [f"tasks.{name}"], what_is_shown(self.workspace), log)

    def _run(
        self,
        title: str,
        module: Sequence[str],
        shown: Shown,
        log: Log,
        timeout: float | None = None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> str:
        """Run a module with its arguments; `title` is what an error calls it."""
        told: deque[str] = deque(maxlen=_LAST_LINES)
        with self.children.counted(), KeptLines(title) as kept:

            def take(line: str) -> None:
                if not line.lstrip().startswith(_ADVICE):
                    known = shown.of(line)
                    kept.take(shown.mark.removed(line), known is not None)
                    if known is not None:
                        told.append(known)
                        _log(log, known)

            ended = leashed.run(
                [sys.executable, "-m", *module],
                cwd=self.workspace,
                env={**self.environment(), **shown.mark.environment},
                on_line=take,
                stop=self.children.ending,
                timeout=timeout,
                on_tick=on_tick,
            )
        if kept.held_back:
            log.info("%s", kept.words)
        ended = ended._replace(tail="\n".join(told))
        if ended.status:
            raise failure(title, ended, timeout)
        return ended.tail


def what_is_shown(workspace: Path, of_dvc: bool = False) -> Shown:
    """Return what says of each line of a command what anything else may store: all, where ids are public.

    Args:
        workspace: the worktree that the command runs in.
        of_dvc: whether the command is DVC.
    """
    data = params.load(workspace / "params.yaml").data
    return Shown(None if data.ids_public else data.places, of_dvc)


def _log(log: Log, line: str) -> None:
    """Log a line of output at its level."""
    if is_error(line):
        log.error("%s", line)
    elif line.lower().startswith("warning"):
        log.warning("%s", line)
    else:
        log.info("%s", line)


@contextmanager
def run_cache_lock() -> Iterator[None]:
    """Let one process at a time exchange the run cache: DVC drops an entry that it finds half-written."""
    state_home().mkdir(parents=True, exist_ok=True)
    with FileLock(state_home() / "run-cache.lock"):
        yield
