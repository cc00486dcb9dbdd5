"""One heart in every form gives one label map, within half a pixel of the borders that were drawn."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from lvseg.imaging.structures import Structure
from lvseg.labels.nifti.labels import read_drawn
from lvseg.labels.sources.cvi42 import read_cvi42
from lvseg.labels.sources.label_map import LabelMap, Reading
from lvseg.labels.sources.rtstruct import read_rtstruct
from lvseg.labels.sources.seg import read_seg
from lvseg.nifti.layouts import find_volumes
from tests.lvseg.labels.sources import forms
from tests.lvseg.labels.sources.forms import Form, Frame

ALL = frozenset(Structure)


@pytest.fixture(scope="module")
def heart() -> Form:
    return forms.heart()


def from_nifti(root: Path) -> Reading:
    (patient,) = find_volumes(forms.items(root)).patients
    return read_drawn(patient, {})


def read(form: str, root: Path, heart: Form) -> Reading:
    if form.startswith("ACDC"):
        forms.write_acdc(root, heart, form.partition(" ")[2] or "LPS")
        return from_nifti(root)
    if form in ("M&Ms", "M&Ms-2", "nnU-Net"):
        forms.write(form, root, heart)
        return from_nifti(root)
    sources = forms.write_images(root, heart)
    images = forms.images(root)
    if form.startswith("SEG"):
        reading = Reading()
        for phase in (0, 1):
            item = forms.save(root / f"seg/{phase}.dcm", forms.seg(heart, sources, form.split()[1], phase))
            reading.add(read_seg(item, images, {}))
        return reading
    if form == "RTSTRUCT":
        return read_rtstruct(forms.save(root / "rt/a.dcm", forms.rtstruct(heart)), images, {})
    (root / "ws").mkdir()
    (root / "ws/a.cvi42wsx").write_text(forms.workspace(heart))
    return read_cvi42(forms.items(root / "ws")[0], images, {})


def by_frame(reading: Reading, heart: Form) -> dict[Frame, LabelMap]:
    """Label maps by the slice on which they lie, wherever they stood in their source, and the phase."""
    to_slice = np.linalg.inv(heart.affine)
    phases = sorted({found.phase for found in reading.maps})
    maps = {}
    for found in reading.maps:
        index = round(float((to_slice @ found.affine[:, 3])[2]))
        phase = int(found.sop_uid.split(".")[-1]) - 1 if found.sop_uid else phases.index(found.phase)
        maps[index, phase] = found
    assert len(maps) == len(reading.maps)
    return maps


@pytest.mark.parametrize("form", forms.FORMS)
def test_equal_labels_come_out_of_every_form(tmp_path: Path, heart: Form, form: str) -> None:
    reading = read(form, tmp_path, heart)
    assert (reading.aside, reading.unmapped) == ([], {})
    maps = by_frame(reading, heart)
    assert maps.keys() >= heart.lines.keys()
    volumes = np.zeros(4)
    for frame, found in maps.items():
        truth = heart.truth[frame]
        assert found.labels.shape == truth.shape
        assert np.abs((found.affine - heart.affine)[:3, :2]).max() < 1e-4
        assert found.known <= ALL
        for structure in found.known:
            rows, columns = np.nonzero((found.labels == structure) != (truth == structure))
            borders = shapely.MultiLineString(
                [np.vstack([line, line[:1]]) for line in heart.lines.get(frame, {}).values()]
            )
            for row, column in zip(rows, columns, strict=True):
                assert borders.distance(shapely.Point(float(column), float(row))) <= 0.5, (frame, structure)
        if frame in heart.lines:
            assert {Structure.CAVITY, Structure.MYOCARDIUM} <= found.known
        volumes += np.bincount(found.labels.ravel(), minlength=4)
    drawn = np.sum([np.bincount(labels.ravel(), minlength=4) for labels in heart.truth.values()], axis=0)
    assert volumes[1:] == pytest.approx(drawn[1:], rel=0.002)


def test_the_phantoms_frames_hold_all_three(heart: Form) -> None:
    """Else the test above could compare nothing with nothing."""
    assert len(heart.lines) >= 8
    assert all(set(np.unique(heart.truth[frame])) >= {0, 1, 2} for frame in heart.lines)
    assert sum(3 in heart.truth[frame] for frame in heart.lines) >= 6
