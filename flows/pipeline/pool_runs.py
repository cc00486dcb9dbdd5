"""Flow runs that a run starts on the workers of another work pool; they end with it."""

import threading
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling

from flows.process.failures import StageError
from lvseg.core.errors import UserError

LOOK = 3.0  # seconds between two looks at a run: each costs the server some work


class PoolRuns:
    """The flow runs of one deployment that this run has started and waits for; a deployment has its pool's name."""

    def __init__(self, flow: str, pool: str, *, parameter: str, page: str) -> None:
        """Refuse a pool that no deployment belongs to, before anything runs.

        Args:
            flow: the name of the flow that runs there.
            pool: the work pool.
            parameter: what the user set to name the pool, for the refusal.
            page: the page of the documentation that helps then.

        Raises:
            UserError: there is no deployment `<flow>/<pool>` on the server.
        """
        self._deployment = f"{flow}/{pool}"
        self._under_way: set[UUID] = set()
        with get_client(sync_client=True) as client:
            try:
                client.read_deployment_by_name(self._deployment)
            except ObjectNotFound:
                raise UserError(
                    f"{parameter}: there is no deployment {self._deployment}; {page} says how to add one to "
                    "prefect.yaml"
                ) from None

    def start(self, name: str, parameters: dict[str, Any]) -> UUID:
        """Start a run of this name, and return its id."""
        run: Any = run_deployment(self._deployment, parameters=parameters, flow_run_name=name, timeout=0)
        self._under_way.add(run.id)
        return UUID(str(run.id))

    def wait(self, run: UUID, ending: threading.Event, timeout: float | None = None) -> State[Any]:
        """Wait until a run has ended, or this one ends, and return its state.

        Args:
            run: the id that `start` returned.
            ending: once set, the run is cancelled.
            timeout: seconds that it may run once a worker has it, or None.

        Returns:
            The final state; Cancelled if this run ends first.

        Raises:
            StageError: it took longer; it is cancelled then.
        """
        began: float | None = None
        with get_client(sync_client=True) as client:
            while True:
                state = client.read_flow_run(run).state
                assert state is not None
                if state.is_final():
                    self._under_way.discard(run)
                    return state
                if state.is_running() and began is None:
                    began = time.monotonic()
                if began and timeout and time.monotonic() - began > timeout:
                    self._cancel(run)
                    raise StageError(f"took longer than {timeout:.0f} s (meta.timeout_minutes in dvc.yaml)")
                if ending.wait(LOOK):
                    self._cancel(run)
                    return Cancelled(message="ended with the run")

    def end(self) -> None:
        """Cancel the runs that have not ended."""
        for run in list(self._under_way):
            with suppress(Exception):  # the server may be what has failed: the others are still cancelled
                self._cancel(run)

    def _cancel(self, run: UUID) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, Cancelling())
        self._under_way.discard(run)
