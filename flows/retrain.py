"""The flow `retrain`: the graph of dvc.yaml, stage by stage, on one machine or with GPU workers."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from prefect import flow, get_run_logger, runtime, task
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from flows.pipeline import artifacts, graph, promotion
from flows.pipeline.choices import Stage
from flows.pipeline.dispatch import Dispatch
from flows.pipeline.end_states import EndState, cached, errors_to_states, failed_from_outside, verdict
from flows.pipeline.graph import Node
from flows.pipeline.stage import repro
from flows.process.children import Children
from flows.process.commands import Dvc, run_cache_lock
from flows.process.failures import InfrastructureError, StageError
from flows.workspace import repository, snapshot
from flows.workspace.worktree import workspace
from lvseg.core.errors import UserError

RETRY_AFTER = [10.0, 60.0]  # seconds before a second and a third try
THREADS = 64  # each stage has one, also while it waits; dvc.yaml has far fewer stages
RUNNER: Any = ThreadPoolTaskRunner(max_workers=THREADS)
_UNHEARD = logging.getLogger("lvseg.unheard")  # for a command whose output only answers a question


@flow(name="retrain", task_runner=RUNNER)
@errors_to_states
def retrain(
    targets: list[Stage] = ["report"],  # noqa: B006
    overrides: list[str] = [],  # noqa: B006
    revision: str | None = None,
    train_on: str | None = None,
    force: list[Stage] = [],  # noqa: B006
    push: bool = False,
    branch: str | None = None,
) -> EndState:
    """Bring the pipeline up to date: only what changed runs, in a workspace of its own.

    Args:
        targets: Stages to bring up to date, with all that they need.
        overrides: Parameters for this run, as `dvc exp run -S` has them, such as train_cnn.epochs=5.
        revision: Git revision to run. Empty: the one that is deployed.
        train_on: Work pool whose workers train, such as gpu. Empty: train where this flow runs.
        force: Stages to run again although nothing changed, such as train-cnn.
        push: Send the results to the DVC remote, and the git ref of this run to origin.
        branch: Git branch that gets a commit of params.yaml and dvc.lock, such as lvseg/retrain.
    """
    # MLflow takes a second to import, which the first stages leave idle.
    threading.Thread(target=import_module, args=("mlflow",), daemon=True).start()
    log, run_id = get_run_logger(), str(runtime.flow_run.id)
    base = repository.resolve(revision)
    commit = snapshot.with_overrides(base, overrides)
    if branch:
        repository.check_branch(branch)
    children = Children()
    with workspace(commit) as place:
        log.info("%s of %s in %s", runtime.flow_run.name, commit[:12], place.path.name)
        dvc = Dvc(place.path, children)
        if push or train_on:
            _check_remotes(dvc, "push" if push else "train_on")
        dispatch = Dispatch(train_on, dvc, run_id) if train_on else None
        try:
            nodes = graph.read(place.path, targets, dvc.environment())
        except graph.GraphError as error:
            raise UserError(f"targets {', '.join(targets)}: {error}") from None
        _check_names("force", force, nodes)
        before = artifacts.hashes(place.path)
        run = Run(dvc, frozenset(force), dispatch)
        try:
            states = run.bring_up_to_date(nodes)
            _deliver_what_waits()
            states |= promotion.step(dvc, states, run.changed)
            record = snapshot.record(run_id, place, branch)
            artifacts.write(place, states, before, record)
            if push:
                _push(dvc, record)
        finally:
            children.end()  # also when the run is cancelled: nothing goes on without it
            if dispatch:
                dispatch.end()
    return verdict(states, run.changed)


def _check_remotes(dvc: Dvc, parameter: str) -> None:
    """Refuse before hours of work what would fail after them.

    Raises:
        UserError: DVC or git has nowhere to send results to; the message names the parameter that asked for it.
    """
    try:
        dvc.run("remote", "default", log=_UNHEARD)
    except StageError:
        raise UserError(
            f"{parameter}: DVC has no default remote: `dvc remote add --default` adds one"
        ) from None
    try:
        repository.git("remote", "get-url", repository.REMOTE)
    except UserError:
        raise UserError(
            f"{parameter}: git has no remote {repository.REMOTE}: `git remote add` adds it"
        ) from None


def _deliver_what_waits() -> None:
    """Log what trainings kept while the tracking server was away, those of earlier runs included."""
    from tracking.runs.delivery import log_waiting
    from tracking.runs.record import waiting

    if waiting():
        try:
            log_waiting()
        except UserError as error:
            get_run_logger().warning("%s", error)


def _check_names(parameter: str, names: Sequence[str], nodes: Sequence[Node]) -> None:
    """Refuse names that are no stage of this run.

    Raises:
        UserError: the message names the first of them, the parameter that holds it, and what there is.
    """
    known = [node.name for node in nodes]
    for name in names:
        if name not in known:
            raise UserError(f"{parameter}: {name} is no stage of this run; they are {', '.join(known)}")


def _push(dvc: Dvc, record: snapshot.RunRecord) -> None:
    """Send results to the DVC remote and refs to the git remote.

    Raises:
        UserError: one of them does not take them; the results are safe here.
    """
    try:
        with run_cache_lock():
            dvc.run("push", "--run-cache", log=get_run_logger())
    except (StageError, InfrastructureError) as error:
        raise UserError(f"push: {error}; the results are kept, the next run with push sends them") from None
    repository.push_ref(record.ref)
    if record.branch:
        repository.push_ref(record.branch)


@dataclass
class Run:
    """The stages of one flow run.

    Attributes:
        dvc: DVC in the workspace of the run.
        force: the names of the stages to run although nothing changed.
        dispatch: sends GPU stages to a work pool; None: all stages run here.
        changed: the names of the stages whose outs may be new.
    """

    dvc: Dvc
    force: frozenset[str]
    dispatch: Dispatch | None
    changed: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bring_up_to_date(self, nodes: Sequence[Node]) -> dict[str, State[Any]]:
        """Run every node as soon as all that it needs is done; return the state that each ended in, by name."""
        futures: dict[str, PrefectFuture[Any]] = {}
        for node in nodes:
            needs = [futures[name] for name in node.needs if name in futures]
            futures[node.name] = self._task(node).submit(wait_for=needs)
        for future in futures.values():
            future.wait()
        return {name: future.state for name, future in futures.items()}

    def _task(self, node: Node) -> Any:
        """Return the Prefect task of a node; it has the name of the stage."""

        @task(
            name=node.name,
            task_run_name=node.name,
            retries=len(RETRY_AFTER),
            retry_delay_seconds=RETRY_AFTER,
            retry_condition_fn=failed_from_outside,
        )
        def stage() -> State[Any]:
            return self._stage(node)

        return stage

    def _stage(self, node: Node) -> State[Any]:
        """Bring one stage up to date, unless DVC found it unchanged and nothing that it needs has changed since."""
        forced = node.name in self.force
        if not (forced or node.stale or self.changed.intersection(node.needs)):
            return cached("unchanged")
        if self.dispatch and node.gpu:
            state, changed = self.dispatch.train(node, forced)
        else:
            state, changed = repro(self.dvc, node, *(["--force"] if forced else []))
        if changed:
            with self._lock:
                self.changed.add(node.name)
        return state
