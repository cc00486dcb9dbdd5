"""Which lines of a command's output may leave the machine: those that DVC and our programs write in a known form.

Where the ids of patients are not public, Prefect's log, states and database get these lines alone. Whatever else a
library says, a damaged file makes it say, or a traceback quotes, may hold what was read: it stays in a file on the
worker.
"""

import os
import re
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from lvseg.core.paths.places import state_home

NOT_SHOWN = "... (not shown, for data.ids_public is false)"
_KEPT_DAYS = 30
_MOST_BYTES = 20 * 2**20  # of one command; a flood of lines fills no disk
_NUMBER = r"-?[\d.,]+"
_STAGE = r"[a-z][a-z0-9-]*"
_FORMS = (
    # DVC 3
    rf"Running stage '{_STAGE}':",
    r"> python -m tasks\.\w+",
    r"Stage '[\w./-]+' didn't change, skipping",
    r"Stage '[\w./-]+' is cached - skipping run, checking out outputs",
    r"'[\w./-]+' didn't change, skipping",
    r"Verifying (data sources in stage|outputs in frozen stage): '[\w./-]+'",
    r"(Generating|Updating) lock file 'dvc\.lock'",
    r"(Data and pipelines are|Everything is) up to date\.",
    r"\d+ files? \w+( and \d+ files? \w+)*",
    r"(Fetched|Pushed) \d+ runs?|No runs to \w+",
    r"[AMD]\t[\w.-]+/[\w.-]+/?",  # an out as a whole
    rf"ERROR: failed to reproduce '{_STAGE}': failed to run: python -m tasks\.\w+, exited with -?\d+",
    # the stages
    rf"phantom: {_NUMBER} patients, {_NUMBER} frames, {_NUMBER} contours",
    rf"{_NUMBER} patients, {_NUMBER} of {_NUMBER} endocardial contours joined, flags: (none|[a-z, \d-]+), "
    rf"{_NUMBER} patients in two places, {_NUMBER} set aside",
    r"(train|validation|test) \d+ patients(, (train|validation|test) \d+ patients)*",
    r"(train-\w+: runs on|evaluate:) (CPU, \d+ threads?|GPU [\w .()/:-]+, memory growth on|\w+:\d+, \w+)",
    r"train-\w+: \d+ slices to train on, \d+ to validate on",
    r"train-\w+: goes on after epoch \d+ of \d+",
    rf"epoch \d+/\d+: ([a-z_]+ ({_NUMBER}|nan|inf) ?)*, {_NUMBER} s, {_NUMBER} s left",
    r"another process trains the same: waiting for it",
    r"[a-z]\w* [0-9a-f]{6}: run [0-9a-f]{32} in [\w:/.@-]+",
    r"nothing is waiting to be logged",
    r"[a-z]\w* [0-9a-f]{6} \(v\d+\) is (not )?champion: .*",
)
_KNOWN = re.compile("|".join(f"(?:{form})" for form in _FORMS))
# What we or DVC say is wrong: a sentence for people; what it may quote of raw data is cut off.
_SAID = re.compile(r"(error|warning|ERROR|WARNING): ")
# How Python ends a traceback: the type of the exception and what it says; within a group of exceptions behind a bar.
_RAISED = re.compile(
    r"^([\s|+-]*[A-Za-z_][\w.]*(?:Error|Exception|Group|Warning|Exit|Interrupt|Expired|Died): ).*"
)


def known_forms(places: Sequence[Path]) -> Callable[[str], str | None]:
    """Return the function that says what of a line may be shown; None for a line of no known form.

    Args:
        places: of the raw data. A sentence of ours is cut off behind one: names of raw files may be those of patients.
    """
    either = "|".join(re.escape(str(place)) for place in places)
    below = re.compile(rf"((?:{either})[/.]).*")

    def shown(line: str) -> str | None:
        if _KNOWN.fullmatch(line.strip()):
            return line
        if _RAISED.match(line):
            return _RAISED.sub(rf"\1{NOT_SHOWN}", line)
        return below.sub(rf"\1{NOT_SHOWN}", line) if _SAID.match(line) else None

    return shown


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
