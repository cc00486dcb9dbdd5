"""Thousands of studies on many machines: `predict-cohort` divides a list, `predict-shard` takes a part of it.

Each part is `lvseg predict` into one shared folder, which notes what is done. In the end the same command goes over
the whole list: it finds all done, does what a lost machine left, and writes the tables. So the result does not depend
on who did what.
"""

import re
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.pipeline.end_states import EndState, errors_to_states, foreseen
from flows.pipeline.pool_runs import PoolRuns
from flows.process import leashed
from flows.process.children import Children
from flows.process.commands import Dvc
from flows.process.failures import StageError
from flows.process.marks import Mark
from flows.service.places import lists, models, reads, writes
from lvseg.core.errors import UserError
from lvseg.core.paths.files import write_text
from lvseg.core.paths.places import ROOT
from lvseg.studies.cohort.inputs import inputs

_SOME_FAILED = 3  # exit status of `lvseg predict`
# A line of a study without what follows: paths, and the ids of patients, stay on terminals.
_STUDY = re.compile(r"^(\S+  (?:ok|look at it|failed))  ")
_SUMMARY = re.compile(r"^\d+ stud(?:y|ies) in ")
_SECONDS = re.compile(r" in \d+ s")
_BEFORE = "(as before)"  # ends the line of a study of which there is nothing new


@flow(name="predict-cohort")
@errors_to_states
def predict_cohort(
    studies: str,
    out: str,
    pool: str | None = None,
    shards: int = 2,
    model: str | None = None,
    version: str = "champion",
) -> EndState:
    """Predict all studies of a list or of a folder.

    Args:
        studies: A .txt file with one path per line, or a folder whose children are the studies; all workers see it.
        out: The folder to write, which all workers share.
        pool: The work pool whose workers take parts of the list; empty: this worker takes all of it.
        shards: Into how many parts the list is divided for the pool.
        model: Folder of a model instead of the registered one.
        version: Number or alias of the registered model.
    """
    begin, paths = time.monotonic(), _paths_of_studies(reads(studies, "studies"))
    target = writes(out, "out")
    parts_of = target / "private" / "shards"
    order: dict[str, Any] = {"out": str(target), "model": model, "version": version}
    if pool:
        runs = PoolRuns("predict-shard", pool, parameter="pool", page="docs/predict.md")
        # Every n-th study, so that parts take about the same time where studies of a kind lie together.
        parts = [part for number in range(shards) if (part := paths[number::shards])]
        _predict_parts(
            [_write_list(parts_of / f"{number}.txt", part) for number, part in enumerate(parts, 1)],
            order,
            runs,
        )
    whole = _write_list(parts_of / "all.txt", paths)
    summary = task(name="all", task_run_name="all together")(_predict)(whole, **order)
    summary = _SECONDS.sub(f" in {time.monotonic() - begin:.0f} s", summary)
    _create_artifact(target, summary)
    return Completed(message=summary)


@flow(name="predict-shard")
@errors_to_states
def predict_shard(studies: str, out: str, model: str | None = None, version: str = "champion") -> EndState:
    """Predict the studies of a list.

    Args:
        studies: A .txt file with one path per line.
        out: The folder to write.
        model: Folder of a model instead of the registered one.
        version: Number or alias of the registered model.
    """
    return Completed(message=_predict(studies, out, model, version))


def _paths_of_studies(studies: Path) -> list[str]:
    """Return the paths of all studies of a list or of a folder, hidden ones left out.

    Raises:
        UserError: there are none, or this worker does not see them.
    """
    if not studies.exists():
        raise UserError(f"studies: {studies} is no folder and no list that this worker can see")
    given = [studies]
    if studies.is_dir():
        given = sorted(path for path in studies.iterdir() if not path.name.startswith("."))
    return [str(reads(path, "studies")) for path in inputs(given)]


def _write_list(path: Path, studies: list[str]) -> str:
    """Write a list of studies where its owner alone can read it, and return its path."""
    write_text(path, "".join(f"{line}\n" for line in studies))
    path.parent.parent.chmod(0o700)
    return str(path)


def _predict_parts(lists: list[str], order: dict[str, Any], runs: PoolRuns) -> None:
    """Have each list predicted by a worker of a pool; what is lost is left to be done here.

    Args:
        lists: paths of lists of studies.
        order: the other parameters of `predict-shard`.
        runs: starts them on the pool.
    """
    ending = threading.Event()

    def predict_part(number: int) -> State[Any]:
        run = runs.start(f"shard {number} of {len(lists)}", {"studies": lists[number - 1], **order})
        state = runs.wait(run, ending)
        if state.is_completed():
            return Completed(message=state.message)
        return Failed(message=f"lost, and left to be done here: {state.message}")

    shard = task(name="shard", task_run_name=f"shard {{number}} of {len(lists)}")(predict_part)
    try:
        for future in [shard.submit(number) for number in range(1, len(lists) + 1)]:
            future.wait()
    finally:
        ending.set()  # also when the run is cancelled: nothing goes on without it
        runs.end()


def _why(last: str, studies: Sequence[Path]) -> str:
    """Return the reason of a command that failed, without paths of studies; nothing where its last line gives none."""
    if not last.startswith("error: "):
        return ""
    for path in sorted(map(str, studies), key=len, reverse=True):
        last = last.replace(path, "(a study)")
    return last.removeprefix("error: ")


def _word(version: str) -> str:
    """Return the number or alias of a version.

    Raises:
        UserError: it is neither.
    """
    if not re.fullmatch(r"\w[\w-]*", version):
        raise UserError(f"version: {version!r} is no number and no alias of the registered model")
    return version


def _create_artifact(out: Path, words: str) -> None:
    """Create the artifact of a run: what it came to in `words` and figures, no study by name."""
    import pandas as pd

    from tracking.scores.predictions import summary

    figures = summary(pd.read_parquet(out / "measurements.parquet"))
    rows = [f"| {name.removeprefix('predict/')} | {value:.5g} |" for name, value in figures.items()]
    table = "\n".join(["| | |", "|---|---|", *rows])
    create_markdown_artifact(f"{words}\n\n{table}\n", key="cohort", description="What the run came to")


@foreseen
def _predict(studies: str, out: str, model: str | None, version: str) -> str:
    """Run `lvseg predict` on a list, on a leash, and return the line that sums it up.

    Raises:
        StageError: it could not run.
        UserError: this worker may not read the studies or the model, or not write the folder.
    """
    log, children, mark, summaries, last = get_run_logger(), Children(), Mark(), [""], [""]
    order = lists(studies)
    paths = inputs([order])
    for path in paths:  # what another worker may read, this one may not
        reads(path, "studies")
    target, chosen = writes(out, "out"), ["--version", _word(version)]
    if model:
        chosen = ["--model", str(models(model, "model"))]

    def log_progress(line: str) -> None:
        said = mark.said(line)
        if said is None:
            return
        last.append(said)
        if study := _STUDY.match(said):
            if not said.endswith(_BEFORE):
                log.info(study[1])
        elif _SUMMARY.match(said):
            summaries.append(said)
            log.info(said)

    ended = leashed.run(
        [sys.executable, "-m", "tasks.predict", "--out", str(target), *chosen, "--", str(order)],
        cwd=ROOT,
        env={**Dvc(ROOT, children).environment(), **mark.environment},
        on_line=log_progress,
        stop=threading.Event(),
    )
    if ended.status not in (0, _SOME_FAILED):
        raise StageError(_why(last[-1], paths) or f"predict ended with status {ended.status}")
    return summaries[-1]
