"""Thousands of studies on many machines: `predict-cohort` divides a list, `predict-shard` takes a part of it.

Each part is `lvseg predict` into one shared folder, which notes what is done. In the end the same command goes over
the whole list: it finds all done, does what a lost machine left, and writes the tables. So the result does not depend
on who did what.
"""

import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, Failed, State

from flows.pipeline.elsewhere import Elsewhere
from flows.pipeline.outcome import Ending, refusing
from flows.process import lines
from flows.process.commands import Children, Dvc, StageError
from lvseg.core.errors import UserError
from lvseg.core.files import write_text
from lvseg.core.places import ROOT
from lvseg.studies.cohort.inputs import inputs

_SOME_FAILED = 3  # exit status of `lvseg predict`
# A line of a study without what follows: paths, and the ids of patients, stay on terminals.
_STUDY = re.compile(r"^(\S+  (?:ok|look at it|failed))  ")
_SUMMARY = re.compile(r"^\d+ stud(?:y|ies) in ")
_SECONDS = re.compile(r" in \d+ s")
_BEFORE = "(as before)"  # ends the line of a study of which there is nothing new


@flow(name="predict-cohort")
@refusing
def predict_cohort(
    studies: str,
    out: str,
    pool: str | None = None,
    shards: int = 2,
    model: str | None = None,
    version: str = "champion",
) -> Ending:
    """Predict all studies of a list or of a folder.

    Args:
        studies: A .txt file with one path per line, or a folder whose children are the studies; all workers see it.
        out: The folder to write, which all workers share.
        pool: The work pool whose workers take parts of the list; empty: this worker takes all of it.
        shards: Into how many parts the list is divided for the pool.
        model: Folder of a model instead of the registered one.
        version: Number or alias of the registered model.
    """
    begin, paths = time.monotonic(), _listed(Path(studies))
    home = Path(out) / "private" / "shards"
    how: dict[str, Any] = {"out": out, "model": model, "version": version}
    if pool:
        away = Elsewhere("predict-shard", pool, parameter="pool", page="docs/predict.md")
        parts = [part for number in range(shards) if (part := paths[number::shards])]
        _parts([_list(home / f"{number}.txt", part) for number, part in enumerate(parts, 1)], how, away)
    whole = _list(home / "all.txt", paths)
    said = task(name="all", task_run_name="all together")(_predict)(whole, **how)
    _leave(Path(out), said := _SECONDS.sub(f" in {time.monotonic() - begin:.0f} s", said))
    return Completed(message=said)


@flow(name="predict-shard")
@refusing
def predict_shard(studies: str, out: str, model: str | None = None, version: str = "champion") -> Ending:
    """Predict the studies of a list.

    Args:
        studies: A .txt file with one path per line.
        out: The folder to write.
        model: Folder of a model instead of the registered one.
        version: Number or alias of the registered model.
    """
    return Completed(message=_predict(studies, out, model, version))


def _listed(studies: Path) -> list[str]:
    """Return the paths of all studies.

    Raises:
        UserError: there are none.
    """
    if not studies.exists():
        raise UserError(f"studies: {studies} is no folder and no list that this worker can see")
    held = [studies]
    if studies.is_dir():
        held = sorted(path for path in studies.iterdir() if not path.name.startswith("."))
    return [str(path) for path in inputs(held)]


def _list(path: Path, studies: list[str]) -> str:
    """Write a list of studies where its owner alone can read it, and return its path."""
    write_text(path, "".join(f"{line}\n" for line in studies))
    path.parent.parent.chmod(0o700)
    return str(path)


def _parts(lists: list[str], how: dict[str, Any], away: Elsewhere) -> None:
    """Have each list predicted by a worker of a pool; what is lost is left to be done here."""
    ending = threading.Event()

    def sent(number: int) -> State[Any]:
        run = away.start(f"shard {number} of {len(lists)}", {"studies": lists[number - 1], **how})
        state = away.wait(run, ending)
        if state.is_completed():
            return Completed(message=state.message)
        return Failed(message=f"lost, and left to be done here: {state.message}")

    shard = task(name="shard", task_run_name=f"shard {{number}} of {len(lists)}")(sent)
    try:
        for future in [shard.submit(number) for number in range(1, len(lists) + 1)]:
            future.wait()
    finally:
        ending.set()  # also when the run is cancelled: nothing goes on without it
        away.end()


def _leave(out: Path, said: str) -> None:
    """Create the artifact of a run: what it came to, no study by name."""
    import pandas as pd

    from tracking.scores.predictions import summary

    figures = summary(pd.read_parquet(out / "measurements.parquet"))
    rows = [f"| {name.removeprefix('predict/')} | {value:.5g} |" for name, value in figures.items()]
    table = "\n".join(["| | |", "|---|---|", *rows])
    create_markdown_artifact(f"{said}\n\n{table}\n", key="cohort", description="What the run came to")


def _predict(studies: str, out: str, model: str | None, version: str) -> str:
    """Run `lvseg predict` on a list, on a leash, and return its summary.

    Raises:
        StageError: it could not run.
    """
    log, children, told = get_run_logger(), Children(), [""]

    def tell(line: str) -> None:
        if study := _STUDY.match(line):
            if not line.endswith(_BEFORE):
                log.info(study[1])
        elif _SUMMARY.match(line):
            told.append(line)
            log.info(line)

    chosen = ["--model", model] if model else ["--version", version]
    ended = lines.run(
        [sys.executable, "-m", "tasks.predict", "--out", out, *chosen, studies],
        cwd=ROOT,
        env=Dvc(ROOT, children).environment(),
        on_line=tell,
        stop=threading.Event(),
    )
    if ended.status not in (0, _SOME_FAILED):
        last = ended.tail.strip().splitlines()[-1:] or [f"ended with status {ended.status}"]
        raise StageError(last[0].removeprefix("error: "))
    return told[-1]
