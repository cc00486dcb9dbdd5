"""Thousands of studies: one process per worker, one input at a time, nothing held in memory of those that are done."""

import multiprocessing
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, TimeoutError
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from lvseg.core.errors import UserError
from lvseg.core.own_lines import marked
from lvseg.core.texts import shown
from lvseg.studies.analysis.assessment import FAILED, LOOK, OK, Verdict
from lvseg.studies.cohort import worker
from lvseg.studies.cohort.journal import Journal
from lvseg.studies.cohort.order import Order
from lvseg.studies.outputs import measurements_table

_PATIENCE_S = 1800  # for one input, a DICOMDIR of many studies perhaps; a decoder that hangs ends then


@dataclass(frozen=True)
class Summary:
    """What a run came to.

    Attributes:
        verdicts: how many studies have each verdict.
        seconds: that it took.
        incomplete: how many studies lack a file that was asked for.
    """

    verdicts: Counter[Verdict]
    seconds: float
    incomplete: int = 0

    @property
    def failed(self) -> int:
        """The number of studies without an ejection fraction."""
        return self.verdicts[FAILED]


def predict(paths: Sequence[Path], order: Order, workers: int) -> Summary:
    """Predict the studies behind all paths, print a line of each, and write the tables.

    A study that fails, even one that ends its process, stops no other. A run that was killed is gone on with by the
    same call.

    Args:
        paths: inputs, as `inputs.inputs` returns them.
        order: how they are done.
        workers: processes; more change the speed, never the result.

    Raises:
        UserError: the output folder cannot be written, or the model cannot be read.
    """
    begin, verdicts, incomplete = time.perf_counter(), Counter[Verdict](), 0
    journal = Journal(order.out)
    with worker.writing(order.out):
        order.out.mkdir(parents=True, exist_ok=True)
        journal.open()
        _remove_unfinished(order.out)
    with tqdm(total=len(paths), desc="predict", unit="study", disable=not sys.stderr.isatty()) as bar:
        try:
            for name, outcomes in zip(_names(paths), _outcomes(paths, order, workers), strict=True):
                for outcome in outcomes:
                    verdicts[outcome.verdict] += 1
                    incomplete += not outcome.complete
                    told = f"{outcome.study}  {outcome.verdict:<10}  {name}: {outcome.words}"
                    bar.write(marked(told), file=sys.stdout)
                bar.update()
                sys.stdout.flush()
        finally:
            with worker.writing(order.out):
                journal.write_tables()
                measurements_table.write(order.out)
    return Summary(verdicts, time.perf_counter() - begin, incomplete)


def _names(paths: Sequence[Path]) -> list[str]:
    """Return what the terminal calls the inputs: their paths below the folder that holds all of them.

    Beside the pseudonym, on the terminal alone: who looks at it has just named them.
    """
    home = Path(os.path.commonpath([path.parent for path in paths]))
    return [shown(path if home == Path(path.anchor) else path.relative_to(home)) for path in paths]


def _remove_unfinished(out: Path) -> None:
    """Remove what runs that were killed left half-written, long enough ago to be no other machine's work."""
    for unfinished in out.glob(".*.tmp"):
        if time.time() - unfinished.stat().st_mtime > _PATIENCE_S:
            shutil.rmtree(unfinished, ignore_errors=True)


def _outcomes(paths: Sequence[Path], order: Order, workers: int) -> Iterator[list[worker.Outcome]]:
    """Yield what became of the studies of each input, in the order of inputs."""
    from pebble import ProcessExpired, ProcessPool

    pool = ProcessPool(
        max_workers=min(workers, len(paths)),
        initializer=worker.start,
        initargs=[order],
        context=multiprocessing.get_context("spawn"),  # a fork of a process with threads may hang
    )
    with pool:
        results = pool.map(worker.predict, paths, timeout=_PATIENCE_S).result()
        for path in paths:
            try:
                outcomes = next(results)
            except UserError:
                pool.stop()
                raise
            except (KeyboardInterrupt, CancelledError):
                pool.stop()
                raise
            except TimeoutError:
                outcomes = [_lost(order, path, f"it took more than {_PATIENCE_S // 60} minutes")]
            except ProcessExpired:
                outcomes = [_lost(order, path, "its files crash a decoder")]
            except Exception as error:
                outcomes = [_lost(order, path, f"a fault of this program, please report it: {error!r}")]
            yield outcomes


def _lost(order: Order, path: Path, reason: str) -> worker.Outcome:
    """Record an input that its process did not come back from; it is tried again next time."""
    return worker.failed(order, path, reason, reason)


def words(summary: Summary, out: Path) -> str:
    """Return what a run came to, and where to look, for a person.

    Args:
        summary: of the run.
        out: the output folder, as the person named it.
    """
    total = sum(summary.verdicts.values())
    parts = ", ".join(f"{summary.verdicts[verdict]} {verdict}" for verdict in (OK, LOOK, FAILED))
    lacking = (
        f"{summary.incomplete} without a file that was asked for, see its report"
        if summary.incomplete
        else ""
    )
    parts = ", ".join(filter(None, (parts, lacking)))
    return (
        f"\n{total} stud{'y' if total == 1 else 'ies'} in {summary.seconds:.0f} s: {parts}\n\n"
        f"{out}/measurements.csv     a row per study; the same in measurements.parquet\n"
        f"{out}/<study>/report.html  to look at before the numbers are used\n"
        f"{out}/private              which patient and folder a study is; its DICOM object, unless de-identified"
    )
