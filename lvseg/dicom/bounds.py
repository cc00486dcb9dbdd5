"""Bounds of memory and time within which a stranger's file is read: a small one may unpack to gigabytes, or never end.

Bytes are bounded by `lvseg.dicom.content`. What a parser or a decoder makes of them is not: an element of eight bytes
becomes an object of hundreds, and a compressed picture says itself how large it is.
"""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from pathlib import Path

from lvseg.dicom.tolerance import tolerant

MEMORY = 2 * 2**30  # bytes that reading one file may take beyond what the process has
SECONDS = 60  # of a processor, for one file
TOO_MUCH = "takes more memory than any image needs: looks like a bomb"
_STATUS = Path("/proc/self/statm")  # of Linux
_TURN = threading.RLock()


@contextmanager
def bounded() -> Iterator[None]:
    """Read a file of a stranger's within `MEMORY` and `SECONDS`, and as `tolerant` says.

    Too much memory is a MemoryError, for the reader to tell. Too much time ends the process, where it reads for
    another, which then tells that a decoder crashed; a process of its own is not ended.

    A limit belongs to the whole process: threads take turns.
    """
    with _TURN, tolerant(), _memory(), _time():
        yield


@contextmanager
def _memory() -> Iterator[None]:
    if not _STATUS.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(_STATUS.read_text().split()[0]) * resource.getpagesize()
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([taken + MEMORY, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _time() -> Iterator[None]:
    if parent_process() is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    times = os.times()
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    end = int(times.user + times.system) + 1 + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (min([end, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
