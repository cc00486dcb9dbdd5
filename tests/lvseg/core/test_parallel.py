"""A process that dies takes its own job with it, and no other."""

import os
import time

import pytest

from lvseg.core.parallel import each


def double_unless_seven(job: int) -> int:
    if job == 7:
        os._exit(3)
    return 2 * job


def test_every_job_but_the_one_that_kills_its_process() -> None:
    results = dict(each(double_unless_seven, range(12), workers=2, label="test"))
    assert results == {n: None if n == 7 else 2 * n for n in range(12)}


def slow_or_wrong(job: int) -> int:
    if job == 0:
        raise OSError("no space left")
    time.sleep(0.2)
    return job


def test_a_fault_of_the_program_is_raised_without_working_through_the_rest() -> None:
    started = time.monotonic()
    with pytest.raises(OSError, match="no space left"):
        dict(each(slow_or_wrong, range(100), workers=2, label="test"))
    assert time.monotonic() - started < 5  # the rest would take 10 s
