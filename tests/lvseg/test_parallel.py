"""A process that dies takes its own job with it, and no other."""

import os

from lvseg.parallel import each


def double_unless_seven(job: int) -> int:
    if job == 7:
        os._exit(3)
    return 2 * job


def test_every_job_but_the_one_that_kills_its_process() -> None:
    results = dict(each(double_unless_seven, range(12), workers=2, label="test"))
    assert results == {n: None if n == 7 else 2 * n for n in range(12)}
