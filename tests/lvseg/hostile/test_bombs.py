"""Small files that become large: refused with the reason, within bounds that go away afterwards."""

import re
import resource
import zlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from lvseg.core.parallel import each
from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import bounds, content, dicomdir, multiframe, pixels
from lvseg.privacy.raw import read_values
from tests.lvseg.labels.scd import dataset

SMALL = 48 * 2**20  # bytes


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MEMORY", SMALL)


def written(path: Path, inside: bytes) -> Item:
    """Return a file whose deflated data set is that of an enhanced image, with more behind it."""
    frame = dataset(np.zeros((8, 8), np.int16), 1, 0)
    frame.NumberOfFrames, frame.PatientID = 2, "a"
    del frame.PixelData
    stream, body = DicomBytesIO(), DicomBytesIO()
    body.is_little_endian, body.is_implicit_VR = True, False
    write_dataset(body, frame)
    frame.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    write_file_meta_info(stream, frame.file_meta)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(body.getvalue() + inside + b"\xe0\x7f\x10\x00OW\0\0\0\0\0\0") + packer.flush()
    path.write_bytes(b"\0" * 128 + b"DICM" + stream.getvalue() + packed)
    return Item(str(path.parent), path.name, path.stat().st_size, -1, 0)


def elements(count: int) -> bytes:
    """Return private elements without values, eight bytes each, some hundred once they are parsed."""
    raw = bytearray()
    for number in range(count):
        raw += (
            (0x0071 + 2 * (number >> 16)).to_bytes(2, "little")
            + (number & 0xFFFF).to_bytes(2, "little")
            + b"LO\0\0"
        )
    return bytes(raw)


def _answers(item: Item) -> tuple[list[str], int, bool]:
    """Return what the readers say of a file, how many the third could not read, and whether the bounds went away."""
    bounds.MEMORY = SMALL // 4  # to parse what fits takes time
    before = resource.getrlimit(resource.RLIMIT_AS)
    said = []
    for read in (multiframe.read_images, dicomdir.read):
        try:
            read(item)
        except UnreadableError as error:
            said.append(str(error))
    unread = read_values(Path(item.place)).unread
    return said, unread, resource.getrlimit(resource.RLIMIT_AS) == before


def test_elements_without_number_are_refused_by_every_reader(tmp_path: Path) -> None:
    """In a process of its own: one that has memory to spare from before would parse them all, for half a minute."""
    item = written(tmp_path / "x.dcm", elements(400_000))
    assert item.size < 1_000_000
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        answers = fresh.submit(_answers, item).result()
    assert answers == ([bounds.TOO_MUCH] * 2, 1, True)


def test_a_deflated_file_is_no_larger_than_a_file_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "LARGEST", 2**20)
    item = written(tmp_path / "DICOMDIR", bytes(2**22))
    for read in (multiframe.read_images, dicomdir.read):
        with pytest.raises(UnreadableError, match="unpacks to more than"):
            read(item)
    assert read_values(tmp_path).unread == 1


def picture(path: Path) -> Item:
    frame = dataset(np.zeros((8192, 8192), np.int16), 1, 0)
    frame.compress(JPEG2000Lossless)
    frame.save_as(path)
    return Item(str(path.parent), path.name, path.stat().st_size, -1, 0)


def _refusal(item: Item) -> str:
    """Return why the pixels of a file cannot be read."""
    bounds.MEMORY = SMALL
    (image,) = multiframe.read_images(item)
    try:
        pixels.read_pixels(image)
    except UnreadableError as error:
        return str(error)
    return ""


def test_a_picture_larger_than_any_is_refused(tmp_path: Path) -> None:
    """In a process of its own: one that keeps memory to spare from before takes no more for it."""
    item = picture(tmp_path / "x.dcm")
    assert item.size < 1_000_000
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        assert re.search(r"more memory|cannot be decoded", fresh.submit(_refusal, item).result())


def _endless(_number: int) -> int:
    with bounds.bounded():
        while True:
            pass


def test_what_never_ends_ends_its_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SECONDS", 0)
    assert list(each(_endless, [1], 1, "read")) == [(0, None)]
