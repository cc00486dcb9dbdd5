"""The step after the stages: the best of the evaluated models becomes challenger, and champion if it is better."""

from collections.abc import Collection, Mapping
from typing import Any

from prefect import get_run_logger, task
from prefect.states import Cancelled, Completed, State

from flows.pipeline.outcome import cached
from flows.process.commands import Dvc, InfrastructureError, RunEndsError
from lvseg import params
from tracking.registry.last_decision import last_decision

STEP = "promote"
AFTER = ("report", "evaluate")  # the last of them that a run has
RETRY_AFTER = 10.0  # seconds, once


def step(dvc: Dvc, states: Mapping[str, State[Any]], changed: Collection[str]) -> dict[str, State[Any]]:
    """Promote after an evaluation that went well, and return how it ended; nothing where it is not wanted.

    Args:
        states: of the stages, by name.
        changed: the stages whose outs may be new.
    """
    settings = params.load(dvc.workspace / "params.yaml")
    before = next((states[stage] for stage in AFTER if stage in states), None)
    if not settings.promotion.automatic or before is None or not before.is_completed():
        return {}

    @task(
        name=STEP, task_run_name=STEP, retries=1, retry_delay_seconds=RETRY_AFTER, retry_condition_fn=_outside
    )
    def promote() -> State[Any]:
        known = last_decision(dvc.workspace)
        if known and not changed:
            return cached(known.words)
        try:
            dvc.task(STEP, get_run_logger())
        except RunEndsError:
            return Cancelled(message="ended with the run")
        found = last_decision(dvc.workspace)
        return Completed(message=found.words if found else "done")

    state = promote(return_state=True)
    if not state.is_completed() and _outside(None, None, state) and not settings.tracking.required:
        # As with trainings: models matter more than the record of them, and the next run decides.
        return {STEP: Completed(name="Postponed", message=f"{state.message}; the next run decides")}
    return {STEP: state}


def _outside(task: Any, run: Any, state: State[Any]) -> bool:
    """Return whether it failed for reasons outside of it; Prefect asks with a task and its run."""
    return isinstance(state.result(raise_on_failure=False), InfrastructureError)
