"""Run a command on a leash (leash.py), so that nothing of it outlives the run that wants it."""

import contextlib
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from flows.process.output_lines import OutputLines

LEASH = Path(__file__).with_name("leash.py")
GRACE = 8.0  # seconds between the request to end and the end by force, for a stage to end in good order
TICK = 0.2  # seconds between two looks at the command, its time and the request to end
READ = 65536  # bytes at once: what a pipe of Linux holds
LEASH_ENDS = 3.0  # seconds that the leash needs beyond GRACE to end by force what is left
DRAIN = 1.0  # seconds of reading after the end: a process that left the group may hold the pipe for ever
ALL_ENDED = (
    GRACE + LEASH_ENDS + DRAIN
)  # seconds after which nothing of a command is left that was asked to end


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
        command: the program and its arguments.
        cwd: the folder to run it in.
        env: its environment variables, all of them.
        on_line: is given every line of stdout and stderr, and now and then one of a progress bar.
        stop: once set, by any thread, the command is asked to end, and made to after `GRACE` seconds.
        timeout: seconds after which the same happens, or None.
        on_tick: called every `TICK` seconds while the command runs.

    Returns:
        How it ended; a command that fails raises nothing.
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
        pipe, output = process.stdout.fileno(), OutputLines(on_line)
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        stopped = timed_out = False
        try:
            while process.poll() is None and not (stopped or timed_out):
                _read(pipe, output)
                stopped = stop.is_set()
                timed_out = not stopped and time.monotonic() > deadline
                on_tick()
        finally:
            process.stdin.close()  # the leash ends the command, which may have a last word
            give_up = time.monotonic() + GRACE + LEASH_ENDS
            while process.poll() is None and time.monotonic() < give_up:
                _read(pipe, output)
            _end_group(process.pid)  # someone killed or froze the leash: do its work, or its command runs on
            give_up = time.monotonic() + DRAIN
            while _read(pipe, output) and time.monotonic() < give_up:
                pass
        return Ended(process.wait(), output.close(), timed_out, stopped)


def _read(pipe: int, output: OutputLines) -> bool:
    """Pass on what there is to read, waiting a tick for it; return False at the end."""
    waiting = select.poll()  # select.select takes no pipe above 1023
    waiting.register(pipe, select.POLLIN)
    if not waiting.poll(TICK * 1000):
        return True
    data = os.read(pipe, READ)
    output.feed(data)
    return bool(data)


def _end_group(leader: int) -> None:
    """End by force what is left of a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
