"""Run a command that never outlives the process that wanted it.

    python flows/leash.py GRACE COMMAND [ARGUMENT...]

The command and all that it starts end when it ends itself, when this process is told to end, and when stdin
reaches its end: the other side of that pipe is the process that wanted the command, so that even its death by
`kill -9` is noticed. They are asked to end (SIGTERM) and made to after GRACE seconds (SIGKILL). The exit status
is the command's; if a signal ended the command, the same ends this process.

Must be started as the leader of a process group of its own. Standard library only: it starts in a moment.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def prctl(option: int, value: int) -> None:
    """Call Linux's prctl(2); elsewhere do nothing."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


class Leash:
    """One command and everything below it."""

    def __init__(self, grace: float, command: list[str]) -> None:
        self._grace = grace
        self._status: int | None = None  # as waitpid has it
        self._asked = False
        self._woken, waker = os.pipe()
        for end in (self._woken, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in ENDING:
            signal.signal(number, self._ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what its parent leaves behind becomes our child, wherever it went
        self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_last_resort)

    def _ask(self, number: int, frame: object) -> None:
        self._asked = True

    def hold(self) -> int:
        """Wait until the command has ended or must end, end what is left, and return its wait status."""
        while self._status is None and not self._asked:
            ready, _, _ = select.select([sys.stdin.fileno(), self._woken], [], [])
            if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 1024):
                self._asked = True
            self._reap()
        self._end(signal.SIGTERM, self._grace)
        self._end(signal.SIGKILL, 2.0)
        return self._status if self._status is not None else signal.SIGKILL

    def _end(self, number: int, patience: float) -> None:
        """Send a signal to everything below and wait, at most `patience` seconds, until nothing is left."""
        give_up = time.monotonic() + patience
        told: set[int] = set()
        while below := self._below():
            self._reap()
            for pid in below - told:  # also what appeared since
                _send(pid, number)
            told |= below
            if time.monotonic() > give_up:
                break
            select.select([self._woken], [], [], 0.05)
        self._reap()

    def _reap(self) -> None:
        """Take note of what has ended."""
        while _drained(self._woken):
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self._child.pid:
                self._status = status
                self._child.returncode = os.waitstatus_to_exitcode(status)

    def _below(self) -> set[int]:
        """Return the processes to end: all descendants and the rest of the group; zombies do not count."""
        if not LINUX:
            return {self._child.pid} if self._status is None else set()
        processes = _processes()
        mine, found = os.getpid(), set[int]()
        for pid, (_, group) in processes.items():
            up = pid
            while up in processes and up != mine:
                up = processes[up][0]
            if pid != mine and (up == mine or group == mine):
                found.add(pid)
        return found


def _last_resort() -> None:
    """In the child, before the command: end with this leash, should both it and its parent die at once."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _processes() -> dict[int, tuple[int, int]]:
    """Return parent and process group of every process that is not a zombie."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent, group = (entry / "stat").read_text("latin-1").rpartition(")")[2].split()[:3]
            except (OSError, ValueError):  # it has just ended
                continue
            if state not in "ZX":
                found[int(entry.name)] = int(parent), int(group)
    return found


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _drained(pipe: int) -> bool:
    """Read what a signal wrote; return whether there was anything."""
    try:
        return bool(os.read(pipe, 1024))
    except BlockingIOError:
        return False


def main() -> None:
    """Run the command that the arguments name."""
    status = Leash(float(sys.argv[1]), sys.argv[2:]).hold()
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
