"""One stage of the graph as one Prefect task."""

import json
import time
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.pipeline.end_states import cached, foreseen
from flows.pipeline.graph import Node
from flows.process.commands import Dvc, Log
from flows.process.failures import RunEndsError, StageError

LOOK = 1.0  # seconds between two looks at the progress of a training
PAUSE = 10.0  # seconds between two updates of its bar: each costs the server some work
# What `dvc repro` of DVC 3 says of a stage that it does not run; no exit status tells the cases apart.
UNCHANGED = "didn't change, skipping"
RESTORED = "is cached - skipping run"


@foreseen
def repro(dvc: Dvc, node: Node, *options: str) -> tuple[State[Any], bool]:
    """Bring one stage up to date.

    Args:
        dvc: DVC in the workspace of the run.
        node: the stage, or a `.dvc` file whose data is fetched.
        options: further ones for `dvc repro`, such as `--force`.

    Returns:
        How it ended, and whether its outs may have changed.

    Raises:
        StageError: it failed by its own fault.
        InfrastructureError: it failed for reasons outside of it.
    """
    log, began, progress = get_run_logger(), time.monotonic(), StageProgress(dvc.workspace, node.name)
    if not node.runs:
        return _fetch(dvc, node, log), True
    try:
        said = dvc.run(
            *("repro", "--single-item", *options, node.name),
            log=log,
            timeout=node.timeout,
            on_tick=progress,
        )
        progress.look()
    except RunEndsError:
        return Cancelled(message="ended with the run"), True
    if UNCHANGED in said:
        return cached("unchanged"), False
    if RESTORED in said:
        return cached(f"restored from the run cache{_of_run(dvc.workspace, node.name)}"), True
    return Completed(message=f"ran for {time.monotonic() - began:.0f} s"), True


def _fetch(dvc: Dvc, node: Node, log: Log) -> State[Any]:
    """Bring the data of a `.dvc` file into the workspace: from the cache, or else from the remote."""
    try:
        dvc.run("checkout", "--force", node.name, log=log)
    except StageError:
        dvc.run("pull", "--force", node.name, log=log, timeout=node.timeout)
    return Completed(message="checked out")


def _of_run(workspace: Path, stage: str) -> str:
    """Return in words which MLflow run made the model that a stage got back; "" for a stage that makes none."""
    from tracking.server.addresses import model_of, run_of

    model = model_of(workspace, stage)
    if model is None:
        return ""
    run = run_of(workspace, model)
    return f"; MLflow run {run.title} ({run.id})" if run else "; its MLflow run is not in this tracking store"


class StageProgress:
    """A bar on the page of the run that follows the epochs of a training; called again and again while it runs.

    A training writes its progress to a file (lvseg.training.progress); other stages write none and get no bar.
    """

    def __init__(self, workspace: Path, stage: str) -> None:
        self._file = workspace / ".lvseg" / "progress" / f"{stage}.json"
        self._stage = stage
        self._began = time.time()
        self._next_look = 0.0
        self._artifact: Any = None
        self._shown_percent: float | None = None

    def __call__(self) -> None:
        """Look now and then, and show what is new."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK
            self.look()

    def look(self) -> None:
        """Show what the training has written since the last look."""
        try:
            if self._file.stat().st_mtime >= self._began:
                self._show(json.loads(self._file.read_text(encoding="utf-8")))
        except Exception:  # no progress to tell, or a server that does not answer: the stage matters more
            return

    def _show(self, status: dict[str, Any]) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        percent = 100.0 * status["epoch"] / status["epochs"]
        if percent == self._shown_percent:
            return
        left = status["eta_seconds"]
        words = f"epoch {status['epoch']} of {status['epochs']}" + (f", {left:.0f} s left" if left else "")
        if self._artifact is None:
            self._artifact = create_progress_artifact(
                percent, f"{self._stage}-progress", f"{self._stage}: {words}"
            )
        else:
            update_progress_artifact(self._artifact, percent, f"{self._stage}: {words}")
        self._shown_percent, self._next_look = percent, time.monotonic() + PAUSE
