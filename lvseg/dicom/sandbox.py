"""DICOM files of strangers, read in a process of their own.

The decoders of compressed pictures are written in C: a damaged file may end their process, and one of a few hundred
bytes may ask for gigabytes. Here this ends a child, and the file is refused.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from lvseg.core.archives import Item, UnreadableError
from lvseg.dicom.header import read_image
from lvseg.dicom.pixels import read_pixels

LARGEST = 4096  # rows or columns
MEMORY = 2 * 2**30  # bytes that a child may take
SECONDS = 20  # for one file
_ROOT = str(Path(__file__).resolve().parents[2])
_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from lvseg.dicom.sandbox import main; main()"


class Decoder:
    """Reads files one after the other in a child, which is started at the first file and after its death."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def read(self, content: bytes) -> tuple[np.ndarray, tuple[float, float] | None]:
        """Return the pixels (H, W) of a file, and the mm between rows and between columns where it says so.

        Raises:
            UnreadableError: the file is damaged, too large, or not one grey image.
        """
        with self._lock:
            try:
                return self._asked(content)
            except (OSError, EOFError):
                self._end()
                raise UnreadableError("damaged: no decoder can read it within its time and memory") from None

    def _asked(self, content: bytes) -> tuple[np.ndarray, tuple[float, float] | None]:
        """Send a file to the child and return its answer."""
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-c", _CHILD, _ROOT],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each thread would take of its memory
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert self._child.stdin and self._child.stdout
        self._child.stdin.write(b"%d\n" % len(content) + content)
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise EOFError
        said = json.loads(line)
        if "refused" in said:
            raise UnreadableError(said["refused"])
        pixels = np.frombuffer(self._child.stdout.read(said["bytes"]), said["dtype"]).reshape(said["shape"])
        return pixels, said["spacing"] and tuple(said["spacing"])

    def _end(self) -> None:
        """End the child."""
        if self._child:
            self._child.kill()
            self._child.communicate()
            self._child = None


def main() -> None:
    """Answer files until there are no more: the life of the child."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # decoders print
    while line := sys.stdin.buffer.readline():
        content = sys.stdin.buffer.read(int(line))
        signal.alarm(SECONDS)  # ends this process
        try:
            pixels, spacing = _read(content)
        except (UnreadableError, MemoryError) as error:
            answers.write(json.dumps({"refused": str(error) or "too large"}).encode() + b"\n")
        else:
            facts = {"dtype": pixels.dtype.str, "shape": pixels.shape, "bytes": pixels.nbytes}
            answers.write(json.dumps({**facts, "spacing": spacing}).encode() + b"\n" + pixels.tobytes())
        signal.alarm(0)
        answers.flush()


def _read(content: bytes) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Read one file, as the pipeline reads files."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "frame.dcm").write_bytes(content)
        image = read_image(Item(folder, "frame.dcm", len(content), -1, 0))
        if max(image.rows, image.columns) > LARGEST:
            raise UnreadableError(f"{image.rows} x {image.columns} pixels, from 1 to {LARGEST} are taken")
        return read_pixels(image), image.spacing
