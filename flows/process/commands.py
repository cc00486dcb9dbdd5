"""Commands in a workspace: on a leash, into a log, and told apart by whose fault a failure is."""

import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from flows.process import lines
from lvseg import params
from lvseg.core.places import state_home

# What another try may mend: a process that somebody killed, a lock, a remote or server that did not answer.
_KILLED = re.compile(r"exited with (-\d+|1(29|3\d|4\d|5\d))\b")
_INFRASTRUCTURE = re.compile(
    r"unable to acquire lock|is busy, it is being blocked"
    r"|failed to (connect|transfer|pull|fetch|push|upload|download)"
    r"|connect call failed|connection (refused|reset|lost)|could not connect"
    r"|timed out|temporary failure in name resolution"
    r"|tracking store \S+ cannot be used",
    re.IGNORECASE,
)
# Advice for a person at a terminal, which DVC repeats after each stage.
_ADVICE = (
    "To track the changes with git",
    "git add ",
    "To enable auto staging",
    "dvc config core.autostage",
    "Use `dvc push`",
)
_ERROR = re.compile(r"^(error|ERROR)\b:?\s*")


class StageError(Exception):
    """A command failed by its own fault; the message says why."""


class InfrastructureError(Exception):
    """A command failed for reasons outside of it: another try may succeed."""


class RunEndsError(Exception):
    """The run is ending, and the command with it."""


@dataclass
class Children:
    """The commands that a run has under way, in any of its threads; they end with it."""

    ending: threading.Event = field(default_factory=threading.Event)
    _running: set[int] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count the command that runs in this block."""
        me = threading.get_ident()
        with self._changed:
            if self.ending.is_set():
                raise RunEndsError
            self._running.add(me)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(me)
                self._changed.notify_all()

    def end(self) -> None:
        """Ask all commands to end, and wait until they have; nothing starts afterwards."""
        with self._changed:
            self.ending.set()
            self._changed.wait_for(lambda: not self._running, timeout=lines.GRACE + 4)


@dataclass(frozen=True)
class Dvc:
    """The `dvc` of this interpreter, in one workspace."""

    workspace: Path
    children: Children

    def environment(self) -> dict[str, str]:
        """Return the surroundings of a stage: this venv's commands first, shared state, one tracking store."""
        from tracking.runs.store import tracking_uri

        dropped = ("GIT_", "MLFLOW_RUN_ID", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        here = Path(sys.executable).parent
        return {
            **kept,
            "PATH": f"{here}{os.pathsep}{kept.get('PATH', os.defpath)}",
            "LVSEG_HOME": str(state_home()),
            "MLFLOW_TRACKING_URI": tracking_uri(),
            "DVC_NO_ANALYTICS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def run(
        self,
        *arguments: str,
        log: "logging.Logger | logging.LoggerAdapter[Any]",
        timeout: float | None = None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> str:
        """Run `dvc --wait-for-lock ...` and return the end of what it said.

        Args:
            log: gets every line.
            timeout: seconds.
            on_tick: called a few times a second meanwhile.

        Raises:
            StageError: the command failed, or its time was over.
            InfrastructureError: it failed for reasons outside of it.
            RunEndsError: the run is ending.
        """
        return self._run(f"dvc {arguments[0]}", ["dvc", "--wait-for-lock", *arguments], log, timeout, on_tick)

    def task(self, name: str, log: "logging.Logger | logging.LoggerAdapter[Any]") -> str:
        """Run `python -m tasks.<name>` as `run` runs DVC."""
        return self._run(name, [f"tasks.{name}"], log)

    def _run(
        self,
        title: str,
        module: Sequence[str],
        log: "logging.Logger | logging.LoggerAdapter[Any]",
        timeout: float | None = None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> str:
        """Run a module with its arguments; `title` is what an error calls it."""
        conceal = concealment(self.workspace)
        with self.children.one():
            ended = lines.run(
                [sys.executable, "-m", *module],
                cwd=self.workspace,
                env=self.environment(),
                on_line=lambda line: _tell(log, conceal(line)),
                stop=self.children.ending,
                timeout=timeout,
                on_tick=on_tick,
            )
        ended = ended._replace(tail="\n".join(map(conceal, ended.tail.splitlines())))
        if ended.status:
            raise _failure(title, ended, timeout)
        return ended.tail


def concealment(workspace: Path) -> Callable[[str], str]:
    """Return what a line of output goes through before anything stores it.

    Names of raw files may be those of patients: unless their ids are public, a line is cut off after the folder.
    """
    data = params.load(workspace / "params.yaml").data
    if data.ids_public:
        return lambda line: line
    below = re.compile(rf"({re.escape(data.raw.rstrip('/'))}[/.]).*")
    return lambda line: below.sub(r"\1... (not shown, for data.ids_public is false)", line)


def _tell(log: "logging.Logger | logging.LoggerAdapter[Any]", line: str) -> None:
    """Log a line of output at its level."""
    if _ERROR.match(line):
        log.error("%s", line)
    elif line.lower().startswith("warning"):
        log.warning("%s", line)
    elif not line.lstrip().startswith(_ADVICE):
        log.info("%s", line)


def _failure(title: str, ended: lines.Ended, timeout: float | None) -> Exception:
    """Return the exception for a command that did not end well."""
    if ended.stopped:
        return RunEndsError("ended with the run")
    if ended.timed_out:
        return StageError(
            f"took longer than {timeout:.0f} s (meta.timeout_minutes in dvc.yaml) and was ended"
        )
    if ended.status < 0:
        return InfrastructureError(f"{title} was ended by signal {-ended.status}")
    reason = last_error(ended.tail) or f"{title} ended with status {ended.status}"
    if killed := _KILLED.search(ended.tail):
        return InfrastructureError(f"the stage was ended by a signal ({killed[0]})")
    return InfrastructureError(reason) if _INFRASTRUCTURE.search(ended.tail) else StageError(reason)


@contextmanager
def run_cache() -> Iterator[None]:
    """Let one process at a time exchange the run cache: DVC drops an entry that it finds half-written."""
    state_home().mkdir(parents=True, exist_ok=True)
    with FileLock(state_home() / "run-cache.lock"):
        yield


def last_error(tail: str) -> str:
    """Return what a command said was wrong: the stage's own error line rather than DVC's about it."""
    errors = [_ERROR.sub("", line) for line in tail.splitlines() if _ERROR.match(line)]
    own = [error for error in errors if not error.startswith("failed to reproduce")]
    return next(iter([*own[-1:], *errors[-1:], *tail.splitlines()[-1:]]), "")
