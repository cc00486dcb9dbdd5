"""Where a fault happens: a fresh clone with cold caches, a worker in it, a `retrain` in the middle of training.

What is asked of the system afterwards is the same for all faults, and stands here too.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.rig import clones, servers
from bench.rig.api import Prefect, mlflow_runs
from bench.rig.clones import TINY_UNET, Clone
from bench.rig.process import Child, free_port, marked
from lvseg.core.errors import UserError

SLOW: dict[str, dict[str, Any]] = {"train_dense": {"epochs": 60}, "train_cnn": {"epochs": 40}}
SOURCE = "undisturbed"  # what all clones are made from
MIDDLE = 3  # epochs after which a training counts as under way: a checkpoint is there
UNFINISHED = ("RUNNING", "PENDING", "CANCELLING")
# What MLflow must hold in the end: one whole run of each training.
RECORD = sorted(
    [
        *((section.replace("_", "-"), "FINISHED", values["epochs"]) for section, values in SLOW.items()),
        ("train-unet", "FINISHED", TINY_UNET["epochs"]),
    ]
)
PATIENCE = 300.0  # seconds for a run, and for the automation that finds a silent one
SETTLE = 15.0  # seconds in which all processes of a run must be gone


@dataclass
class Site:
    """The servers that all faults share; each can be taken away and brought back at its address."""

    rig: Path
    ports: dict[str, int] = field(default_factory=dict)
    _stacks: dict[str, ExitStack] = field(default_factory=dict)
    _started: dict[str, Any] = field(default_factory=dict)

    def up(self, name: str) -> Any:
        """Start `prefect`, `mlflow` or `sshd`, where it is not running, and return it."""
        if name not in self._stacks:
            start: Callable[..., Any] = getattr(servers, name)
            port = self.ports.setdefault(name, free_port())
            self._stacks[name] = ExitStack()
            self._started[name] = self._stacks[name].enter_context(start(self.rig, port=port))
        return self._started[name]

    def down(self, name: str) -> None:
        """Kill a server, and end what it leaves."""
        started: Child = self._started[name].process
        for process in reversed(started.tree()):
            with suppress(psutil.Error):
                process.kill()
        self._stacks.pop(name).close()

    def end(self) -> None:
        """End all servers."""
        for stack in self._stacks.values():
            stack.close()

    def address(self, name: str) -> str:
        """Return where clients find a server."""
        return f"http://127.0.0.1:{self.ports[name]}" + ("/api" if name == "prefect" else "")

    def prefect(self) -> Prefect:
        """Return the Prefect server to ask."""
        return Prefect(self.address("prefect"))


@dataclass
class Scene:
    """The place of one fault: a clone, its worker, and the runs in it.

    Attributes:
        name: the name of the fault.
        site: the servers, which other faults use before and after.
        clone: the clone that the fault happens in.
        worker: the worker that was started last, or None before the first.
        runs: the ids of the flow runs in the order in which they started.
        wrong: in words, what the fault itself saw not to be as it should.
    """

    name: str
    site: Site
    clone: Clone
    worker: Child | None = None
    runs: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def server(self) -> Prefect:
        """The Prefect server."""
        return self.site.prefect()

    def start_worker(self) -> None:
        """Start a worker, unless the one there is still lives."""
        if self.worker is None or self.worker.process.poll() is not None:
            self.worker = self._stack.enter_context(clones.worker(self.clone, "local", name=self.name))

    def retrain(self, **parameters: Any) -> str:
        """Start a run and return its id."""
        self.runs.append(self.server.start("retrain/weekly", **parameters))
        return self.runs[-1]

    def middle(self) -> None:
        """Wait until both trainings of the newest run are under way.

        Raises:
            UserError: the run ended before.
        """
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            if all(self.epoch(stage) >= MIDDLE for stage in ("train-dense", "train-cnn")):
                return
            with suppress(OSError):  # a server that is away
                run = self.server.run(self.runs[-1])
                if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED"):
                    raise UserError(f"the run ended too early: {run['state']['message']}")
            time.sleep(0.2)
        raise UserError("the trainings did not begin")

    def epoch(self, stage: str) -> int:
        """Return how many epochs a training in any workspace has finished."""
        done = [0]
        for path in self.clone.workspaces():
            with suppress(OSError, ValueError):
                text = (path / ".lvseg" / "progress" / f"{stage}.json").read_text()
                done.append(json.loads(text)["epoch"])
        return max(done)

    def find(self, *words: str) -> psutil.Process:
        """Return the process of this scene whose command, after the program, begins with these words.

        Raises:
            UserError: there is none.
        """
        for process in self.processes():
            with suppress(psutil.Error):
                if tuple(process.cmdline()[1 : 1 + len(words)]) == words:
                    return process
        raise UserError(f"no process {' '.join(words)} in {self.name}")

    def processes(self) -> list[psutil.Process]:
        """Return all living processes of the clone."""
        processes = []
        for process in marked(self.site.rig):
            with suppress(psutil.Error):
                if process.environ().get("HOME") == str(self.clone.home):
                    processes.append(process)
        return processes

    def orphans(self) -> list[str]:
        """Return what still runs of flow runs that have ended, once it had time to go."""
        give_up = time.monotonic() + SETTLE
        while True:
            kept = {process.pid for process in self.worker.tree()[:2]} if self.worker else set()
            left = [process for process in self.processes() if process.pid not in kept]
            if not left or time.monotonic() > give_up:
                return [_words(process) for process in left]
            time.sleep(0.3)

    def end(self) -> None:
        """End the worker, and by force what is left."""
        self._stack.close()
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()


def _words(process: psutil.Process) -> str:
    """Return the number of a process and the beginning of its command."""
    with suppress(psutil.Error):
        return f"{process.pid} {' '.join(process.cmdline()[1:6])}"
    return str(process.pid)


@contextmanager
def scene(site: Site, name: str) -> Iterator[Scene]:
    """Yield a fresh clone with a worker; its MLflow runs go to an experiment of its own."""
    settings = {
        "PREFECT_API_URL": site.address("prefect"),
        "MLFLOW_TRACKING_URI": site.address("mlflow"),
    }
    clone = clones.again(site.rig / SOURCE, site.rig, name, **settings)
    clone.set({"tracking": {"experiment": name}})
    clone.commit("an experiment of its own")
    made = Scene(name, site, clone)
    try:
        made.start_worker()
        yield made
    finally:
        made.end()


def problems(made: Scene, reference: dict[str, str]) -> list[str]:
    """Return what is not as it should be after the last run of a scene has ended."""
    server = made.server
    first, last = made.runs[0], made.runs[-1]
    wrong = made.wrong + [f"orphan: {words}" for words in made.orphans()]
    wrong += [f"flow run {run['name']} says {run['state_name']}" for run in server.runs(*UNFINISHED)]
    recorded = mlflow_runs(made.site.address("mlflow"), made.name)
    if sorted((run["stage"], run["status"], run["epochs"]) for run in recorded) != RECORD:
        wrong.append(f"MLflow has {recorded}")
    ended = server.run(last)
    if ended["state_type"] != "COMPLETED":
        wrong.append(f"the next run: {ended['state_name']}: {ended['state']['message']}")
    weights = made.clone.weights(made.clone.workspaces()[0])
    if weights != reference:
        wrong.append(f"other weights: {weights}")
    if len(made.runs) > 1:
        done = {name for name, task in server.tasks(first).items() if task["state_type"] == "COMPLETED"}
        twice = done & set(ran(server, last))
        wrong += [f"{name} ran twice" for name in sorted(twice)]
    return wrong + _locks(made.clone)


def ran(server: Prefect, run_id: str) -> list[str]:
    """Return the stages that a flow run has run, not found unchanged or restored."""
    return [name for name, task in server.tasks(run_id).items() if task["state_name"] != "Cached"]


def _locks(clone: Clone) -> list[str]:
    """Return in words the locks and half-written files that are left in the workspaces of a clone."""
    locks = []
    for path in clone.workspaces():
        rwlock = path / ".dvc" / "tmp" / "rwlock"
        if rwlock.exists() and any(json.loads(rwlock.read_text() or "{}").values()):
            locks.append(f"{path.name}: DVC's rwlock holds an entry")
        name = subprocess.run(
            ["git", "rev-parse", "--path-format=absolute", "--git-path", "index.lock"],
            cwd=path,
            capture_output=True,
            text=True,
        ).stdout.strip()
        if Path(name).exists():
            locks.append(f"{path.name}: git's index.lock")
        locks += [f"half-written {left.name}" for left in [*path.glob(".*.tmp"), *path.glob("*/.*.tmp")]]
    return locks
