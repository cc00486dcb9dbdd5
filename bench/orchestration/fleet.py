"""`make fleet`: a team's set-up on one machine, for real: two GPU workers train at the same time.

A Prefect server on PostgreSQL, an MLflow server, a bare git repository, a DVC remote behind SSH, an orchestrator,
and two workers of the pool `gpu`, each in an empty clone with a HOME of its own, pinned to one core. One `retrain`
is sent through all of it. Prints what ran where and when, and ends with status 1 if a check fails.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from bench.rig import clones, servers
from bench.rig.api import Prefect, mlflow_runs, moment
from bench.rig.clones import TINY, Clone
from bench.rig.process import rig
from lvseg.core.command import run
from lvseg.core.paths.places import ROOT
from lvseg.params import load

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].keys()
TRAININGS = ("train-dense", "train-cnn", "train-unet")
EPOCHS = {"train_dense": {"epochs": 40}, "train_cnn": {"epochs": 20}}
WIDTH = 48  # characters of the timeline
PATIENCE = 600.0  # seconds


@dataclass(frozen=True)
class Bar:
    """A stage on the timeline: who ran it, from when to when (Unix seconds)."""

    stage: str
    where: str
    start: float
    end: float


def main(
    keep: Annotated[bool, typer.Option(help="Leave the temporary folder, for a look at the logs.")] = False,
) -> None:
    """Run the pipeline through two workers and check that it went as it should."""
    with rig(keep) as folder, ExitStack() as stack:
        database = stack.enter_context(servers.postgres(folder))
        ssh = stack.enter_context(servers.sshd(folder))
        prefect = stack.enter_context(servers.prefect(folder, database))
        mlflow = stack.enter_context(servers.mlflow(folder))
        settings = {"PREFECT_API_URL": prefect.address, "MLFLOW_TRACKING_URI": mlflow.address}
        orchestrator = clones.first(folder, "orchestrator", TINY, EPOCHS, **settings)
        clones.bare(orchestrator, folder / "hub.git")
        team = [
            orchestrator,
            *(clones.again(folder / "hub.git", folder, f"gpu{n}", **settings) for n in (0, 1)),
        ]
        for clone in team:
            clone.remote(ssh, folder / "store")
        orchestrator.python("-m", "flows.deploy", "--gpu")
        stack.enter_context(clones.worker(orchestrator, "local"))
        for number, clone in enumerate(team[1:]):
            options = ("gpu", "--gpu", str(number))
            stack.enter_context(clones.worker(clone, *options, name=clone.root.name, prefix=pinned(number)))
        server = Prefect(prefect.address)
        run_id = server.start("retrain/weekly", train_on="gpu", push=True)
        ended = server.ended(run_id, PATIENCE)
        message = ended["state"]["message"]
        print(f"retrain: {ended['state_name']}: {message}\n")
        if ended["state_type"] != "COMPLETED":
            print("\n".join(server.log(run_id)[-40:]))
            sys.exit(1)
        bars = timeline(server, run_id)
        draw(bars)
        sys.exit(not report(checks(orchestrator, server, run_id, bars, mlflow.address)))


def pinned(core: int) -> list[str]:
    """Return the command that keeps what follows on one core, where the machine can."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    taskset = shutil.which("taskset")
    return [taskset, "-c", str(usable[core % len(usable)])] if taskset and usable else []


def timeline(server: Prefect, run_id: str) -> list[Bar]:
    """Return what ran where: the stages of a `retrain`, and for those sent away the runs on the workers."""
    away = {
        run["parameters"]["stage"]: run
        for run in server.runs()
        if run["parameters"].get("ref", "").startswith(f"refs/lvseg/dispatch/{run_id}/")
    }
    bars = []
    tasks = server.tasks(run_id)
    for name in STAGES & tasks.keys():  # Prefect adds a task for each run that it waits for
        run = away.get(name, tasks[name])
        where = worker_of(server, run["id"]) if name in away else "orchestrator"
        bars.append(Bar(name, where, moment(run["start_time"]), moment(run["end_time"])))
    return sorted(bars, key=lambda bar: bar.start)


