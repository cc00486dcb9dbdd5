"""Thousands of studies on many machines: `predict-cohort` divides a list, `predict-shard` takes a part of it.

Each part is `lvseg predict` into one shared folder, which notes what is done. In the end the same command goes over
the whole list: it finds all done, does what a lost machine left, and writes the tables. So the result does not depend
on who did what.
"""

import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, State

from flows import process
from flows.commands import Children, Dvc, StageError
from flows.outcome import Ending, refusing
from lvseg.errors import UserError
from lvseg.files import write_text
from lvseg.identity import ROOT

DEPLOYMENT = "predict-shard"
_LOOK = 3.0  # seconds between two looks at a run elsewhere
_SOME_FAILED = 3  # exit status of `lvseg predict`
# A line of a study without what follows: paths, and the ids of patients, stay on terminals.
_STUDY = re.compile(r"^(\S+  (?:ok|look at it|failed))  ")
_SUMMARY = re.compile(r"^\d+ stud(?:y|ies) in ")


@flow(name="predict-cohort")
@refusing
def predict_cohort(
    studies: str,
    out: str,
    shards: int = 2,
    pool: str | None = None,
    model: str | None = None,
    version: str = "champion",
) -> Ending:
    """Predict all studies of a list or of a folder.

    Args:
        studies: A .txt file with one path per line, or a folder whose children are the studies; all workers see it.
        out: The folder to write, which all workers share.
        shards: Into how many parts the list is divided.
        pool: The work pool whose workers take the parts; empty: this worker, one after the other.
        model: Folder of a model instead of the registered one.
        version: Number or alias of the registered model.
    """
    paths = _listed(Path(studies))
    parts = [part for n in range(shards) if (part := paths[n::shards])]
    home = Path(out) / "private" / "shards"
    lists = [home / f"{number}.txt" for number in range(1, len(parts) + 1)]
    for path, part in zip(lists, parts, strict=True):
        write_text(path, "".join(f"{line}\n" for line in part))
    (Path(out) / "private").chmod(0o700)
    how: dict[str, Any] = {"out": out, "model": model, "version": version}
    if pool:
        _known(pool)
        with ThreadPoolExecutor(len(lists)) as threads:
            waiting = [threads.submit(_elsewhere, pool, str(path), how) for path in lists]
        lost = [str(ended.message) for one in waiting if not (ended := one.result()).is_completed()]
        for message in lost:
            get_run_logger().warning("a part was lost and is done here: %s", message)
    else:
        for number, path in enumerate(lists, 1):
            task(name="shard", task_run_name=f"shard {number} of {len(lists)}")(_predict)(str(path), **how)
    whole = home / "all.txt"
    write_text(whole, "".join(f"{line}\n" for line in paths))
    said = task(name="together", task_run_name="together")(_predict)(str(whole), **how)
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
    if studies.is_dir():
        found = sorted(str(path) for path in studies.iterdir() if not path.name.startswith("."))
    elif studies.is_file():
        found = [line.strip() for line in studies.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        raise UserError(f"studies: {studies} is no folder and no list that this worker can see")
    if not found:
        raise UserError(f"studies: {studies} names no study")
    return found


def _predict(studies: str, out: str, model: str | None, version: str) -> str:
    """Run `lvseg predict` on a list, on a leash, and return its summary.

    Raises:
        StageError: it could not run.
    """
    log, children, told = get_run_logger(), Children(), [""]

    def tell(line: str) -> None:
        if study := _STUDY.match(line):
            log.info(study[1])
        elif _SUMMARY.match(line):
            told.append(line)
            log.info(line)

    chosen = ["--model", model] if model else ["--version", version]
    ended = process.run(
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


def _known(pool: str) -> None:
    """Refuse a pool that has no deployment, before anything runs."""
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(f"{DEPLOYMENT}/{pool}")
        except ObjectNotFound:
            raise UserError(
                f"pool: there is no deployment {DEPLOYMENT}/{pool}; docs/predict.md says how to add one"
            ) from None


def _elsewhere(pool: str, studies: str, how: dict[str, Any]) -> State[Any]:
    """Have a part predicted by a worker of a pool, and return how that ended."""
    run: Any = run_deployment(
        f"{DEPLOYMENT}/{pool}", parameters={"studies": studies, **how}, timeout=0, as_subflow=False
    )
    with get_client(sync_client=True) as client:
        while True:
            state = client.read_flow_run(run.id).state
            if state is not None and state.is_final():
                return state
            time.sleep(_LOOK)
