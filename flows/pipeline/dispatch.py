"""Stages on the workers of another work pool, on other machines: code goes by git, data by DVC's remote."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.pipeline.graph import Node
from flows.pipeline.pool_runs import PoolRuns
from flows.pipeline.stage import repro
from flows.process.commands import Dvc, run_cache_lock
from flows.process.failures import InfrastructureError, StageError
from flows.workspace import repository


@dataclass
class Dispatch:
    """Sends stages to the workers of one pool, and ends them with the run.

    Attributes:
        pool: the work pool; the deployment `run-stage/<pool>` belongs to it.
        dvc: DVC in the workspace that the results come back to.
        flow_run: the id of the run that sends.

    Raises:
        UserError: no deployment belongs to the pool, found out before anything runs.
    """

    pool: str
    dvc: Dvc
    flow_run: str
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._runs = PoolRuns("run-stage", self.pool, parameter="train_on", page="docs/deploy.md")

    def train(self, node: Node, forced: bool) -> tuple[State[Any], bool]:
        """Have a stage run on the pool, and bring its outs into the workspace by way of the run cache.

        Args:
            node: the stage.
            forced: whether it runs although DVC has its result already.

        Returns:
            How it ended, and whether its outs may have changed.

        Raises:
            StageError: the stage failed.
            InfrastructureError: its worker died, or a remote did not answer.
        """
        log = get_run_logger()
        with self._sending:  # stages that run at once need the same data: who comes second finds it sent
            self.dvc.run("push", *node.needs, log=log)
        ref = self._send(node)
        began = time.monotonic()
        run = self._runs.start(
            f"{node.name} for {self.flow_run[:8]}", {"stage": node.name, "ref": ref, "force": forced}
        )
        log.info("%s waits for a worker of the pool %s", node.name, self.pool)
        state = self._runs.wait(run, self.dvc.children.ending, node.timeout)
        if state.is_cancelled() or self.dvc.children.ending.is_set():
            return Cancelled(message=f"cancelled on the pool {self.pool}"), True
        if state.is_crashed():
            raise InfrastructureError(f"its worker of the pool {self.pool} was lost: {state.message}")
        if not state.is_completed():
            raise StageError(f"on the pool {self.pool}: {state.message}")
        seconds = time.monotonic() - began
        with run_cache_lock():
            brought, changed = repro(self.dvc, node, "--pull")
        if brought.is_cancelled():
            return brought, changed
        if brought.name != "Cached":
            log.warning("the DVC remote does not hold all of what %s made: it ran again here", node.name)
        return Completed(message=f"ran for {seconds:.0f} s on the pool {self.pool}"), changed

    def _send(self, node: Node) -> str:
        """Push a git ref with params.yaml and the present dvc.lock; return its name."""
        workspace = self.dvc.workspace
        commit = repository.commit_files(
            repository.git("rev-parse", "HEAD", root=workspace),
            {"dvc.lock": (workspace / "dvc.lock").read_bytes()},
            f"{node.name}: for a worker",
        )
        ref = repository.own_ref(f"refs/lvseg/dispatch/{self.flow_run}/{node.name}")
        repository.set_ref(ref, commit)
        repository.push_ref(ref)
        return ref

    def end(self) -> None:
        """Cancel the stages that have not ended on the pool."""
        self._runs.end()
