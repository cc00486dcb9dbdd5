"""`make bench-flow`: what Prefect costs on top of DVC, and what two workers bring.

Plain `dvc repro` and `retrain` do the same work in turn, each in a fresh clone with cold caches, with the same
MLflow server; `retrain` is timed from the request to the end, with the time that a worker takes to notice it.
"""

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from bench.orchestration.side_by_side import ready, side_by_side
from bench.rig import clones, servers
from bench.rig.api import Prefect, moment
from bench.rig.clones import TINY, Clone
from bench.rig.process import rig
from lvseg.core.command import run
from lvseg.core.errors import UserError

Changes = Sequence[Mapping[str, Mapping[str, Any]]]
PATIENCE = 3600.0  # seconds
# Seconds between two looks: the server knows when a run ended, and each look costs it some work.
PATIENT = 5.0
REPEATS = 3
IDLE_REPEATS = 5  # a run with nothing to do takes seconds


@dataclass(frozen=True)
class Work:
    """What both `dvc repro` and `retrain` are asked for.

    Attributes:
        name: what the table calls it.
        target: the stage to bring up to date.
        changes: what differs from params.yaml as it is committed.
        repeats: how often each way does it; the median counts.
    """

    name: str
    target: str
    changes: Changes
    repeats: int = REPEATS


# With one training nothing runs side by side: the ratio is the cost of the flow and nothing else.
SHORT = (
    Work("tiny phantom, one training", "train-cnn", [TINY]),
    Work("tiny phantom, everything", "evaluate", [TINY]),
)
LONG = (
    Work("default phantom, one training", "train-cnn", [{"train_cnn": {"epochs": 100}}], repeats=1),
    Work("default phantom, everything", "evaluate", [{"train_cnn": {"epochs": 100}}], repeats=1),
)


@dataclass(frozen=True)
class Site:
    """The folder of everything, and the servers that all clones share."""

    rig: Path
    prefect: str
    mlflow: str

    def clone(self, name: str, changes: Changes) -> Clone:
        """Return a fresh clone; its MLflow runs go to an experiment of its own."""
        settings = {"PREFECT_API_URL": self.prefect, "MLFLOW_TRACKING_URI": self.mlflow}
        # `dvc repro` does not promote: what is compared is the same work.
        apart: dict[str, dict[str, Any]] = {
            "tracking": {"experiment": name},
            "promotion": {"automatic": False},
        }
        return clones.first(self.rig, name, *changes, apart, **settings)


def main(
    long: Annotated[bool, typer.Option(help="The same work in runs of five minutes and more.")] = False,
    only: Annotated[
        str | None, typer.Option(help="One part: same-work, nothing-to-do or side-by-side.")
    ] = None,
    keep: Annotated[bool, typer.Option(help="Leave the temporary folder, for a look at the logs.")] = False,
) -> None:
    """Measure, and print tables of seconds."""
    parts = {"same-work": same_work, "nothing-to-do": nothing_to_do, "side-by-side": two_workers}
    if only and only not in parts:
        raise UserError(f"--only: there is no part {only}; they are {', '.join(parts)}")
    with others_counted(), site(keep) as here:
        for name, part in parts.items():
            if only in (None, name):
                part(here, LONG if long else SHORT)


@contextmanager
def others_counted() -> Iterator[None]:
    """Print at the end how busy other programs kept the machine, for the figures are worth that much less."""
    began, busy, ours = time.monotonic(), _busy(), sum(os.times()[:4])
    yield
    others = (_busy() - busy - (sum(os.times()[:4]) - ours)) / (time.monotonic() - began)
    print(f"\nMeanwhile other programs used {max(others, 0.0):.2f} of {os.cpu_count()} cores.")


def _busy() -> float:
    """Return the seconds that all cores together have worked."""
    times = psutil.cpu_times()
    return float(
        times.user
        + times.system
        + sum(getattr(times, name, 0.0) for name in ("nice", "irq", "softirq", "steal"))
    )


@contextmanager
def site(keep: bool) -> Iterator[Site]:
    """Start the servers, deploy, and keep the schedules quiet."""
    with rig(keep) as folder, servers.prefect(folder) as prefect, servers.mlflow(folder) as mlflow:
        made = Site(folder, prefect.address, mlflow.address)
        made.clone("deployed", [TINY]).python("-m", "flows.deploy", "--gpu")
        for deployment in ("watch-data/poll", "retrain/weekly"):
            Prefect(prefect.address).pause(deployment)
        yield made


def same_work(here: Site, works: Sequence[Work]) -> None:
    """Time plain `dvc repro` and `retrain` in turn."""
    print("\n| the same work, caches cold | `dvc repro`, s | `retrain`, s | ratio |\n|---|---|---|---|")
    for number, work in enumerate(works):
        plain: list[float] = []
        flow: list[float] = []
        for repeat in range(work.repeats):
            name = f"work-{number}-{repeat}"
            turns = [(plain, by_dvc, f"{name}-dvc"), (flow, by_retrain, f"{name}-flow")]
            for seconds, way, clone in turns if repeat % 2 == 0 else reversed(turns):
                seconds.append(way(here, here.clone(clone, work.changes), work.target))
        ratio = statistics.median(flow) / statistics.median(plain)
        print(f"| {work.name} | {shown(plain)} | {shown(flow)} | {ratio:.3f} |", flush=True)


def by_dvc(here: Site, clone: Clone, target: str) -> float:
    """Return the seconds of `dvc repro`."""
    began = time.monotonic()
    clone.python("-m", "dvc", "repro", target)
    return time.monotonic() - began


def by_retrain(here: Site, clone: Clone, target: str) -> float:
    """Return the seconds of a `retrain`."""
    with clones.worker(clone, "local", name=clone.root.name) as worker:
        ready(worker)
        return timed(Prefect(here.prefect), "Completed", targets=[target])


def timed(server: Prefect, wanted: str, **parameters: Any) -> float:
    """Start a `retrain`; return the seconds from the request to its end.

    Raises:
        UserError: it did not end as it should.
    """
    asked = time.time()
    ended = server.ended(server.start("retrain/weekly", **parameters), PATIENCE, look=PATIENT)
    if ended["state_name"] != wanted:
        raise UserError(f"a retrain ended {ended['state_name']}: {ended['state']['message']}")
    return moment(ended["end_time"]) - asked


def nothing_to_do(here: Site, works: Sequence[Work]) -> None:
    """Time runs that find everything done, with a worker that waits."""
    clone = here.clone("nothing", [TINY])
    clone.python("-m", "dvc", "repro", "report")  # all that a retrain does by default
    server = Prefect(here.prefect)
    with clones.worker(clone, "local", name="nothing") as worker:
        ready(worker)
        first = timed(server, "Completed")
        again = [timed(server, "Up to date") for _ in range(IDLE_REPEATS)]
    print("\n| nothing to do | seconds |\n|---|---|")
    print(f"| first run, everything in the run cache | {first:.1f} |")
    print(f"| next runs | {shown(again)} |", flush=True)


def two_workers(here: Site, works: Sequence[Work]) -> None:
    """Time two trainings on two workers, together and each alone."""
    side_by_side(here.rig, here.clone("orchestrator", [TINY]), Prefect(here.prefect))


def shown(seconds: Sequence[float]) -> str:
    """Return the median, and between which values it lies."""
    middle = f"{statistics.median(seconds):.1f}"
    return middle if len(seconds) == 1 else f"{middle} ({min(seconds):.1f} - {max(seconds):.1f})"


if __name__ == "__main__":
    run(main)
