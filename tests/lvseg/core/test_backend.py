"""What a computation is prepared with."""

import platform
import resource
import subprocess
import sys

import numpy as np
import pytest

from lvseg.core import backend

SMALL = 3 * 2**20  # bytes: of 64 MiB at once the system hands out whole huge pages


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep freed memory")
def test_freed_memory_is_not_fetched_again() -> None:
    """Of 60 MiB that are freed and asked for again, hardly a page is new."""

    def pages() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        parts = [np.ones(SMALL, np.uint8) for _ in range(20)]
        del parts
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    backend.prepare(2, None)
    pages()
    assert min(pages() for _ in range(3)) < 100


@pytest.mark.parametrize(("threads", "at_once"), [(1, 1), (3, 2)])
def test_two_operations_run_at_once_where_two_threads_may(threads: int, at_once: int) -> None:
    """In a process of its own, for pools cannot be set once anything has run."""
    told = f"from lvseg.core import backend; backend.prepare({threads}, None); pools = backend.tf.config.threading; "
    told += "print(pools.get_intra_op_parallelism_threads(), pools.get_inter_op_parallelism_threads())"
    asked = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert asked.stdout.split() == [str(threads), str(at_once)]
