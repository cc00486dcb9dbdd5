"""Which lines of a command's output may leave the machine: those that our programs mark, and DVC's own.

Where the ids of patients are not public, Prefect's log, states and database get these lines alone. Whatever else a
library says, a damaged file makes it say, or a traceback quotes, may hold what was read: it stays in a file on the
worker.
"""

import os
import re
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from flows.process.marks import Mark
from lvseg.core.paths.places import state_home

NOT_SHOWN = "... (not shown, for data.ids_public is false)"
_KEPT_DAYS = 30
_MOST_BYTES = 20 * 2**20  # of one command; a flood of lines fills no disk
_STAGE, _TASK = r"[a-z][a-z0-9-]*", r"python -m tasks\.[a-z_]+"
_RUNS = re.compile(rf"Running stage '{_STAGE}':")  # DVC says it before the stage has said anything
# DVC 3, while nothing but DVC has spoken.
_OF_DVC = re.compile(
    r"Stage '[\w./-]+' didn't change, skipping"
    r"|Stage '[\w./-]+' is cached - skipping run, checking out outputs"
    r"|'[\w./-]+' didn't change, skipping"
    r"|Verifying (data sources in stage|outputs in frozen stage): '[\w./-]+'"
    r"|[AMD]\t[\w.-]+/[\w.-]+/?"  # an out as a whole
    r"|(Data and pipelines are|Everything is) up to date\."
    r"|\d+ files? [a-z]+( and \d+ files? [a-z]+)*"
    r"|(Fetched|Pushed) \d+ runs?|No runs to [a-z]+"
)
# DVC 3 behind a stage: nothing that a stage could have put there says more than this.
_BEHIND_A_STAGE = re.compile(
    rf"> {_TASK}"
    r"|(Generating|Updating) lock file 'dvc\.lock'"
    rf"|ERROR: failed to reproduce '{_STAGE}': failed to run: {_TASK}, exited with -?\d+"
)
# What we or DVC say is wrong: a sentence for people; what it may quote of raw data is cut off.
_SAID = re.compile(r"(error|warning|ERROR|WARNING): ")
# How Python ends a traceback: the type of the exception and what it says; within a group of exceptions behind a bar.
_RAISED = re.compile(
    r"^([\s|+-]*[A-Za-z_][\w.]*(?:Error|Exception|Group|Warning|Exit|Interrupt|Expired|Died): ).*"
)


class Shown:
    """Says of each line of one command, in turn, what anything else may store of it.

    Attributes:
        mark: of the lines of our programs; its variable belongs into the environment of the command.
    """

    def __init__(self, places: Sequence[Path] | None, of_dvc: bool) -> None:
        """Make a mark for one command.

        Args:
            places: of the raw data; what stands behind one in a line is cut off, for names of raw files may be those
                of patients. None where ids are public: then all of every line is shown.
            of_dvc: whether the command is DVC, which speaks without the mark until it runs a stage.
        """
        self.mark = Mark()
        self._public, self._of_dvc = places is None, of_dvc
        either = "|".join(re.escape(str(place)) for place in places or ())
        self._below = re.compile(rf"((?:{either})[/.]).*")

    def of(self, line: str) -> str | None:
        """Return what may be shown of a line; None for nothing."""
        if self._public:
            return self.mark.removed(line)
        said = self.mark.said(line)
        if said is not None:
            return self._cut(said)
        text = line.strip()
        if _RUNS.fullmatch(text):
            self._of_dvc = False
            return line
        if _BEHIND_A_STAGE.fullmatch(text) or (self._of_dvc and _OF_DVC.fullmatch(text)):
            return line
        if _RAISED.match(line):
            return _RAISED.sub(rf"\1{NOT_SHOWN}", line)
        if word := _SAID.match(line):
            return self._cut(line) if self._of_dvc else f"{word[0]}{NOT_SHOWN}"
        return None

    def _cut(self, line: str) -> str:
        return self._below.sub(rf"\1{NOT_SHOWN}", line)


class KeptLines:
    """The output of one command as it was, in a file that its owner alone can read; without a held-back line, none.

    Attributes:
        path: of the file.
        held_back: how many lines were not shown elsewhere.
    """

    def __init__(self, title: str) -> None:
        """Name the file after what the command is called."""
        self.path = _kept_file(title)
        self.held_back = self._bytes = 0
        self._file: IO[str] | None = None

    def __enter__(self) -> "KeptLines":
        self._file = _opened(self.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file
        self._file.close()
        if not self.held_back:
            self.path.unlink(missing_ok=True)

    def take(self, line: str, shown: bool) -> None:
        """Keep a line, which was or was not shown."""
        assert self._file
        self.held_back += not shown
        if self._bytes < _MOST_BYTES:
            self._bytes += self._file.write(f"{line}\n")

    @property
    def words(self) -> str:
        """Return what there is to say of the lines that were held back."""
        return (
            f"{self.held_back} lines are not shown here, for data.ids_public is false and they are of no known form: "
            f"{self.path} on this worker has them"
        )


def fault(error: BaseException) -> str:
    """Return what a run may say of an exception that nobody foresaw: its type; the rest is kept on this worker.

    What it says, and the lines of its traceback, may hold anything that was read.
    """
    path = _kept_file("fault")
    with _opened(path) as file:
        traceback.print_exception(error, file=file)
    return f"{type(error).__name__}, a fault of this program, please report it: {path} on this worker has what it says"


def _kept_file(title: str) -> Path:
    """Return a name that no other has: what, when, and which process."""
    name = re.sub(r"[^\w.-]+", "-", title)
    moment = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{time.monotonic_ns()}"
    return state_home() / "logs" / f"{moment}-{name}.log"


def _opened(path: Path) -> IO[str]:
    """Open a new file that its owner alone can read, and forget old ones."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _forget(path.parent)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace")


def _forget(folder: Path) -> None:
    """Remove what was kept long ago."""
    oldest = time.time() - _KEPT_DAYS * 86_400
    for path in folder.glob("*.log"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
