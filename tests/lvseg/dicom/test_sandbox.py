"""Files of strangers: what ends a decoder ends a child, and the next file is read."""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import sandbox
from lvseg.dicom.sandbox import Decoder
from tests.conftest import REPOSITORY
from tests.lvseg.labels.scd import Cine, dataset

FRAME = Cine().pixels(0, 5)


def file(folder: Path, syntax: str = "", **header: object) -> bytes:
    """Return a frame of 1.4 x 1.5 mm as a DICOM file."""
    frame = dataset(FRAME, 1, 0)
    if syntax == JPEG2000Lossless:
        frame.compress(syntax)
    elif syntax:
        frame.file_meta.TransferSyntaxUID = syntax
    for keyword, value in header.items():
        setattr(frame, keyword, value)
    frame.save_as(folder / "frame.dcm")
    return (folder / "frame.dcm").read_bytes()


def deadly(folder: Path) -> bytes:
    """Return a JPEG-LS picture that says it is 60000 x 60000: its decoder aborts the process."""
    size = (60000).to_bytes(2, "big").hex()
    picture = bytes.fromhex(f"ffd8 fff7000b10{size}{size}01011100 ffda00080101000000 {'00' * 40} ffd9")
    return file(folder, JPEGLSLossless, PixelData=encapsulate([picture]))


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder()


@pytest.fixture(autouse=True)
def emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let temporary files go to a folder that must be empty in the end."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.mark.parametrize("syntax", ["", JPEG2000Lossless])
def test_a_sound_file_gives_its_pixels_and_spacing(syntax: str, decoder: Decoder, tmp_path: Path) -> None:
    pixels, spacing = decoder.read(file(tmp_path, syntax))
    np.testing.assert_array_equal(pixels, FRAME)
    assert spacing == (1.4, 1.5)


def test_a_death_is_a_refusal_and_leaves_nothing(decoder: Decoder, tmp_path: Path, emptied: Path) -> None:
    for _ in range(2):
        with pytest.raises(UnreadableError, match="no decoder can read it"):
            decoder.read(deadly(tmp_path))
        assert decoder.read(file(tmp_path))[0].shape == FRAME.shape
    assert not list(emptied.iterdir())


def test_what_is_larger_than_any_image_is_refused(decoder: Decoder, tmp_path: Path) -> None:
    """A deflated stream of zeros: 20 kB that hold 20 MB."""
    swollen = file(
        tmp_path, DeflatedExplicitVRLittleEndian, Rows=10240, Columns=1024, PixelData=bytes(20 * 2**20)
    )
    assert len(swollen) < 100_000
    with pytest.raises(UnreadableError, match="10240 x 1024 pixels"):
        decoder.read(swollen)


def test_who_shares_a_decoder_gets_his_own_answer(decoder: Decoder, tmp_path: Path) -> None:
    """A crash in one thread is none in the others."""
    files = [file(tmp_path, PixelData=(FRAME + number).tobytes()) for number in range(6)]
    files.insert(3, deadly(tmp_path))

    def read(content: bytes) -> int | None:
        try:
            return int(decoder.read(content)[0][0, 0] - FRAME[0, 0])
        except UnreadableError:
            return None

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(read, files)) == [0, 1, 2, None, 3, 4, 5]


def endless(item: Item) -> sandbox.Decoded:
    time.sleep(60)
    raise AssertionError


def greedy(item: Item) -> sandbox.Decoded:
    return np.zeros(3 * 2**30, np.uint8), None


def test_time_and_memory_are_limited(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = file(tmp_path)
    monkeypatch.setattr(sandbox, "_read", greedy)
    with pytest.raises(UnreadableError, match="time and memory"):
        decoder.read(content)
    monkeypatch.setattr(sandbox, "_read", endless)
    monkeypatch.setattr(sandbox, "SECONDS", 1)
    begin = time.monotonic()
    with pytest.raises(UnreadableError, match="time and memory"):
        decoder.read(content)
    assert time.monotonic() - begin < 20


SCRIPT = """
import os, sys
sys.path.insert(0, {root!r})
assert __name__ == "__main__", "a child ran the script again"
from lvseg.dicom.sandbox import Decoder
pixels, _ = Decoder().read(open({file!r}, "rb").read())
print(pixels.shape, flush=True)
if sys.argv[1:]:
    import time
    time.sleep(60)
"""


def test_a_script_without_a_guard_reads_and_its_child_ends_with_it(tmp_path: Path) -> None:
    """Also where it ends without a word: nobody waits for what a child goes on with."""
    file(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=str(REPOSITORY), file=str(tmp_path / "frame.dcm")))
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{FRAME.shape}\n", "")
    process = subprocess.Popen([*command, "and wait"], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout
    assert process.stdout.readline() == f"{FRAME.shape}\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.wait()
    process.stdout.close()
    assert not psutil.wait_procs(children, timeout=20)[1]


def test_the_child_imports_nothing_heavy(decoder: Decoder, tmp_path: Path) -> None:
    decoder.read(file(tmp_path))
    children = [
        one for one in psutil.Process(os.getpid()).children() if "spawn_main" in " ".join(one.cmdline())
    ]
    child = max(children, key=lambda one: one.create_time())  # other tests of this process have theirs
    mapped = [region.path for region in child.memory_maps()]
    assert [path for path in mapped if "numpy" in path]
    assert not [path for path in mapped if "tensorflow" in path or "/scipy/" in path]
