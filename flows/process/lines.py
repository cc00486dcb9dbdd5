"""Run a command on a leash and pass on what it says, line by line."""

import codecs
import contextlib
import math
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LEASH = Path(__file__).with_name("leash.py")
GRACE = 8.0  # seconds between the request to end and the end by force
TICK = 0.2  # seconds
BAR_PAUSE = 15.0  # seconds between two updates of a progress bar
TAIL = 4000  # characters
LONGEST = 20_000  # characters of a line; a longer one is passed on in pieces
# Colours, links, and the characters that no page shows and PostgreSQL does not take.
_UNSHOWN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_LINE_END = re.compile(r"\r\n|\r|\n")


class Ended(NamedTuple):
    """How a command ended.

    Attributes:
        status: its exit status, or minus the number of the signal that ended it.
        tail: the last lines that it said, some 4,000 characters.
        timed_out: whether it was ended because its time was over.
        stopped: whether it was ended because `stop` was set.
    """

    status: int
    tail: str
    timed_out: bool
    stopped: bool


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    stop: threading.Event,
    timeout: float | None = None,
    on_tick: Callable[[], None] = lambda: None,
) -> Ended:
    """Run a command and everything that it starts, until all of that has ended.

    Args:
        on_line: gets every line of stdout and stderr; of a progress bar some.
        stop: once set, by any thread, the command is asked to end, and made to after `GRACE` seconds.
        timeout: seconds after which the same happens, or None.
        on_tick: called a few times a second while the command runs.
    """
    leashed = [sys.executable, "-I", "-S", str(LEASH), str(GRACE), *command]
    with subprocess.Popen(
        leashed,
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        bufsize=0,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        output, lines = process.stdout.fileno(), Lines(on_line)
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        stopped = timed_out = False
        try:
            while process.poll() is None and not (stopped or timed_out):
                _pump(output, lines)
                stopped = stop.is_set()
                timed_out = not stopped and time.monotonic() > deadline
                on_tick()
        finally:
            process.stdin.close()  # the leash ends the command, which may have a last word
            give_up = time.monotonic() + GRACE + 3
            while process.poll() is None and time.monotonic() < give_up:
                _pump(output, lines)
            _end_group(process.pid)  # someone killed or froze the leash: do its work, or its command runs on
            silence = time.monotonic() + 1.0  # a process that left the group may hold the pipe
            while _pump(output, lines) and time.monotonic() < silence:
                pass
        return Ended(process.wait(), lines.close(), timed_out, stopped)


def _pump(pipe: int, lines: "Lines") -> bool:
    """Pass on what there is to read, waiting a moment for it; return False at the end."""
    waiting = select.poll()  # select.select takes no pipe above 1023
    waiting.register(pipe, select.POLLIN)
    if not waiting.poll(TICK * 1000):
        return True
    data = os.read(pipe, 65536)
    lines.feed(data)
    return bool(data)


def _end_group(leader: int) -> None:
    """End by force what is left of a group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class Lines:
    """Cuts a stream of bytes into lines; of updates that overwrite each other, only some are lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = self._update = self._tail = ""
        self._next_update = 0.0

    def feed(self, data: bytes) -> None:
        """Take some bytes."""
        text = self._rest + self._decode(data, final=not data)
        start = 0
        for end in _LINE_END.finditer(text):
            if end.end() == len(text) and end[0] == "\r":
                break  # a line feed may follow
            self._cut(text[start : end.end()])
            start = end.end()
        self._rest = text[start:]
        if len(self._rest) > LONGEST:
            self._pass(self._rest)
            self._rest = ""

    def close(self) -> str:
        """Pass on what no line end followed; return the last lines."""
        self._cut(self._rest + "\n")
        return self._tail

    def _cut(self, piece: str) -> None:
        content = piece.rstrip("\r\n")
        if piece.endswith("\n"):
            self._pass(content if _plain(content) else self._update)
            self._update = ""
        elif _plain(content):
            self._update = content
            if time.monotonic() >= self._next_update:
                self._next_update = time.monotonic() + BAR_PAUSE
                self._pass(content)
                self._update = ""

    def _pass(self, line: str) -> None:
        line = _plain(line)
        if line:
            self._tail = f"{self._tail}{line}\n"[-TAIL:]
            with contextlib.suppress(Exception):  # a log that cannot be reached must not stop the command
                self._on_line(line)


def _plain(text: str) -> str:
    """Return a text without what cannot be shown, and without trailing space."""
    return _UNSHOWN.sub("", text).rstrip()
