"""A worker of a Prefect work pool that ends in good order: `python -m flows.worker --pool local`.

Prefect's own worker ends its flow runs by force when it is asked to end, and they would say Running until
somebody notices. This one asks them first: each ends its stage, which keeps its checkpoint, and says Crashed.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Annotated

import psutil
import typer

from flows.process.leash import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl
from flows.service import pools
from flows.service.settings import environment, no_server
from lvseg.core.command import run
from lvseg.core.errors import UserError

LOOK = 0.5  # seconds between two looks at what is below: each reads all processes
PATIENCE = 20.0  # seconds for flow runs to end their stages (12 by force, flows/process) and to say so
WORKER_ENDS = 10.0  # seconds for Prefect's worker to end once it has no flow run


def main(
    pool: Annotated[str, typer.Option(help="Work pool to take flow runs from.")],
    gpu: Annotated[
        int | None, typer.Option(min=0, help="GPU that this worker owns; one run at a time.")
    ] = None,
) -> None:
    """Take flow runs from a work pool until asked to end (Ctrl-C, SIGTERM)."""
    surroundings = environment()
    os.environ.update(surroundings)
    _check_pool(pool)
    name = f"{socket.gethostname()}-{pool}" + (f"-gpu{gpu}" if gpu is not None else f"-{os.getpid()}")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--name", name]
    if gpu is not None:
        command += ["--limit", "1"]
        surroundings["CUDA_VISIBLE_DEVICES"] = str(gpu)
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # so that flow runs are ours to end when Prefect's worker was killed
    worker = subprocess.Popen(command, env=surroundings, start_new_session=True, preexec_fn=_end_with_parent)
    asked_to_end: list[int] = []  # the signals that asked for it

    def ask(number: int, _frame: FrameType | None) -> None:
        asked_to_end.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ask)
    while not asked_to_end and worker.poll() is None:
        _reap_adopted(worker)
        time.sleep(LOOK)
    _end(worker)
    if not asked_to_end:
        raise UserError(f"the Prefect worker {name} ended with status {worker.returncode}, see above")


def _check_pool(pool: str) -> None:
    """Refuse to start without the server or the pool, or for a pool that takes any command, with what to do.

    Raises:
        UserError: one of them is missing, or the pool is open.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    try:
        with get_client(sync_client=True) as client:
            work_pool = client.read_work_pool(pool)
    except ObjectNotFound:
        raise UserError(f"there is no work pool {pool}: `python -m flows.deploy --gpu` makes ours") from None
    except httpx.HTTPError as error:
        raise no_server(error) from None
    if work_pool.type == pools.TYPE and pools.is_open(work_pool.base_job_template):
        raise UserError(
            f"the work pool {pool} takes commands from flow runs: `python -m flows.deploy` closes it"
        )


def _end_with_parent() -> None:
    """In the child, before the command: end with the parent, and hear Ctrl-C's signal.

    Shells switch that signal off in background jobs, and it would stay so below.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(worker: "subprocess.Popen[bytes]") -> None:
    """Ask the flow runs to end, then the worker, and end by force what is left."""
    give_up = time.monotonic() + PATIENCE
    told: set[int] = set()
    while time.monotonic() < give_up:
        runs = _flow_runs(worker)  # again and again: the worker may start another one meanwhile
        for flow_run in runs:
            if flow_run.pid not in told:
                told.add(flow_run.pid)
                with suppress(psutil.NoSuchProcess):
                    flow_run.terminate()
        if not runs:
            break
        time.sleep(0.1)
    worker.terminate()
    with suppress(subprocess.TimeoutExpired):
        worker.wait(WORKER_ENDS)
    for process in _flow_runs(worker):
        process.kill()
    worker.kill()
    worker.wait()


def _reap_adopted(worker: "subprocess.Popen[bytes]") -> None:
    """Wait for adopted processes that have ended: as zombies they pass for alive, and DVC would respect their locks."""
    for child in psutil.Process().children():
        if child.pid != worker.pid and not _alive(child):
            with suppress(ChildProcessError):
                os.waitpid(child.pid, os.WNOHANG)


def _flow_runs(worker: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """Return the processes of the flow runs of a worker, which are ours once it has ended."""
    children = [child for child in psutil.Process().children() if child.pid != worker.pid]
    with suppress(psutil.NoSuchProcess):
        children += psutil.Process(worker.pid).children()
    return [child for child in children if _alive(child)]


def _alive(process: psutil.Process) -> bool:
    """Return whether a process has not ended; one that ended and was not waited for is a zombie."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    run(main)
