"""Two trainings on two workers at the same time against each of them alone, one core per worker."""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.orchestration.fleet import pinned
from bench.rig import clones
from bench.rig.api import Prefect, moment
from bench.rig.clones import Clone
from bench.rig.process import START, Child
from lvseg.core.errors import UserError

TRAININGS = {"train-dense": "train_dense", "train-cnn": "train_cnn"}  # stage: section of params.yaml
# About a minute each on one core.
PARAMS = {
    "phantom": {"patients": 8, "slices": 5, "phases": 6, "matrix": 96},
    "train_dense": {"epochs": 180, "image_size": 96},
    "train_cnn": {"epochs": 40, "image_size": 96},
}
REPEATS = 3
PATIENCE = 900.0  # seconds

Spans = dict[str, list[float]]


def side_by_side(rig: Path, orchestrator: Clone, server: Prefect) -> None:
    """Time the trainings in turn and print a table.

    Args:
        orchestrator: a fresh clone; a bare repository becomes its origin.
    """
    orchestrator.set(PARAMS)
    orchestrator.commit("trainings of a minute")
    clones.bare(orchestrator, rig / "hub.git")
    hands = [clones.again(rig / "hub.git", rig, f"gpu{n}", **orchestrator.settings) for n in (0, 1)]
    for clone in (orchestrator, *hands):
        store = ("--local", "--default", "--quiet", "store", str(rig / "store"))
        clone.python("-m", "dvc", "remote", "add", *store)
    with ExitStack() as stack:
        started = [stack.enter_context(clones.worker(orchestrator, "local", name="orchestrator"))]
        for number, clone in enumerate(hands):
            pool = ("gpu", "--gpu", str(number))
            hand = clones.worker(clone, *pool, name=clone.root.name, prefix=pinned(number))
            started.append(stack.enter_context(hand))
        for worker in started:
            ready(worker)
        _train(server, ["split"], seed=0)
        whole: Spans = {}
        alone: Spans = {}
        ways = {**{stage: [stage] for stage in TRAININGS}, "both": [*TRAININGS]}
        for repeat in range(REPEATS):
            for number, (way, stages) in enumerate(ways.items()):
                seconds = _train(server, stages, seed=100 + 10 * repeat + number)
                whole.setdefault(way, []).append(seconds[0])
                alone.setdefault(way, []).append(seconds[1])
    print("\n| two workers, one core each, s | train-dense | train-cnn | both | both / the longer one |")
    print("|---|---|---|---|---|")
    _row("the stage itself", alone)
    _row("with the way there and back", whole)


def _train(server: Prefect, stages: Sequence[str], seed: int) -> tuple[float, float]:
    """Train with a seed that is new, so that nothing is cached.

    Returns:
        Seconds from the first start to the last end: with the data's way to the worker and back, and without.
    """
    run_id = server.start(
        "retrain/weekly",
        targets=list(stages),
        overrides=[f"{section}.seed={seed}" for section in TRAININGS.values()],
        train_on="gpu",
    )
    ended = server.ended(run_id, PATIENCE)
    if ended["state_type"] != "COMPLETED":
        raise UserError(f"a retrain ended {ended['state_name']}: {ended['state']['message']}")
    here = server.tasks(run_id)
    away = {
        run["parameters"]["stage"]: server.tasks(run["id"])[run["parameters"]["stage"]]
        for run in server.runs()
        if run["parameters"].get("ref", "").startswith(f"refs/lvseg/dispatch/{run_id}/")
    }
    return _span([here[stage] for stage in stages]), _span([away.get(stage, here[stage]) for stage in stages])


def ready(worker: Child) -> None:
    """Wait until a worker looks for work.

    Raises:
        UserError: it ended, or did not begin in time.
    """
    give_up = time.monotonic() + START
    while "started!" not in worker.said():
        worker.check()
        if time.monotonic() > give_up:
            raise UserError(f"{worker.name} did not begin: {worker.said()}")
        time.sleep(0.1)


def _span(tasks: Sequence[dict[str, str]]) -> float:
    """Return the seconds from the first start to the last end."""
    return max(moment(task["end_time"]) for task in tasks) - min(moment(task["start_time"]) for task in tasks)


def _row(name: str, seconds: Spans) -> None:
    """Print the medians and how the trainings together compare with the longer one."""
    median = {way: statistics.median(values) for way, values in seconds.items()}
    ratio = median["both"] / max(median[stage] for stage in TRAININGS)
    print(f"| {name} | {' | '.join(f'{value:.1f}' for value in median.values())} | {ratio:.3f} |", flush=True)
