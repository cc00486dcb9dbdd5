"""The flow `run-stage`: one stage on a worker that has nothing but a clone, for a `retrain` elsewhere."""

from typing import Any

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State

from flows.pipeline import graph
from flows.pipeline.end_states import EndState, errors_to_states
from flows.pipeline.stage import repro
from flows.process.children import Children
from flows.process.commands import Dvc, run_cache_lock
from flows.workspace import repository
from flows.workspace.worktree import workspace
from lvseg.core.errors import UserError


@flow(name="run-stage")
@errors_to_states
def run_stage(stage: str, ref: str, force: bool = False) -> EndState:
    """Run one stage: its data comes from the DVC remote, its outs and its run cache entry go there.

    Args:
        stage: The stage, as dvc.yaml names it.
        ref: Git ref on origin, below refs/lvseg/, that holds params.yaml and dvc.lock.
        force: Run it although DVC has its result already.
    """
    commit = repository.fetch_ref(repository.own_ref(ref))
    with workspace(commit, purpose="stage") as place:
        children = Children()
        try:
            return _run(Dvc(place.path, children), stage, force)
        finally:
            children.end()


def _run(dvc: Dvc, stage: str, force: bool) -> EndState:
    """Run the stage as a task of its name, and push what it made.

    Raises:
        UserError: dvc.yaml has no such stage.
        StageError: the stage, or the way of its data, failed by its own fault.
        InfrastructureError: it failed for reasons outside of it.
    """
    try:
        nodes = graph.read(dvc.workspace, [stage], dvc.environment())
    except graph.GraphError as error:
        raise UserError(f"stage {stage}: {error}") from None
    node = next(node for node in nodes if node.name == stage)
    log = get_run_logger()
    # First, because `repro --pull` takes older data that lies here for the right one.
    dvc.run("pull", "--force", *node.needs, log=log)
    options = ["--pull", *(["--force"] if force else [])]
    body = task(name=stage, task_run_name=stage)(lambda: repro(dvc, node, *options)[0])
    state: State[Any] = body(return_state=True)
    if isinstance(fault := state.result(raise_on_failure=False), Exception):
        raise fault
    if not state.is_completed():
        return state
    with run_cache_lock():
        dvc.run("push", "--run-cache", stage, log=log)
    return None
