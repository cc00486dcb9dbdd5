"""Processes that end for certain, surroundings that nothing of this machine's user leaks into, free ports."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from flows.process.leash import PR_SET_PDEATHSIG, prctl
from lvseg.core.environment import command_environment
from lvseg.core.errors import UserError

LOOPBACK = "127.0.0.1"
MARK = "LVSEG_RIG"  # in the surroundings of every process of a rig, so that what got away is found again
PASSWORD = f"rig:{secrets.token_urlsafe(24)}"  # of the Prefect server of this process's rig
START = 120.0  # seconds for a server to answer
END = 40.0  # seconds for a process to end when asked
# More than a flow or a rebuild leaves out: no setting of this machine's user may reach a figure.
_USERS = ("GIT_", "MLFLOW_", "PREFECT_", "DVC_", "LVSEG_", "SSH_", "VIRTUAL_ENV", "PYTHON", "CUDA_")


@contextmanager
def rig(keep: bool = False) -> Iterator[Path]:
    """Yield a new folder for everything; at the end nothing runs in it, and it is gone.

    Args:
        keep: leave the folder, for a look at the logs.
    """
    folder = Path(tempfile.mkdtemp(prefix="lvseg-rig-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user, and must get to its own folder
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that blocks end
    try:
        yield folder
    finally:
        sweep(folder)
        if keep:
            print(f"kept: {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def surroundings(rig: Path, home: Path, **extra: str) -> dict[str, str]:
    """Return the environment of a process: another HOME, this venv first, nothing of the user's settings."""
    settings = {
        MARK: str(rig),
        "HOME": str(home),
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_AUTH_STRING": PASSWORD,
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    return command_environment(_USERS, **settings | extra)


@dataclass(frozen=True)
class Child:
    """A process that we started, and the file that holds what it says."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def check(self) -> None:
        """Raise `UserError` if it has ended."""
        if self.process.poll() is not None:
            raise UserError(f"{self.name} ended with status {self.process.returncode}: {self.said()}")

    def said(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def tree(self) -> list[psutil.Process]:
        """Return the process and all its descendants."""
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal, and see to it that the process ends."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            self.process.wait(END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def child(
    name: str,
    command: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    user: str | None = None,
    ending: int = signal.SIGTERM,
) -> Iterator[Child]:
    """Run a process for the time of the block; it ends with us, even if we are killed.

    Args:
        folder: its log is `<name>.log` in there.
        user: to run as; only root can choose.
        ending: the signal that asks it to end.
    """
    log = folder / f"{name}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=cwd or folder,
            env=env,
            user=user,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    started = Child(name, process, log)
    try:
        yield started
    finally:
        started.end(ending)


def _end_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells switch it off in background jobs
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def answers(server: Child, address: str) -> None:
    """Wait until a server answers HTTP.

    Raises:
        UserError: it ended, or did not answer in time.
    """
    give_up = time.monotonic() + START
    while time.monotonic() < give_up:
        server.check()
        with suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.2)
    raise UserError(f"{server.name} did not answer within {START:.0f} s: {server.said()}")


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def program(name: str, package: str, *places: str) -> str:
    """Return the path of a program of the operating system.

    Raises:
        UserError: it is not installed; the message says how to.
    """
    path = shutil.which(name, path=os.pathsep.join([*places, os.environ["PATH"], "/usr/sbin"]))
    if not path:
        raise UserError(f"{name} is missing: apt-get install {package}")
    return path


def marked(rig: Path) -> list[psutil.Process]:
    """Return all living processes of a rig, whoever their parent is now."""
    living = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(rig) and process.status() != psutil.STATUS_ZOMBIE:
                living.append(process)
    return living


def sweep(rig: Path) -> None:
    """End by force what is left of a rig."""
    for process in marked(rig):
        with suppress(psutil.Error):
            process.kill()
