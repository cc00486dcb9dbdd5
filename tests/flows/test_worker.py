"""Workers and flow runs that are told to end, or are killed: no run may say Running for ever."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from flows.service import settings
from tests.flows.conftest import process
from tests.flows.site import FlowRun, Site, wait_for

SILENCE = 10  # seconds; the least that Prefect allows
END = 15.0  # seconds for a worker to end in order


@contextmanager
def worker(site: Site, log: Path) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "flows.worker", "--pool", "gpu", "--gpu", "3"]
    with process(command, site.root, site.environment(), log) as started:
        yield psutil.Process(started.pid)


def began(folder: Path, stage: str) -> psutil.Process:
    """Wait for the stand-in to begin, and return its process."""
    file = folder / f"{stage}.began"
    wait_for(file.exists, f"{stage} to begin", seconds=300)
    return psutil.Process(int(file.read_text().split()[0]))


def gone(process: psutil.Process) -> bool:
    """Whether it has ended; a zombie has, and waits for whoever adopted it."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def start(site: Site, folder: Path, stage: str) -> FlowRun:
    return site.start("run-stage/gpu", stage=stage, ref=str(folder))


def test_sigterm_ends_the_run_in_order_and_takes_no_other(stand_in: Site, tmp_path: Path) -> None:
    runs = {stage: start(stand_in, tmp_path, stage) for stage in ("one", "other")}
    with worker(stand_in, tmp_path / "log") as ours:
        wait_for(lambda: [*tmp_path.glob("*.began")], "a run to begin", seconds=300)
        stage = next(tmp_path.glob("*.began")).stem
        engine = began(tmp_path, stage)
        assert (tmp_path / f"{stage}.began").read_text().endswith(" 3"), "CUDA_VISIBLE_DEVICES"
        below = ours.children(recursive=True)
        assert engine in below
        orphan = int((tmp_path / f"{stage}.orphan").read_text())
        wait_for(lambda: not psutil.pid_exists(orphan), "the worker to bury the orphan", seconds=5)
        ours.terminate()
        assert ours.wait(END) == 0
    assert all(gone(process) for process in below)
    assert (tmp_path / f"{stage}.ended").exists()
    assert runs.pop(stage).state["type"] == "CRASHED"
    (waiting,) = runs.values()
    assert waiting.state["type"] == "SCHEDULED", "one GPU takes one run"
    stand_in.call(
        f"flow_runs/{waiting.id}/set_state", {"state": {"type": "CANCELLED"}}
    )  # before another worker


def test_a_killed_worker_leaves_no_run_behind(stand_in: Site, tmp_path: Path) -> None:
    """The worker that takes runs is Prefect's, below ours."""
    run = start(stand_in, tmp_path, "stage")
    with worker(stand_in, tmp_path / "log") as ours:
        engine = began(tmp_path, "stage")
        engine.parent().kill()
        assert ours.wait(END) == 1
    assert gone(engine)
    assert (tmp_path / "stage.ended").exists()
    assert run.state["type"] == "CRASHED"
    assert "ended with status -9" in (tmp_path / "log").read_text().splitlines()[-1]


def test_a_run_that_falls_silent_becomes_crashed(stand_in: Site, tmp_path: Path) -> None:
    """Its process and its worker were killed, or its machine is gone: nobody is left to say so."""
    expect_silence(stand_in, SILENCE)
    script = (
        "import os; from flows.service.settings import environment; os.environ.update(environment());"
        f"from flows.run_stage import run_stage; run_stage('alone', {str(tmp_path)!r})"
    )
    with process(
        [sys.executable, "-c", script], stand_in.root, stand_in.environment(), tmp_path / "log"
    ) as engine:
        began(tmp_path, "alone")
        running = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
        (run_alone,) = [
            run
            for run in stand_in.call("flow_runs/filter", running)
            if run["parameters"].get("stage") == "alone"
        ]
        wait_for(lambda: beats(stand_in, run_alone["id"]), "a heartbeat", seconds=20)
        engine.kill()
    run = FlowRun(stand_in, run_alone["id"])
    wait_for(lambda: run.state["type"] != "RUNNING", "the automation", seconds=3 * SILENCE)
    assert run.state["type"] == "CRASHED"
    assert run.state["message"] == f"no sign of life for {SILENCE} s"
    expect_silence(stand_in, settings.SILENCE)


def expect_silence(site: Site, seconds: int) -> None:
    """Deploy the automation with another time."""
    site.python(
        "-c",
        "from datetime import timedelta; from flows.deploy import crash_when_silent;"
        f"crash_when_silent(timedelta(seconds={seconds}))",
    )


def beats(site: Site, run_id: str) -> list[Any]:
    """The signs of life of a flow run that the server has got."""
    names, ids = ["prefect.flow-run.heartbeat"], [f"prefect.flow-run.{run_id}"]
    wanted = {"filter": {"event": {"name": names}, "resource": {"id": ids}}}
    events: list[Any] = site.call("events/filter", wanted)["events"]
    return events


def test_a_worker_without_a_pool_says_what_to_do(stand_in: Site) -> None:
    command = [sys.executable, "-m", "flows.worker", "--pool", "moon"]
    done = subprocess.run(
        command, cwd=stand_in.root, env=stand_in.environment(), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "error: there is no work pool moon: `python -m flows.deploy --gpu` makes ours\n"
