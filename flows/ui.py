"""`make ui`: a Prefect server, an MLflow server and a worker on this machine, deployed and ready to run.

What runs is the committed state, from a worktree of its own: a person's checkout is neither touched nor looked at.
"""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from flows.process.leash import PR_SET_PDEATHSIG, prctl
from flows.service.guard import LOGIN
from flows.service.password import keep
from flows.service.settings import LOOPBACK, environment, port
from flows.workspace.repository import git, resolve
from lvseg.core.command import run
from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT, state_home
from tracking.server.loopback import check_free, serves

START = 120.0  # seconds for a server to answer
ANNOUNCE = 5.0  # seconds for MLflow to say at which address its list of runs is
END = 30.0  # seconds for a process to end by itself: a worker ends its flow runs first
LOOK = 0.5  # seconds between two looks at whether all processes are still there
LAST = 15  # lines of a log in the message about a process that ended


def main() -> None:
    """Run the servers and a worker until Ctrl-C."""
    began = time.monotonic()
    prefect, mlflow = port("PREFECT_PORT", 4200), port("MLFLOW_PORT", 5000)
    with ExitStack() as stack:
        stack.enter_context(_only_one())
        for variable, number in (("PREFECT_PORT", prefect), ("MLFLOW_PORT", mlflow)):
            check_free(number, f"{variable}={number + 1} make ui")
        code = _deployed()
        api = f"http://{LOOPBACK}:{prefect}/api"
        password = keep(api)
        surroundings = {
            **environment(),
            "PREFECT_API_URL": api,
            "PREFECT_API_AUTH_STRING": password,
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            "MLFLOW_TRACKING_URI": f"http://{LOOPBACK}:{mlflow}",
            "LVSEG_REPOSITORY": str(code),
            "PORT": str(mlflow),
        }
        python = [sys.executable, "-m"]
        server = [*python, "flows.server", "--port", str(prefect)]
        locked = {
            **surroundings,
            "PREFECT_SERVER_API_AUTH_STRING": password,
            "PREFECT_SERVER_UI_API_URL": api,
        }
        children = [
            stack.enter_context(_child("prefect", server, ROOT, locked)),
            stack.enter_context(_child("mlflow", ["sh", "mlflow/serve"], ROOT, surroundings)),
        ]
        _await(children[0], f"{api}/health")
        _deploy(code, surroundings)
        _await(children[1], f"http://{LOOPBACK}:{mlflow}/health")
        worker = [*python, "flows.worker", "--pool", "local"]
        children.append(stack.enter_context(_child("worker", worker, code, surroundings)))
        page = _address(children[1], mlflow)
        _greet(f"http://{LOOPBACK}:{prefect}{LOGIN}#{password}", page, code.name, time.monotonic() - began)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                for child in children:
                    child.check()
                time.sleep(LOOK)
        print("\nending the worker and the servers", flush=True)


@dataclass(frozen=True)
class Child:
    """A process that `make ui` has started.

    Attributes:
        name: what messages call it.
        process: the process itself.
        log: the file that holds what it says.
    """

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def check(self) -> None:
        """Refuse to go on without it.

        Raises:
            UserError: it has ended; the message holds its last lines.
        """
        if self.process.poll() is not None:
            said = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST:])
            raise UserError(
                f"{self.name} ended with status {self.process.returncode}; {self.log} ends with:\n{said}"
            )


@contextmanager
def _child(name: str, command: Sequence[str], cwd: Path, surroundings: Mapping[str, str]) -> Iterator[Child]:
    """Run a process for the time of the block; it ends with this one, even if this one is killed."""
    log = state_home() / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C is for us: we end them in order
            preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM),
        )
    try:
        yield Child(name, process, log)
    finally:
        process.terminate()
        try:
            process.wait(END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _only_one() -> Iterator[None]:
    """Refuse to run twice on the same state, for the time of the block.

    Raises:
        UserError: another `make ui` runs.
    """
    lock = FileLock(state_home() / "ui.lock")
    state_home().mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError("make ui runs already for this repository; end it with Ctrl-C first") from None
    try:
        yield
    finally:
        lock.release()


def _deployed() -> Path:
    """Return a worktree of the present commit that nobody works in; older ones are removed."""
    commit = resolve(None)
    if git("status", "--porcelain"):
        print("note: what is not committed does not run here; commit and start `make ui` again", flush=True)
    home = state_home() / "deployed"
    code = home / commit[:12]
    for other in home.glob("*"):
        if other != code:
            shutil.rmtree(other)
    git("worktree", "prune")
    if not (code / ".git").is_file():
        git("worktree", "add", "--force", "--quiet", "--detach", str(code), commit)
    git("checkout", "--force", "--quiet", "--detach", commit, root=code)
    return code


def _deploy(code: Path, surroundings: Mapping[str, str]) -> None:
    """Tell the Prefect server what there is to run.

    Raises:
        UserError: the server refuses; the message is its reason.
    """
    command = [sys.executable, "-m", "flows.deploy"]
    done = subprocess.run(command, cwd=code, env=surroundings, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"nothing was deployed: {done.stderr.strip().removeprefix('error: ')}")


def _await(child: Child, address: str) -> None:
    """Wait until a server answers, and not what another user has put in its place: it will be told the password.

    Raises:
        UserError: it ended, or does not answer within `START` seconds.
    """
    give_up, number = time.monotonic() + START, urlsplit(address).port or 0
    while time.monotonic() < give_up:
        child.check()
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            if serves(child.process.pid, number):
                return
        time.sleep(0.2)
    raise UserError(f"{child.name} did not answer within {START:.0f} s at {address}; its log: {child.log}")


def _address(mlflow: Child, number: int) -> str:
    """Return the address of the ranked list of runs, which the server's log says soon after it answers."""
    give_up = time.monotonic() + ANNOUNCE
    while time.monotonic() < give_up:
        said = mlflow.log.read_text(encoding="utf-8", errors="replace")
        if told := re.search(r"MLflow: (\S+)", said):
            return told[1]
        time.sleep(0.1)
    return f"http://{LOOPBACK}:{number}"


def _greet(prefect: str, mlflow: str, version: str, seconds: float) -> None:
    """Say what there is to open and to do.

    Args:
        prefect: the address that opens the Prefect pages, logged in.
        mlflow: the address of the MLflow pages.
        version: the commit that runs, shortened.
        seconds: the time that it took to start.
    """
    print(
        f"""Up after {seconds:.0f} s, at commit {version}.

  Prefect  {prefect}
           retrain runs on Sundays, when raw data changes, and when you press Run
           the address holds the password: who has it runs commands as you do
  MLflow   {mlflow}
  logs     {state_home() / "logs"}

Ctrl-C ends all of it. A run that is cut off goes on where it was when it is started again.""",
        flush=True,
    )


if __name__ == "__main__":
    run(main)
