"""DICOM files of strangers, read in a process of their own.

The decoders of compressed pictures are written in C: a damaged file may end their process, and one of a few hundred
bytes may ask for gigabytes. Here this ends a child, and the file is refused.
"""

import os
import resource
import sys
import tempfile
import threading
from importlib.machinery import ModuleSpec
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvseg.core.paths.archives import Item, UnreadableError

if TYPE_CHECKING:
    import numpy as np
    from pebble import ProcessPool

LARGEST = 4096  # rows or columns
MEMORY = 2 * 2**30  # bytes that a child may take
SECONDS = 20  # for one file
_FILE = "frame.dcm"
_STARTING = threading.Lock()

Decoded = tuple["np.ndarray", tuple[float, float] | None]


class Decoder:
    """Reads files one after the other in a child, which is started at the first file and after its death.

    Threads may share one: they take turns, so that a file that ends the child is refused alone.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._pool: ProcessPool | None = None

    def read(self, content: bytes) -> Decoded:
        """Return the pixels (H, W) of a file, and the mm between rows and between columns where it says so.

        Raises:
            UnreadableError: the file is damaged, too large, or not one grey image.
        """
        with self._turn, tempfile.TemporaryDirectory() as folder:  # a child that dies would leave it behind
            (Path(folder) / _FILE).write_bytes(content)
            item = Item(folder, _FILE, len(content), -1, 0)
            try:
                return self._child().schedule(_read, [item], timeout=SECONDS).result()
            except UnreadableError:
                raise
            except Exception:  # the child died, took too long, or failed in a way of its own
                raise UnreadableError("damaged: no decoder can read it within its time and memory") from None

    def _child(self) -> "ProcessPool":
        """Return a pool of one process that takes files."""
        from pebble import ProcessPool

        if self._pool is None or not self._pool.active:
            self._pool = ProcessPool(1, initializer=_confine, context=_FreshContext())
        return self._pool


class _FreshProcess(SpawnProcess):
    """A new interpreter that imports what its work needs, and nothing else."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802 - multiprocessing's name for how a process starts
        # A child would run the main module of this process once more, for functions that are defined there. That
        # starts a script anew that has no guard against it, and fills memory with what the module imports.
        main = sys.modules["__main__"]
        with _STARTING:
            spec = main.__spec__
            main.__spec__ = ModuleSpec("__main__", None)  # of this name a child imports nothing
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                main.__spec__ = spec


class _FreshContext(SpawnContext):
    """Never a fork: the process that serves has threads, those of TensorFlow among them."""

    Process = _FreshProcess


def _confine() -> None:
    """Limit what this process may take and say, and import what reads files: the first that a child does."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each thread would take of its memory
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # decoders print
    os.dup2(nowhere, 2)
    import lvseg.dicom.pixels  # noqa: F401 - now, not in the time of the first file


def _read(item: Item) -> Decoded:
    """Read one file, as the pipeline reads files."""
    from lvseg.dicom.multiframe import read_images
    from lvseg.dicom.pixels import read_pixels

    try:
        image, *others = read_images(item)
        if others:
            raise UnreadableError(f"an object of {1 + len(others)} frames: send one frame at a time")
        if max(image.rows, image.columns) > LARGEST:
            raise UnreadableError(f"{image.rows} x {image.columns} pixels, from 1 to {LARGEST} are taken")
        return read_pixels(image), image.spacing
    except MemoryError as error:
        raise UnreadableError(str(error) or "too large") from None
