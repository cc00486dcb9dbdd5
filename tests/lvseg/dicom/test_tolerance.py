"""What pydicom does for others is as if nobody here had used it."""

import logging
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from lvseg.core.paths.archives import Item
from lvseg.dicom.header import read_image
from lvseg.dicom.multiframe import read_images
from lvseg.dicom.pixels import read_pixels
from lvseg.dicom.tolerance import tolerant
from tests.conftest import REPOSITORY
from tests.lvseg.labels.scd import Cine, dataset

MODULES = sorted(path.stem for path in (REPOSITORY / "lvseg/dicom").glob("[!_]*.py"))


def state() -> tuple[object, ...]:
    settings = vars(pydicom.config.settings).copy()
    return settings, logging.getLogger("pydicom").level, warnings.filters[:]


def broken(path: Path) -> Item:
    """Write an image whose UID has leading zeros and whose numbers are too long, as some scanners write them."""
    with tolerant():
        frame = dataset(Cine().pixels(0, 5), 1, 0)
        frame.SeriesInstanceUID = "1.02.3"
        frame.TriggerTime = "123.4567890123456789"
        frame.save_as(path)
    return Item(str(path.parent), path.name, path.stat().st_size, -1, 0)


def test_importing_the_readers_leaves_pydicom_as_it_was() -> None:
    script = (
        "import importlib, logging, warnings, pydicom\n"
        "def state():\n"
        "    return dict(vars(pydicom.config.settings)), logging.getLogger('pydicom').level, warnings.filters[:]\n"
        "before = state()\n"
        f"for name in {MODULES}:\n"
        "    importlib.import_module('lvseg.dicom.' + name)\n"
        "assert state() == before, state()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_broken_header_is_read_without_a_word_and_only_here(tmp_path: Path) -> None:
    item, before = broken(tmp_path / "a.dcm"), state()
    image = read_image(item)
    assert image.series_uid == "1.02.3" and image.trigger_time == pytest.approx(123.4567890123456789)
    assert read_images(item) == [image]
    assert read_pixels(image).shape == (image.rows, image.columns)
    assert state() == before
    with pytest.warns(UserWarning, match="Invalid value"):
        assert str(pydicom.dcmread(tmp_path / "a.dcm").SeriesInstanceUID)


def test_the_settings_come_back_after_an_error_and_between_threads() -> None:
    before = state()
    with pytest.raises(ZeroDivisionError), tolerant(), tolerant():
        raise ZeroDivisionError
    assert state() == before

    def look(times: int) -> None:
        for _ in range(times):
            with tolerant():
                assert pydicom.config.settings.reading_validation_mode == pydicom.config.IGNORE
                Dataset().StudyInstanceUID = "1.02"

    threads = [threading.Thread(target=look, args=(200,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state() == before
