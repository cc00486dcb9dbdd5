"""Drawings name their images by UID: where an anonymiser gave one UID to several images, they name none."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from lvseg.labels.find import find_all
from lvseg.labels.study import Study
from tests.lvseg.labels.sources import forms
from tests.lvseg.labels.sources.forms import CAVITY, Form


@pytest.fixture(scope="module")
def heart() -> Form:
    return forms.heart()


def read(folder: Path) -> Study:
    (patient,), _ = find_all([folder])
    return patient.read(1, {}, all_pixels=True)


def of_slice(uid: str) -> str:
    return f"{uid.rpartition('.')[0]}.1"


def renamed(_: Dataset, element: DataElement) -> None:
    if element.keyword in ("SOPInstanceUID", "ReferencedSOPInstanceUID") and element.value.startswith(
        forms.uid(0, 0)[:-3]
    ):
        element.value = of_slice(element.value)


def resaved(folder: Path, change: Callable[[Dataset, DataElement], None]) -> None:
    for path in filter(Path.is_file, folder.rglob("*")):
        if path.suffix == ".xml":
            text = path.read_text()
            for index in range(forms.SLICES):
                text = text.replace(forms.uid(index, 1), forms.uid(index, 0))
            path.write_text(text)
        else:
            ds = pydicom.dcmread(path)
            ds.walk(change)
            ds.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("form", ["SEG BINARY", "RTSTRUCT", "cvi42"])
def test_what_is_drawn_on_one_of_several_images_of_one_uid_is_set_aside(
    tmp_path: Path, heart: Form, form: str
) -> None:
    forms.write(form, tmp_path, heart)
    resaved(tmp_path, renamed)
    study = read(tmp_path)
    assert not study.maps
    assert study.aside
    assert all("different images of one UID" in entry.reason for entry in study.aside)


def test_images_that_came_twice_are_drawn_on_once(tmp_path: Path, heart: Form) -> None:
    forms.write("SEG BINARY", tmp_path, heart)
    shutil.copytree(tmp_path / "images", tmp_path / "again")
    study = read(tmp_path)
    assert (len(study.frames), study.aside) == (forms.SLICES * forms.PHASES, [])
    cavity = sum(int((one.labels == CAVITY).sum()) for one in study.maps.values())
    assert cavity == sum(int((labels == CAVITY).sum()) for labels in heart.truth.values())
