"""Images that say of themselves that something is drawn into them are noted wherever stacks are read."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from lvseg.core.paths.archives import walk
from lvseg.dicom.multiframe import read_images
from lvseg.dicom.stacks.consistency import of_one_geometry
from tests.lvseg.studies.hearts import Heart, classic, enhanced

HEART = Heart(slices=3, phases=2, end_systole=2)


@pytest.mark.parametrize("write", [classic, enhanced])
def test_text_in_the_pixels_is_noted(write: Callable[..., Path], tmp_path: Path) -> None:
    """What predict's report, the quality report of the extraction and `lvseg inspect` show."""
    for path in write(tmp_path / "s", HEART).iterdir():
        header = pydicom.dcmread(path)
        header.BurnedInAnnotation = "YES"
        header.save_as(path)
    images = [image for item in walk([tmp_path])[0] for image in read_images(item)]
    notes: list[str] = []
    of_one_geometry(images, notes)
    assert notes == ["6 images with text in their pixels (Burned In Annotation): it may name the patient."]
    of_one_geometry([replace(image, drawn_into=False) for image in images], notes)
    assert len(notes) == 1