def worker_of(server: Prefect, run_id: str) -> str:
    """Return the name of the worker that took a flow run, as it said in the run's log."""
    return next((line.split("'")[1] for line in server.log(run_id) if line.startswith("Worker '")), "?")


def draw(bars: Sequence[Bar]) -> None:
    """Print the timeline."""
    begin, end = min(bar.start for bar in bars), max(bar.end for bar in bars)
    scale = WIDTH / (end - begin)
    wide = max(len(bar.where) for bar in bars)
    print(f"{'stage':12} {'where':{wide}} {'from':>6} {'to':>6} s")
    for bar in bars:
        left, right = round((bar.start - begin) * scale), round((bar.end - begin) * scale)
        line = " " * left + "#" * max(1, right - left)
        times = f"{bar.start - begin:6.1f} {bar.end - begin:6.1f}"
        print(f"{bar.stage:12} {bar.where:{wide}} {times}   |{line:{WIDTH}}|")
    print()


def checks(
    orchestrator: Clone, server: Prefect, run_id: str, bars: Sequence[Bar], mlflow: str
) -> dict[str, bool | str]:
    """Return what must be true of the run: a text is what is wrong."""
    place = orchestrator.workspaces()[0]
    trained = {bar.stage: bar for bar in bars if bar.stage in TRAININGS}
    pairs = [(one, two) for one, two in combinations(trained.values(), 2) if one.where != two.where]
    overlap = max((min(one.end, two.end) - max(one.start, two.start) for one, two in pairs), default=0.0)
    runs = mlflow_runs(mlflow, load().tracking.experiment)
    metrics: dict[str, Any] = load_json(place / "reports" / "metrics.json")
    alone = plain(orchestrator)
    again = server.ended(server.start("retrain/weekly", train_on="gpu", push=True), PATIENCE)
    refs = orchestrator.run("git", "ls-remote", "origin", f"refs/lvseg/runs/{run_id}")
    return {
        "the trainings ran on two workers": len({bar.where for bar in trained.values()}) == 2,
        f"they overlapped in time ({overlap:.1f} s)": overlap > 0,
        "evaluate saw all models": {f"train-{name}" for name in metrics["models"]} == set(TRAININGS),
        "MLflow has all runs, FINISHED": [run["status"] for run in runs] == ["FINISHED"] * len(TRAININGS)
        or str(runs),
        "the same weights as a plain dvc repro": orchestrator.weights(place) == alone or str(alone),
        "the git ref of the run is on origin": bool(refs),
        "a clone gets the results by dvc pull": pulled(orchestrator, run_id) == alone,
        "a second run: up to date": again["state_name"] == "Up to date" or again["state_name"],
    }


def plain(source: Clone) -> dict[str, str]:
    """Return the weights that `dvc repro` gives in a clone without anything."""
    settings = {"MLFLOW_TRACKING_URI": f"sqlite:///{source.rig}/plain.db"}
    clone = clones.again(source.root, source.rig, "plain", **settings)
    clone.python("-m", "dvc", "repro", "evaluate")
    return clone.weights()


def pulled(source: Clone, run_id: str) -> dict[str, str]:
    """Return the weights that a colleague gets who fetches the ref of a run and pulls, and runs nothing."""
    colleague = clones.again(source.rig / "hub.git", source.rig, "colleague")
    shutil.copytree(source.home / ".ssh", colleague.home / ".ssh")
    shutil.copy(source.root / ".dvc" / "config.local", colleague.root / ".dvc" / "config.local")
    colleague.run("git", "fetch", "--quiet", "origin", f"refs/lvseg/runs/{run_id}")
    colleague.run("git", "checkout", "--quiet", "--detach", "FETCH_HEAD")
    colleague.python("-m", "dvc", "pull", "--quiet", *TRAININGS)
    return colleague.weights()


def load_json(path: Path) -> dict[str, Any]:
    """Return a JSON file."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def report(results: dict[str, bool | str]) -> bool:
    """Print the checks; return whether all are true."""
    for name, result in results.items():
        print(
            f"{'ok  ' if result is True else 'FAIL'} {name}{f': {result}' if isinstance(result, str) else ''}"
        )
    return all(result is True for result in results.values())


if __name__ == "__main__":
    run(main)
