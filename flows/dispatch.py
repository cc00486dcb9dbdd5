"""Stages that run on the workers of another work pool, on other machines: code by git, data by DVC's remote."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling, Completed, State

from flows import repository
from flows.commands import Dvc, InfrastructureError, StageError, run_cache
from flows.graph import Node
from flows.stage import repro
from lvseg.errors import UserError

LOOK = 3.0  # seconds between two looks at a run elsewhere
DEPLOYMENT = "run-stage"


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
    _away: set[UUID] = field(default_factory=set)
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Refuse a pool that no deployment belongs to, before anything runs."""
        with get_client(sync_client=True) as client:
            try:
                client.read_deployment_by_name(f"{DEPLOYMENT}/{self.pool}")
            except ObjectNotFound:
                raise UserError(
                    f"train_on: there is no deployment {DEPLOYMENT}/{self.pool}; docs/deploy.md says how to add "
                    "one to prefect.yaml"
                ) from None

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
        run: Any = run_deployment(
            f"{DEPLOYMENT}/{self.pool}",
            parameters={"stage": node.name, "ref": ref, "force": forced},
            flow_run_name=f"{node.name} for {self.flow_run[:8]}",
            timeout=0,
        )
        log.info("%s waits for a worker of the pool %s", node.name, self.pool)
        self._away.add(run.id)
        state = self._await(run.id, node)
        self._away.discard(run.id)
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
            repository.git("rev-parse", "HEAD", cwd=place),
            {"dvc.lock": (place / "dvc.lock").read_bytes()},
            f"{node.name}: for a worker",
        )
        ref = f"refs/lvseg/dispatch/{self.flow_run}/{node.name}"
        repository.set_ref(ref, commit)
        repository.push_ref(ref)
        return ref

    def _await(self, run_id: UUID, node: Node) -> State[Any]:
        """Wait until a run elsewhere has ended, or this one ends, or its time is over; return its state."""
        began: float | None = None
        with get_client(sync_client=True) as client:
            while True:
                state = client.read_flow_run(run_id).state
                assert state is not None
                if state.is_final():
                    return state
                if state.is_running() and began is None:
                    began = time.monotonic()
                if began and node.timeout and time.monotonic() - began > node.timeout:
                    self._cancel(run_id)
                    raise StageError(
                        f"took longer than {node.timeout:.0f} s (meta.timeout_minutes in dvc.yaml)"
                    )
                if self.dvc.children.ending.wait(LOOK):
                    self._cancel(run_id)
                    return Cancelled(message="ended with the run")

    def end(self) -> None:
        """Cancel what still runs elsewhere."""
        for run_id in list(self._away):
            with suppress(Exception):
                self._cancel(run_id)

    def _cancel(self, run_id: UUID) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run_id, Cancelling())
        self._away.discard(run_id)
