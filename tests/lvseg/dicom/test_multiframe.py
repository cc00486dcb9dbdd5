"""Enhanced objects: as good as single files, and refused in words when they are damaged."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom.multiframe import read_images
from lvseg.dicom.pixels import read_pixels
from tests.lvseg.studies.hearts import Heart, classic, enhanced

HEART = Heart(slices=3, phases=4, end_systole=3, rows=32, columns=40, spacing=(1.5, 2.0))


def item(path: Path) -> Item:
    status = path.stat()
    return Item(str(path.parent), path.name, status.st_size, -1, status.st_mtime_ns)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return enhanced(tmp_path / "e", HEART) / "x.dcm"


@pytest.mark.parametrize("syntax", ["", pydicom.uid.JPEG2000Lossless, pydicom.uid.RLELossless])
def test_a_frame_is_what_the_single_file_is(syntax: str, tmp_path: Path) -> None:
    many = read_images(item(enhanced(tmp_path / "e", HEART, syntax=syntax) / "x.dcm"))
    files = sorted(classic(tmp_path / "c", HEART).iterdir())
    assert len(many) == len(files) == 12
    for frame, (file, number) in zip(many, zip(files, range(12), strict=True), strict=True):
        (single,) = read_images(item(file))
        assert frame.frame == number and single.frame is None
        assert np.array_equal(read_pixels(frame), read_pixels(single))
        assert np.allclose(frame.affine, single.affine)
        for name in (
            "trigger_time",
            "spacing",
            "thickness",
            "slice_spacing",
            "beat_ms",
            "patient_id",
            "study_uid",
        ):
            assert getattr(frame, name) == getattr(single, name), name


def test_what_an_object_does_not_say_is_refused(path: Path) -> None:
    def broken(change: str, value: object) -> str:
        ds = pydicom.dcmread(path)
        if value is None:
            del ds[change]
        else:
            setattr(ds, change, value)
        other = path.with_name("broken.dcm")
        ds.save_as(other, enforce_file_format=True)
        with pytest.raises(UnreadableError) as refused:
            read_images(item(other))
        return str(refused.value)

    assert "does not say where" in broken("PerFrameFunctionalGroupsSequence", None)
    assert "of 13 frames that describes 12" in broken("NumberOfFrames", 13)
    assert "truncated" in broken("PixelData", b"\0" * 4000)
    assert "65000 x 65000" in _with_size(path)


def _with_size(path: Path) -> str:
    ds = pydicom.dcmread(path)
    ds.Rows = ds.Columns = 65000
    ds.save_as(path, enforce_file_format=True)
    with pytest.raises(UnreadableError) as refused:
        read_images(item(path))
    return str(refused.value)


def test_damaged_bytes_end_in_words(path: Path) -> None:
    content = path.read_bytes()
    rng = np.random.default_rng(5)
    other = path.with_name("damaged.dcm")
    for _ in range(150):
        damaged = bytearray(content[: rng.integers(200, len(content))] if rng.random() < 0.3 else content)
        for place in rng.integers(132, min(len(damaged), 6000), rng.integers(1, 8)):
            damaged[place] = rng.integers(256)
        other.write_bytes(damaged)
        try:
            for image in read_images(item(other)):
                read_pixels(image)
        except UnreadableError as error:
            assert str(error)
