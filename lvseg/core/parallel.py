"""Work on many patients at once, one process each, so that one bad patient never stops the rest."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tqdm import tqdm

Job = TypeVar("Job")
Result = TypeVar("Result")


def each(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int, label: str
) -> Iterator[tuple[int, Result | None]]:
    """Yield (position of the job, result) as results come; None for a job whose process died.

    Exceptions of `function` are raised: they are faults of the program, not of the data. A process that dies
    (a decoder that crashes on a damaged file) takes down its pool, so all that is left then runs one job after
    the other, each in a process of its own.

    Args:
        function: a function of a module, with one argument.
        jobs: what it is called on.
        workers: processes at the same time.
        label: what the progress bar says; there is none where stderr is no terminal.
    """
    with tqdm(total=len(jobs), desc=label, unit="patient", disable=not sys.stderr.isatty()) as bar:
        unfinished = set(range(len(jobs)))
        try:
            with ProcessPoolExecutor(min(workers, max(len(jobs), 1))) as pool:
                futures = {pool.submit(function, job): position for position, job in enumerate(jobs)}
                try:
                    for future in as_completed(futures):
                        result = future.result()
                        unfinished.discard(futures[future])
                        bar.update()
                        yield futures[future], result
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not work through the queue
                    raise
        except BrokenProcessPool:
            for position in sorted(unfinished):
                bar.update()
                yield position, _alone(function, jobs[position])


def _alone(function: Callable[[Job], Result], job: Job) -> Result | None:
    try:
        with ProcessPoolExecutor(1) as pool:
            return pool.submit(function, job).result()
    except BrokenProcessPool:
        return None
