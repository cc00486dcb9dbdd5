"""The faults of `make chaos`: each is a function that does harm to a run and returns what happened then.

Where it starts another run, that is the next run which must put everything right; where the run survives the
fault by itself, none is needed.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from bench.orchestration.scene import PATIENCE, Scene, Site
from lvseg.core.errors import UserError

Fault = Callable[[Scene], str]
FAULTS: dict[str, Fault] = {}
OUTAGE = 60.0  # seconds that the MLflow server is away
RESTART = 15.0  # seconds that the Prefect server is away: with a last sign of life before, less than SILENCE
PROMPT = 10.0  # seconds in which a cancelled run must be gone with all its processes
PROMPT_WORKER = 30.0  # seconds in which a worker must be
DISK = 160  # MB of the disk that fills up


def fault(function: Fault) -> Fault:
    """Enter a fault in `FAULTS`, under the name of its function with hyphens."""
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def ending(scene: Scene, began: float) -> str:
    """Wait for the end of the newest run; return in words how it ended and after how many seconds."""
    run = scene.server.ended(scene.runs[-1], PATIENCE)
    return f"{run['state_name']} after {time.monotonic() - began:.0f} s ({run['state']['message'][:90]})"


def killed_in_the_middle(scene: Scene, *words: str) -> str:
    """Kill -9 the process with these words when a run trains; wait for its end, and run again."""
    scene.retrain()
    scene.middle()
    began = time.monotonic()
    scene.find(*words).kill()
    return again(scene, ending(scene, began))


def again(scene: Scene, what: str) -> str:
    """Start the next run, with a new worker if the old one is gone, and wait for its end."""
    scene.start_worker()
    scene.retrain()
    scene.server.ended(scene.runs[-1], PATIENCE)
    said = [line for run_id in scene.runs for line in scene.server.log(run_id)]
    resumed = sorted({line for line in said if "goes on after epoch" in line})
    return what + (f"; then {'; '.join(resumed)}" if resumed else "")


@fault
def worker_killed(scene: Scene) -> str:
    """kill -9 of `flows.worker`."""
    return killed_in_the_middle(scene, "-m", "flows.worker")


@fault
def prefect_worker_killed(scene: Scene) -> str:
    """kill -9 of the Prefect worker below `flows.worker`, which must then end as well."""
    scene.retrain()
    scene.middle()
    began = time.monotonic()
    scene.find("-m", "prefect", "worker").kill()
    what = ending(scene, began)
    assert scene.worker is not None
    scene.worker.process.wait(PATIENCE)
    return again(scene, what)


@fault
def machine_lost(scene: Scene) -> str:
    """kill -9 of all processes of the clone at once."""
    scene.retrain()
    scene.middle()
    began = time.monotonic()
    for process in scene.processes():
        with suppress(psutil.Error):
            process.kill()
    return again(scene, ending(scene, began))


@fault
def flow_killed(scene: Scene) -> str:
    """kill -9 of the process of the flow run."""
    return killed_in_the_middle(scene, "-m", "prefect.engine")


@fault
def stage_killed(scene: Scene) -> str:
    """kill -9 of the training."""
    return killed_in_the_middle(scene, "-m", "tasks.train_dense")


@fault
def dvc_killed(scene: Scene) -> str:
    """kill -9 of `dvc repro`."""
    return killed_in_the_middle(scene, "-m", "dvc")


@fault
def leash_killed(scene: Scene) -> str:
    """kill -9 of the process that leads `dvc repro` and the training."""
    return killed_in_the_middle(scene, "-I", "-S")


@fault
def worker_stopped(scene: Scene) -> str:
    """SIGTERM to the worker."""
    scene.retrain()
    scene.middle()
    began = time.monotonic()
    assert scene.worker is not None
    scene.worker.end(signal.SIGTERM)
    gone = time.monotonic() - began
    if gone > PROMPT_WORKER:
        scene.wrong.append("the worker took too long to end")
    return again(scene, f"gone after {gone:.1f} s; {ending(scene, began)}")


@fault
def cancelled(scene: Scene) -> str:
    """Cancel from the UI."""
    run_id = scene.retrain()
    scene.middle()
    began = time.monotonic()
    scene.server.cancel(run_id)
    what = ending(scene, began)
    scene.orphans()
    gone = time.monotonic() - began
    if gone > PROMPT:
        scene.wrong.append("cancelling took too long")
    return again(scene, f"{what}, all gone after {gone:.1f} s")


@fault
def prefect_restarted(scene: Scene) -> str:
    """The Prefect server is killed, and back after a while."""
    return outage(scene, "prefect", RESTART)


@fault
def mlflow_away(scene: Scene) -> str:
    """The MLflow server is killed, and back after a while; the next run delivers what it missed."""
    return again(scene, outage(scene, "mlflow", OUTAGE))


def outage(scene: Scene, name: str, seconds: float) -> str:
    """Take a server away in the middle of a run and bring it back; the run itself must survive."""
    scene.retrain()
    scene.middle()
    began = time.monotonic()
    scene.site.down(name)
    time.sleep(seconds)
    scene.site.up(name)
    return ending(scene, began)


@fault
def remote_away(scene: Scene) -> str:
    """The DVC remote is gone when the results should go there, and back for the next run."""
    scene.clone.remote(scene.site.up("sshd"), scene.site.rig / "store")
    scene.retrain(push=True)
    scene.middle()
    began = time.monotonic()
    scene.site.down("sshd")
    what = ending(scene, began)
    scene.site.up("sshd")
    scene.retrain(push=True)
    return f"{what}; then {ending(scene, time.monotonic())}"


@fault
def disk_full(scene: Scene) -> str:
    """The disk is full in the middle of a training, and has room again for the next run."""
    scene.retrain()
    scene.middle()
    began = time.monotonic()
    ballast = scene.clone.root / ".lvseg" / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(1 << 20))
    what = ending(scene, began)
    ballast.unlink()
    return again(scene, what)


@fault
def two_at_once(scene: Scene) -> str:
    """Two runs of the deployment are started in the same moment."""
    scene.retrain()
    scene.retrain()
    first = scene.server.ended(scene.runs[0], PATIENCE)
    second = scene.server.ended(scene.runs[1], PATIENCE)
    return f"{first['state_name']}, then {second['state_name']}"


@fault
def two_processes(scene: Scene) -> str:
    """A second `retrain` runs beside the deployment's, past its limit of one."""
    scene.retrain()
    other = subprocess.Popen(
        [sys.executable, "-c", "from flows.retrain import retrain; print(retrain(return_state=True))"],
        cwd=scene.clone.root,
        env=scene.clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        what = ending(scene, time.monotonic())
        said, _ = other.communicate(timeout=PATIENCE)
    finally:
        other.kill()
        other.wait()
    return f"{what}; the other: {said.strip().splitlines()[-1][:90]}"


def mount_small_disk(site: Site, name: str) -> Path:
    """Mount a disk of `DISK` MB where the clone of a fault will be, and return the folder.

    Raises:
        UserError: that is not possible here.
    """
    place = site.rig / name
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if os.geteuid() or done.returncode:
        place.rmdir()
        raise UserError("skipped: a disk that fills up needs root and a kernel that mounts")
    return place
