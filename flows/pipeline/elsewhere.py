"""Flow runs on the workers of another work pool, which end with the run that starts them."""

import threading
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling, State

from flows.process.commands import StageError
from lvseg.core.errors import UserError

LOOK = 3.0  # seconds between two looks at a run elsewhere


class Elsewhere:
    """The runs of one deployment that somebody waits for, on one pool; the deployment has the pool's name."""

    def __init__(self, flow: str, pool: str, *, parameter: str, page: str) -> None:
        """Refuse a pool that no deployment belongs to, before anything runs.

        Args:
            flow: the name of the flow that runs there.
            pool: the work pool.
            parameter: that named it, for the refusal.
            page: of the documentation, that helps then.
        """
        self._deployment = f"{flow}/{pool}"
        self._away: set[UUID] = set()
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
        self._away.add(run.id)
        return UUID(str(run.id))

    def wait(self, run: UUID, ending: threading.Event, timeout: float | None = None) -> State[Any]:
        """Wait until a run has ended, or this one ends, and return its state.

        Args:
            run: its id.
            ending: once set, the run is cancelled.
            timeout: seconds that it may run, or None.

        Raises:
            StageError: it took longer.
        """
        began: float | None = None
        with get_client(sync_client=True) as client:
            while True:
                state = client.read_flow_run(run).state
                assert state is not None
                if state.is_final():
                    self._away.discard(run)
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
        """Cancel what still runs."""
        for run in list(self._away):
            with suppress(Exception):
                self._cancel(run)

    def _cancel(self, run: UUID) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run, Cancelling())
        self._away.discard(run)
