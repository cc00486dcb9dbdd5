"""Bad labels: a clear line each, the rest goes on, and nothing is guessed."""

import gzip
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.sr.coding import Code

from lvseg.core.errors import UserError
from lvseg.imaging.structures import Structure
from lvseg.labels.nifti.labels import read_drawn
from lvseg.labels.sources.cvi42 import read_cvi42
from lvseg.labels.sources.label_map import Reading
from lvseg.labels.sources.rtstruct import read_rtstruct
from lvseg.labels.sources.seg import read_seg
from lvseg.labels.sources.structures import Region, Table, region_of, table_of
from lvseg.nifti.layouts import find_volumes
from tests.lvseg.labels.sources import forms
from tests.lvseg.labels.sources.forms import SIZE, SLICES, Form

LABELS = "patient101/patient101_frame01_gt.nii.gz"


@pytest.fixture(scope="module")
def heart() -> Form:
    return forms.heart()


@pytest.fixture(scope="module")
def acdc(tmp_path_factory: pytest.TempPathFactory, heart: Form) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("acdc")
    forms.write_acdc(root, heart)
    return {item.name: item.read() for item in forms.items(root)}


def reading(root: Path, files: dict[str, bytes], table: Table | None = None) -> Reading:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (patient,) = find_volumes(forms.items(root)).patients
    return read_drawn(patient, table or {})


def changed(content: bytes, at: int, new: bytes) -> bytes:
    whole = bytearray(gzip.decompress(content))
    whole[at : at + len(new)] = new
    return gzip.compress(bytes(whole))


