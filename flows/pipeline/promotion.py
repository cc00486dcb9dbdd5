"""The step after the stages: the best of the evaluated models becomes challenger, and champion if it is better."""

from collections.abc import Collection, Mapping
from typing import Any

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.pipeline.end_states import cached, failed_from_outside, foreseen
from flows.process.commands import Dvc
from flows.process.failures import RunEndsError
from lvseg import params
from tracking.registry.last_decision import confirmed_decision, last_decision

STEP = "promote"
AFTER = ("report", "evaluate")  # the last of them that a run has
RETRY_AFTER = 10.0  # seconds before the second and last try


def step(dvc: Dvc, states: Mapping[str, State[Any]], changed: Collection[str]) -> dict[str, State[Any]]:
    """Promote after an evaluation that went well, and return how that ended.

    Args:
        dvc: DVC in the workspace of the run.
        states: the states of the stages, by name.
        changed: the stages whose outs may be new.

    Returns:
        The state under the name `STEP`; nothing where nothing was evaluated or promotion is not automatic.
    """
    settings = params.load(dvc.workspace / "params.yaml")
    evaluated = next((states[stage] for stage in AFTER if stage in states), None)
    if not settings.promotion.automatic or evaluated is None or not evaluated.is_completed():
        return {}

    @task(
        name=STEP,
        task_run_name=STEP,
        retries=1,
        retry_delay_seconds=RETRY_AFTER,
        retry_condition_fn=failed_from_outside,
    )
    @foreseen
    def promote() -> State[Any]:
        if not changed and (before := confirmed_decision(dvc.workspace)):
            return cached(before.words)
        try:
            dvc.task(STEP, get_run_logger())
        except RunEndsError:
            return Cancelled(message="ended with the run")
        decision = last_decision(dvc.workspace)
        return Completed(message=decision.words if decision else "done")

    state = promote(return_state=True)
    if not state.is_completed() and failed_from_outside(None, None, state) and not settings.tracking.required:
        # As with trainings: models matter more than the record of them, and the next run decides.
        return {STEP: Completed(name="Postponed", message=f"{state.message}; the next run decides")}
    return {STEP: state}
