"""One stage of the graph as one Prefect task."""

import json
import logging
import time
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.states import Cancelled, Completed, State

from flows.pipeline.graph import Node
from flows.pipeline.outcome import cached
from flows.process.commands import Dvc, RunEndsError

Log = logging.Logger | logging.LoggerAdapter[Any]
LOOK = 1.0  # seconds between two looks at the progress of a training
PAUSE = 10.0  # seconds between two updates of its artifact: each costs the server some work
# What `dvc repro` says of a stage that it does not run.
UNCHANGED = "didn't change, skipping"
RESTORED = "is cached - skipping run"


def repro(dvc: Dvc, node: Node, *options: str) -> tuple[State[Any], bool]:
    """Bring one stage up to date; return how it ended, and whether its outs may have changed.

    Raises:
        StageError, InfrastructureError: see `flows.process.commands`.
    """
    log, began, progress = get_run_logger(), time.monotonic(), Progress(dvc.workspace, node.name)
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
    from flows.process.commands import StageError

    try:
        dvc.run("checkout", "--force", node.name, log=log)
    except StageError:
        dvc.run("pull", "--force", node.name, log=log, timeout=node.timeout)
    return Completed(message="checked out")


def _of_run(workspace: Path, stage: str) -> str:
    """Return in words which MLflow run made the model that a stage got back; nothing for other stages."""
    from tracking.server.addresses import model_of, run_of

    model = model_of(workspace, stage)
    if model is None:
        return ""
    run = run_of(workspace, model)
    return f"; MLflow run {run.title} ({run.id})" if run else "; its MLflow run is not in this tracking store"


class Progress:
    """Moves a progress artifact with the epochs of a training; called again and again while it runs."""

    def __init__(self, workspace: Path, stage: str) -> None:
        self._file = workspace / ".lvseg" / "progress" / f"{stage}.json"
        self._stage = stage
        self._began = time.time()
        self._next = 0.0
        self._artifact: Any = None
        self._shown = -1.0

    def __call__(self) -> None:
        """Look now and then, and show what is new."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LOOK
            self.look()

    def look(self) -> None:
        """Show what is new."""
        try:
            if self._file.stat().st_mtime >= self._began:
                self._show(json.loads(self._file.read_text(encoding="utf-8")))
        except Exception:  # no progress to tell, or a server that does not answer: the stage matters more
            return

    def _show(self, status: dict[str, Any]) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        share = 100.0 * status["epoch"] / status["epochs"]
        if share == self._shown:
            return
        left = status["eta_seconds"]
        words = f"epoch {status['epoch']} of {status['epochs']}" + (f", {left:.0f} s left" if left else "")
        if self._artifact is None:
            self._artifact = create_progress_artifact(
                share, f"{self._stage}-progress", f"{self._stage}: {words}"
            )
        else:
            update_progress_artifact(self._artifact, share, f"{self._stage}: {words}")
        self._shown, self._next = share, time.monotonic() + PAUSE
