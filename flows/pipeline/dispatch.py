"""Stages that run on the workers of another work pool, on other machines: code by git, data by DVC's remote."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from prefect import get_run_logger
from prefect.states import Cancelled, Completed, State

from flows.pipeline.elsewhere import Elsewhere
from flows.pipeline.graph import Node
from flows.pipeline.stage import repro
from flows.process.commands import Dvc, InfrastructureError, StageError, run_cache
from flows.workspace import repository


@dataclass
class Dispatch:
    """Sends stages to the workers of one pool, and ends them with the run.

    Attributes:
        pool: the work pool; the deployment `run-stage/<pool>` belongs to it.
        dvc: of the workspace that the results come back to.
        flow_run: the id of the run that sends.
    """

    pool: str
    dvc: Dvc
    flow_run: str
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Refuse a pool that no deployment belongs to, before anything runs."""
        self._elsewhere = Elsewhere("run-stage", self.pool, parameter="train_on", page="docs/deploy.md")

    def train(self, node: Node, forced: bool) -> tuple[State[Any], bool]:
        """Have a stage run elsewhere, and bring its outs into the workspace by way of the run cache.

        Raises:
            StageError: the stage failed.
            InfrastructureError: its worker died, or a remote did not answer.
        """
        log = get_run_logger()
        with self._sending:  # siblings need the same data: who comes second finds it sent
            self.dvc.run("push", *node.needs, log=log)
        ref = self._send(node)
        began = time.monotonic()
        run = self._elsewhere.start(
            f"{node.name} for {self.flow_run[:8]}", {"stage": node.name, "ref": ref, "force": forced}
        )
        log.info("%s waits for a worker of the pool %s", node.name, self.pool)
        state = self._elsewhere.wait(run, self.dvc.children.ending, node.timeout)
        if state.is_cancelled() or self.dvc.children.ending.is_set():
            return Cancelled(message=f"cancelled on the pool {self.pool}"), True
        if state.is_crashed():
            raise InfrastructureError(f"its worker of the pool {self.pool} was lost: {state.message}")
        if not state.is_completed():
            raise StageError(f"on the pool {self.pool}: {state.message}")
        elsewhere = time.monotonic() - began
        with run_cache():
            back, changed = repro(self.dvc, node, "--pull")
        if back.is_cancelled():
            return back, changed
        if back.name != "Cached":
            log.warning("the DVC remote does not hold all of what %s made: it ran again here", node.name)
        return Completed(message=f"ran for {elsewhere:.0f} s on the pool {self.pool}"), changed

    def _send(self, node: Node) -> str:
        """Push a git ref with params.yaml and the present dvc.lock; return its name."""
        place = self.dvc.workspace
        commit = repository.commit_files(
            repository.git("rev-parse", "HEAD", root=place),
            {"dvc.lock": (place / "dvc.lock").read_bytes()},
            f"{node.name}: for a worker",
        )
        ref = f"refs/lvseg/dispatch/{self.flow_run}/{node.name}"
        repository.set_ref(ref, commit)
        repository.push_ref(ref)
        return ref

    def end(self) -> None:
        """Cancel what still runs elsewhere."""
        self._elsewhere.end()