def stored(heart: Form, values: NDArray[Any], affine: NDArray[Any] | None = None) -> Callable[[bytes], bytes]:
    def write(_: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a.nii.gz")
            forms.write_nifti(path, values, heart.affine if affine is None else affine)
            return path.read_bytes()

    return write


def _declaring_100_000_slices(labels: NDArray[np.uint8]) -> bytes:
    """Return a file of NIfTI-2, whose header has room for such a number."""
    whole = bytearray(nibabel.Nifti2Image(labels, np.eye(4)).to_bytes())
    struct.pack_into("<q", whole, 40, 100_000)
    return bytes(whole)


def faults(heart: Form) -> dict[str, tuple[Callable[[bytes], bytes], str]]:
    labels = forms.volume(heart, 0, (3, 2, 1)).astype(np.float32)
    half, nan, moved = labels.copy(), labels.copy(), heart.affine.copy()
    half[5, 5, 2], nan[5, 5, 2] = 0.37, np.nan
    moved[:3, 3] += 3
    return {
        "empty": (lambda _: b"", "not a NIfTI file"),
        "not NIfTI in a gz": (lambda _: gzip.compress(b"%PDF" * 500), "not a NIfTI file"),
        "truncated gz": (lambda content: content[: len(content) - 20], "truncated or damaged"),
        "damaged gz": (lambda content: content[:-8] + bytes(8), "truncated or damaged"),
        "no gz at all": (lambda _: b"\x1f\x8b" + bytes(900), "cannot be unpacked"),
        "truncated inside": (lambda content: gzip.compress(gzip.decompress(content)[:-9]), "9 of"),
        "32,000 slices": (lambda content: changed(content, 46, struct.pack("<h", 32000)), "32000"),
        "100,000 slices": (
            lambda _: gzip.compress(_declaring_100_000_slices(forms.volume(heart, 0, (3, 2, 1)))),
            "x 100000 x 1 values",
        ),
        "a bomb": (
            lambda content: changed(content, 40, struct.pack("<5h", 4, 4000, 4000, 900, 900)),
            "bytes: no",
        ),
        "negative": (lambda content: changed(content, 42, struct.pack("<h", -5)), "NIfTI header"),
        "offset": (lambda content: changed(content, 108, struct.pack("<f", np.nan)), "NIfTI header"),
        "colours": (lambda content: changed(content, 70, struct.pack("<2h", 128, 24)), "not grey values"),
        "affine of NaN": (
            lambda content: changed(content, 280, struct.pack("<f", np.nan)),
            "affine holds NaN",
        ),
        "no whole numbers": (stored(heart, half), "0.37"),
        "NaN": (stored(heart, nan), "NaN or infinity"),
        "another shape": (stored(heart, labels[:, :, 1:]), f"{SIZE} x {SIZE} x {SLICES - 1}"),
        "another affine": (stored(heart, labels, moved), "not that of its image"),
        "no affine": (stored(heart, labels, np.diag([2.0, 2, 10, 1])), "not that of its image"),
        "4D for 3D": (stored(heart, np.stack([labels] * 3, -1)), "3 phases for an image of 1"),
        "numbers of M&Ms": (stored(heart, forms.volume(heart, 0)), "count otherwise"),
        "an unknown value": (stored(heart, labels + 4 * (labels == 2)), "label 6"),
    }


NAMES = sorted(faults(forms.heart()))


@pytest.mark.parametrize("fault", NAMES)
def test_a_bad_volume_is_one_line_and_the_other_phase_is_read(
    tmp_path: Path, heart: Form, acdc: dict[str, bytes], fault: str
) -> None:
    damage, reason = faults(heart)[fault]
    found = reading(tmp_path, {**acdc, LABELS: damage(acdc[LABELS])})
    (entry,) = found.aside
    assert entry.file.endswith(LABELS)
    assert reason in entry.reason
    assert {frame.phase for frame in found.maps} == {7}


def test_labels_stored_as_floats_and_a_phase_without_an_image(
    tmp_path: Path, heart: Form, acdc: dict[str, bytes]
) -> None:
    floats = stored(heart, forms.volume(heart, 0, (3, 2, 1)).astype(np.float64))(b"")
    files = {**acdc, LABELS: floats}
    del files["patient101/patient101_frame07.nii.gz"]
    found = reading(tmp_path, files)
    assert [entry.reason for entry in found.aside] == ["labels without an image beside them"]
    assert len(found.maps) == SLICES


@pytest.mark.parametrize("code", [0, 1])
def test_an_affine_that_says_nothing_is_flagged(tmp_path: Path, heart: Form, code: int) -> None:
    nominal = Form(heart.truth, heart.lines, heart.case)
    if code:
        nominal.__class__ = type("Nominal", (Form,), {"affine": np.diag([1.5, 1.5, 10, 1])})
    forms.write_acdc(tmp_path, nominal, code=code)
    found = reading(tmp_path, {})
    assert any("says nothing of the patient" in note for note in found.notes)
    assert len(found.maps) == 2 * SLICES
    assert (found.maps[2].labels == heart.truth[2, 0]).all()


def test_an_unknown_label_is_counted_and_refused_until_the_user_maps_it(tmp_path: Path, heart: Form) -> None:
    forms.write_nnunet(tmp_path, heart, {"background": 0, "Kammer": 1, "MLV": 2, "LVC": 3})
    found = reading(tmp_path, {})
    pixels = sum((labels == 3).sum() for labels in heart.truth.values())
    assert (found.maps, dict(found.unmapped)) == ([], {"1 (Kammer)": pixels})
    for table in ({"Kammer": "right_ventricle"}, {1: "right_ventricle"}):
        mapped = reading(tmp_path, {}, table_of(table))
        assert not mapped.aside
        assert sum((frame.labels == Structure.RIGHT_VENTRICLE).sum() for frame in mapped.maps) == pixels
    with pytest.raises(UserError, match=r"labels\.1.*cavity, myocardium"):
        table_of({1: "ventrikel"})


def test_undrawn_phases_of_a_cine_are_unknown_not_empty(tmp_path: Path, heart: Form) -> None:
    forms.write_mnms(tmp_path, heart)
    (patient,) = find_volumes(forms.items(tmp_path)).patients
    assert {frame.phase for frame in read_drawn(patient, {}).maps} == {3, 7} == {patient.ed, patient.es}
    assert (patient.vendor, patient.group) == ("Siemens", "HCM")


@pytest.mark.parametrize(
    ("phases", "reason"),
    [
        (1, "labels of one phase for an image of 9: nothing says which it is"),
        (5, "labels of 5 phases for an image of 9"),
    ],
)
def test_labels_of_other_phases_than_their_cine_are_set_aside(
    tmp_path: Path, heart: Form, phases: int, reason: str
) -> None:
    forms.write_mnms(tmp_path, heart)
    labels = np.stack([forms.volume(heart, 0)] * phases, -1)
    forms.write_nifti(tmp_path / "Training/A0S9V9/A0S9V9_sa_gt.nii.gz", labels, heart.affine)
    found = reading(tmp_path, {})
    assert [entry.reason for entry in found.aside] == [reason] and not found.maps


def test_labels_of_a_phase_beyond_the_end_of_the_cine_are_set_aside(tmp_path: Path, heart: Form) -> None:
    forms.write_acdc(tmp_path, heart)
    for path in (tmp_path / "patient101").glob("*_frame??.nii.gz"):
        path.unlink()
    cine = np.stack([forms.picture(heart, phase) for phase in (0, 1)], -1)
    forms.write_nifti(tmp_path / "patient101/patient101_4d.nii.gz", cine, heart.affine)
    found = reading(tmp_path, {})
    assert [entry.reason for entry in found.aside] == ["labels of phase 7 for an image of 2 phases"]
    assert {frame.phase for frame in found.maps} == {1}


def test_codes_go_before_names_and_contradictions_say_nothing() -> None:
    assert region_of({}, "my segment", codes=[("SCT", "53085002")]) is Region.RIGHT_VENTRICLE
    assert region_of({}, "LV cavity", codes=[("SCT", "87878005")]) is Region.CAVITY
    assert region_of({}, "RV", codes=[("SCT", "49848007")]) is None
    assert region_of({}, "my segment", 1) is None
    assert region_of(table_of({"My Segment": "cavity"}), "my_segment") is Region.CAVITY


# DICOM


def test_a_segment_without_meaning_is_refused_and_the_rest_read(tmp_path: Path, heart: Form) -> None:
    sources = forms.write_images(tmp_path, heart)
    codes = (*forms.CODES[:2], Code("1234", "99LOCAL", "Something"))
    item = forms.save(tmp_path / "seg/a.dcm", forms.seg(heart, sources, "BINARY", 0, codes))
    found = read_seg(item, forms.images(tmp_path), {})
    assert list(found.unmapped) == ["Segment_3 (segment 3)"]
    assert all(Structure.RIGHT_VENTRICLE not in frame.known for frame in found.maps)
    mapped = read_seg(item, forms.images(tmp_path), table_of({3: "right_ventricle"}))
    assert any(Structure.RIGHT_VENTRICLE in frame.known for frame in mapped.maps)


def test_a_fractional_segment_has_the_threshold_that_is_asked_for(tmp_path: Path, heart: Form) -> None:
    sources = forms.write_images(tmp_path, heart)
    item = forms.save(tmp_path / "seg/a.dcm", forms.seg(heart, sources, "FRACTIONAL", 0))
    found = [read_seg(item, forms.images(tmp_path), {}, threshold).maps for threshold in (0.5, 0.9)]
    assert [any(frame.labels.any() for frame in maps) for maps in found] == [True, False]


def test_a_segmentation_of_other_images_is_set_aside(tmp_path: Path, heart: Form) -> None:
    sources = forms.write_images(tmp_path, heart)
    for path in (tmp_path / "images").glob("*-0.dcm"):
        path.unlink()
    item = forms.save(tmp_path / "seg/a.dcm", forms.seg(heart, sources, "BINARY", 0))
    found = read_seg(item, forms.images(tmp_path), {})
    assert not found.maps  # the images of the other phase lie at the same places
    assert ["not here" in entry.reason for entry in found.aside] == [True]


def test_frames_without_a_name_are_placed_by_geometry_where_that_is_one_image(
    tmp_path: Path, heart: Form
) -> None:
    sources = forms.write_images(tmp_path, heart)
    unnamed = forms.seg(heart, sources, "BINARY", 0)
    for group in unnamed.PerFrameFunctionalGroupsSequence:
        del group.DerivationImageSequence
    item = forms.save(tmp_path / "seg/a.dcm", unnamed)
    found = read_seg(item, forms.images(tmp_path), {})  # the object as a whole names the images of its phase
    assert all(frame.sop_uid.endswith(".1") for frame in found.maps)
    assert sum((frame.labels == 1).sum() for frame in found.maps) == sum(
        (heart.truth[index, 0] == 1).sum() for index in range(SLICES)
    )
    del unnamed.ReferencedSeriesSequence
    item = forms.save(tmp_path / "seg/a.dcm", unnamed)
    (entry,) = read_seg(item, forms.images(tmp_path), {}).aside
    assert "2 images lie" in entry.reason


def test_a_segmentation_on_another_grid_is_laid_on_the_pixels_of_its_image(
    tmp_path: Path, heart: Form
) -> None:
    sources = forms.write_images(tmp_path, heart)
    turned = forms.seg(heart, sources, "LABELMAP", 0)
    pixels = turned.pixel_array[:, :, ::-1]
    orientation = turned.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    along = np.array(orientation.ImageOrientationPatient[:3], float)
    orientation.ImageOrientationPatient = [*(-along), *orientation.ImageOrientationPatient[3:]]
    for group in turned.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        corner = (
            np.array(place.ImagePositionPatient, float) + along * (SIZE - 1) * heart.case.planes[0].spacing
        )
        place.ImagePositionPatient = [f"{value:.6f}" for value in corner]
    turned.PixelData = np.ascontiguousarray(pixels).tobytes()
    found = read_seg(forms.save(tmp_path / "seg/a.dcm", turned), forms.images(tmp_path), {})
    assert found.maps
    for frame in found.maps:
        assert (frame.labels == heart.truth[int(frame.sop_uid.split(".")[-2]) - 1, 0]).all()


def test_open_short_stray_and_unknown_contours_are_set_aside(tmp_path: Path, heart: Form) -> None:
    forms.write_images(tmp_path, heart)
    whole = forms.rtstruct(heart, {"endo": "LV Endocardium", "epi": "LV epicardium", "rv": "my roi"})
    endo = whole.ROIContourSequence[0].ContourSequence
    endo[0].ContourGeometricType = "OPEN_PLANAR"
    endo[1].ContourData = endo[1].ContourData[:6]
    endo[2].ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"
    endo[3].ContourImageSequence[0].ReferencedSOPInstanceUID = forms.uid(0, 0)
    found = read_rtstruct(forms.save(tmp_path / "rt/a.dcm", whole), forms.images(tmp_path), {})
    reasons = " | ".join(entry.reason for entry in found.aside)
    for reason in (
        "1 contour: OPEN_PLANAR",
        "2 point(s)",
        "not here",
        "mm off the image",
        "my roi",
        "left ventricle alone",
    ):
        assert reason in reasons
    assert len(found.maps) == len(endo) - 4
    assert dict(found.unmapped) == {"my roi": len(whole.ROIContourSequence[2].ContourSequence)}


def test_contours_that_name_no_image_lie_where_only_one_is(tmp_path: Path, heart: Form) -> None:
    forms.write_images(tmp_path, heart)
    item = forms.save(tmp_path / "rt/a.dcm", forms.rtstruct(heart, named=False))
    assert not read_rtstruct(item, forms.images(tmp_path), {}).maps
    for path in (tmp_path / "images").glob("*-1.dcm"):
        path.unlink()
    only_ed = Form(heart.truth, {at: lines for at, lines in heart.lines.items() if at[1] == 0}, heart.case)
    item = forms.save(tmp_path / "rt/a.dcm", forms.rtstruct(only_ed, named=False))
    assert len(read_rtstruct(item, forms.images(tmp_path), {}).maps) == len(only_ed.lines)


def test_a_hole_an_island_and_a_line_drawn_twice(tmp_path: Path, heart: Form) -> None:
    forms.write_images(tmp_path, heart)
    square = np.array([[-8.0, -8], [8, -8], [8, 8], [-8, 8]])
    whole = forms.rtstruct(heart, {"endo": "cavity"})
    lines = [square + 40, square + 40.01, square / 2 + 40, square + 80]
    whole.ROIContourSequence[0].ContourSequence = [forms.contour(heart, 3, 0, line + 0.3) for line in lines]
    (frame,) = read_rtstruct(forms.save(tmp_path / "rt/a.dcm", whole), forms.images(tmp_path), {}).maps
    assert frame.labels.sum() == 16 * 16 - 8 * 8 + 16 * 16


def test_a_workspace_of_images_with_other_uids_is_set_aside(tmp_path: Path, heart: Form) -> None:
    """As where the images were anonymised and the workspace was not."""
    forms.write_images(tmp_path, heart)
    (tmp_path / "ws").mkdir()
    lost = {frame: lines for frame, lines in heart.lines.items() if frame[1] == 0}
    text = forms.workspace(heart)
    for frame in lost:
        text = text.replace(f'"{forms.uid(*frame)}"', f'"{forms.uid(*frame)}.9"')
    (tmp_path / "ws/a.cvi42wsx").write_text(text)
    found = read_cvi42(forms.items(tmp_path / "ws")[0], forms.images(tmp_path), {})
    count = sum(len(lines) for lines in lost.values())
    assert [entry.reason for entry in found.aside] == [
        f"{count} contours: drawn on an image that is not here"
    ]
    assert {frame.sop_uid for frame in found.maps} == {forms.uid(*at) for at in heart.lines.keys() - lost}


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda text: text.replace("?><", f"?>{BOMB}<", 1), "entities"),
        (lambda text: text.replace("?><", '?><!DOCTYPE a SYSTEM "file:///etc/passwd"><', 1), "entities"),
        (lambda text: text[: len(text) // 2], "no XML"),
        (lambda _: "<a>" * 5000, "within one another"),
        (lambda _: "<a/>", "no workspace"),
        (lambda text: text.replace("<Point:x>", "<Point:x>x"), "is no number"),
    ],
)
def test_xml_that_is_no_workspace(
    tmp_path: Path, heart: Form, content: Callable[[str], str], reason: str
) -> None:
    forms.write_images(tmp_path, heart)
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws/a.cvi42wsx").write_text(content(forms.workspace(heart)))
    found = read_cvi42(forms.items(tmp_path / "ws")[0], forms.images(tmp_path), {})
    assert [reason in entry.reason for entry in found.aside] == [True]
    assert not found.maps


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_ends_a_reading(
    tmp_path: Path, heart: Form, acdc: dict[str, bytes], data: st.DataObject
) -> None:
    """Bytes changed anywhere in the header: a line or labels, never another exception."""
    at = data.draw(st.integers(0, 351))
    found = reading(
        tmp_path, {**acdc, LABELS: changed(acdc[LABELS], at, data.draw(st.binary(min_size=1, max_size=8)))}
    )
    assert {frame.phase for frame in found.maps} >= {7}
