"""Run a command that never outlives the process that wanted it.

    python flows/process/leash.py GRACE COMMAND [ARGUMENT...]

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
import stat
import subprocess
import sys
import time
from pathlib import Path

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # from linux/prctl.h
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
KILLED_WITHIN = 2.0  # seconds for processes to be gone after SIGKILL: the kernel may be busy
LOOK = 0.05  # seconds between two looks at what has not ended yet
READ = 65536  # bytes at once: what a pipe of Linux holds


def prctl(option: int, value: int) -> None:
    """Set an option of this process by Linux's prctl(2), such as `PR_SET_PDEATHSIG`; elsewhere do nothing."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


class Leash:
    """One command and everything below it: starts it, waits for it, and ends all that it leaves."""

    def __init__(self, grace: float, command: list[str]) -> None:
        self._grace = grace
        self._status: int | None = None  # as waitpid has it; None while the command runs
        self._asked = False
        self._owner = os.getppid()
        self._output = _output()
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
        """Wait until the command has ended or must end, end what is left, and return its status as waitpid has it."""
        while self._status is None and not self._asked:
            ready, _, _ = select.select([sys.stdin.fileno(), self._woken], [], [])
            if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), READ):
                self._asked = True
            self._reap()
        if not self._end(signal.SIGTERM, self._grace) and not self._end(signal.SIGKILL, KILLED_WITHIN):
            os.killpg(os.getpid(), signal.SIGKILL)  # what forks faster than one can look; this process, too
        return self._status if self._status is not None else signal.SIGKILL

    def _end(self, number: int, patience: float) -> bool:
        """Send a signal to everything below; return whether all of that has ended within `patience` seconds."""
        give_up = time.monotonic() + patience
        told: set[int] = set()
        while True:
            children = self._reap()
            below = self._below()
            if not (children if LINUX else below):  # a look may miss what forks; the kernel does not
                return True
            if time.monotonic() > give_up:
                return False
            for pid in below - told:  # also what appeared since
                _send(pid, number)
            told |= below
            if os.getppid() != self._owner:
                _drain(self._output)  # nobody else reads it: last words would block
            select.select([self._woken], [], [], LOOK)

    def _reap(self) -> bool:
        """Take note of what has ended; return whether there are children left."""
        _drain(self._woken)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self._child.pid:
                self._status = status
                self._child.returncode = os.waitstatus_to_exitcode(status)

    def _below(self) -> set[int]:
        """Return the ids of the processes to end: all descendants and the rest of the process group."""
        processes = _processes_of_linux() if LINUX else _processes_by_ps()
        leash, below = os.getpid(), set[int]()
        for pid, (_, group) in processes.items():
            ancestor = pid
            while ancestor in processes and ancestor != leash:
                ancestor = processes[ancestor][0]
            if pid != leash and (ancestor == leash or group == leash):
                below.add(pid)
        return below


def _output() -> int | None:
    """Return the other end of the pipe that is stdout, where the system lets us have it.

    While it is open here, the command can say its last words although the process that read them is dead.
    """
    if LINUX and stat.S_ISFIFO(os.fstat(1).st_mode):
        return os.open("/proc/self/fd/1", os.O_RDONLY | os.O_NONBLOCK)
    return None


def _last_resort() -> None:
    """In the child, before the command: end with this leash, should both it and its parent die at once."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _processes_of_linux() -> dict[int, tuple[int, int]]:
    """Return the parent and the process group of every process, by its id, as proc(5) tells."""
    processes = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                _, parent, group = (entry / "stat").read_text("latin-1").rpartition(")")[2].split()[:3]
                processes[int(entry.name)] = int(parent), int(group)
    return processes


def _processes_by_ps() -> dict[int, tuple[int, int]]:
    """Return the same where there is no /proc, as ps(1) tells on every POSIX system."""
    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid=,pgid="], stdout=subprocess.PIPE) as ps:
        assert ps.stdout is not None
        rows = [tuple(map(int, line.split())) for line in ps.stdout]
    return {pid: (parent, group) for pid, parent, group in rows if pid != ps.pid}


def _send(pid: int, number: int) -> None:
    """Send a signal to a process, which may have ended or become somebody else's."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _drain(pipe: int | None) -> None:
    """Empty a pipe that does not block; None is no pipe."""
    with contextlib.suppress(BlockingIOError):
        while pipe is not None and os.read(pipe, READ):
            pass


def main() -> None:
    """Run the command that the arguments name."""
    try:
        leash = Leash(float(sys.argv[1]), sys.argv[2:])
    except OSError as error:
        sys.exit(f"error: {sys.argv[2]} cannot be started: {error.strerror}")
    status = leash.hold()
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
