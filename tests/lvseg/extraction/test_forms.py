"""Every form of labels as shards: equal label maps and volumes, and one patient who comes twice is counted once."""

import csv
from pathlib import Path

import numpy as np
import pytest
import shapely

from lvseg.data import shards
from lvseg.data.drawn_frames import slice_distance
from lvseg.extraction.run import Outs, extract
from lvseg.imaging.structures import Structure
from lvseg.labels.vendors import vendor_of
from lvseg.params import load
from tests.conftest import REPOSITORY
from tests.lvseg.labels.sources import forms
from tests.lvseg.labels.sources.forms import Form


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def heart() -> Form:
    return forms.heart()


def run(out: Path, *places: Path, **data: object) -> tuple[str, list[dict[str, str]]]:
    outs = Outs(out / "shards", out / "index.csv", out / "quality")
    shipped = load(REPOSITORY / "params.yaml")
    changed = shipped.data.model_copy(update={"raw": [str(place) for place in places], **data})
    said = extract(changed, shipped.quality, workers=1, module="tasks.extract", outs=outs)
    with outs.index.open() as file:
        return said, list(csv.DictReader(file))


@pytest.mark.parametrize("form", forms.FORMS)
def test_every_form_gives_the_same_shard(tmp_path: Path, heart: Form, form: str) -> None:
    forms.write(form, tmp_path / "place", heart)
    said, rows = run(tmp_path / "out", tmp_path / "place")
    assert said.startswith("1 patient,") and said.endswith("0 set aside"), said
    (path,) = (tmp_path / "out/shards").glob("*.npz")
    shard = shards.read(path)
    assert {row["collection"] for row in rows} == {"place"} == {str(shard.collection)}
    to_slice = np.linalg.inv(heart.affine)
    drawn = {
        (round(float((to_slice @ shard.affine[frame, :, 3])[2])), {"ED": 0, "ES": 1}[str(cycle)]): index
        for index, (frame, cycle) in enumerate(zip(shard.label_frame, shard.cycle, strict=True))
    }
    assert drawn.keys() >= heart.lines.keys()
    whole, truth = np.zeros(4), np.zeros(4)
    for (index, phase), number in drawn.items():
        frame = int(shard.label_frame[number])
        np.testing.assert_allclose(
            shard.affine[frame] @ (3, 5, 0, 1), heart.affine @ (3, 5, index, 1), atol=1e-3
        )
        brighter = (
            int(shard.phase[frame]) - 1 if form.startswith("M&Ms") else 0
        )  # phase by phase, in these cines
        shown = np.asarray(shard.pixels[frame]) - brighter
        np.testing.assert_array_equal(shown, forms.grey(heart, index, phase))
        lines = heart.lines.get((index, phase), {})
        borders = shapely.MultiLineString([np.vstack([line, line[:1]]) for line in lines.values()])
        for structure in Structure:
            known = bool(shard.known[number, structure - 1])
            wrong = (shard.mask(number, structure) > 0) != (heart.truth[index, phase] == structure)
            assert not known or all(
                borders.distance(shapely.Point(x, y)) <= 0.5 for y, x in np.argwhere(wrong).tolist()
            ), (index, phase, structure)
            assert known or structure not in heart.truth[index, phase], "a drawn structure is known"
        assert {int(shard.contour_frame[c]) for c in np.flatnonzero(shard.contour_kind == "icontour")} >= (
            {frame} if lines else set()
        )
        whole += np.bincount(np.asarray(shard.labels[number]).ravel(), minlength=4)
        truth += np.bincount(heart.truth[index, phase].ravel(), minlength=4)
    assert whole[1:] == pytest.approx(truth[1:], rel=0.002)
    assert slice_distance(shard) == pytest.approx(float(np.linalg.norm(heart.affine[:3, 2])), rel=1e-4)
    assert sum(int(row["endo"]) for row in rows) == len(heart.lines)
    assert sum(int(row["rv"]) for row in rows) == sum(3 in labels for labels in heart.truth.values())


def test_one_patient_under_two_names_and_in_two_forms_is_counted_once(tmp_path: Path, heart: Form) -> None:
    forms.write("ACDC", tmp_path / "acdc", heart)
    forms.write("nnU-Net", tmp_path / "nnunet", heart)
    forms.write("M&Ms", tmp_path / "mnms", heart)
    forms.write("RTSTRUCT", tmp_path / "dicom", forms.heart(seed=6))
    said, rows = run(tmp_path / "out", *(tmp_path / name for name in ("acdc", "nnunet", "mnms", "dicom")))
    # The cine of M&Ms has other grey values at each phase, so that nothing says whose it is.
    assert {row["patient"] for row in rows} == {"acdc-patient101", "A0S9V9", "101"}
    assert "1 patient in two places" in said
    assert {path.stem for path in (tmp_path / "out/shards").iterdir()} == {row["patient"] for row in rows}
    assert {
        (row["official_part"], row["vendor"], row["group"]) for row in rows if row["patient"] == "A0S9V9"
    } == {("training", "Siemens", "HCM")}


def test_a_maker_has_one_name_however_headers_spell_it(tmp_path: Path, heart: Form) -> None:
    forms.write("M&Ms", tmp_path / "mnms", heart)
    forms.write("RTSTRUCT", tmp_path / "dicom", forms.heart(seed=6))
    for path in (tmp_path / "dicom/images").iterdir():
        image = forms.reread(path)
        image.Manufacturer = "SIEMENS Healthineers"
        forms.save(path, image)
    _, rows = run(tmp_path / "out", tmp_path / "mnms", tmp_path / "dicom")
    assert {(row["patient"], row["vendor"]) for row in rows} == {("A0S9V9", "Siemens"), ("101", "Siemens")}


@pytest.mark.parametrize(
    ("said", "maker"),
    [
        ("SIEMENS", "Siemens"),
        ("Philips Medical Systems", "Philips"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("GEHC", "GEHC"),
        (" Esaote ", "Esaote"),
        ("", ""),
    ],
)
def test_names_of_makers(said: str, maker: str) -> None:
    assert vendor_of(said) == maker


def test_two_patients_of_one_name_stay_two(tmp_path: Path, heart: Form) -> None:
    forms.write("ACDC", tmp_path / "one", heart)
    forms.write("ACDC", tmp_path / "two", forms.heart(seed=6))
    _, rows = run(tmp_path / "out", tmp_path / "one", tmp_path / "two")
    assert {(row["patient"], row["collection"]) for row in rows} == {
        ("one-patient101", "one"), ("two-patient101", "two")
    }  # fmt: skip


def test_drawings_of_several_sources_are_joined_and_what_differs_is_told(tmp_path: Path, heart: Form) -> None:
    forms.write("RTSTRUCT", tmp_path / "place", heart)
    moved = {frame: {"endo": lines["endo"] + 4} for frame, lines in heart.lines.items()}
    other = Form(heart.truth, moved, heart.case)
    (tmp_path / "place/drawn.xml").write_text(forms.workspace(other))
    run(tmp_path / "out", tmp_path / "place")
    report = (tmp_path / "out/quality/quality.json").read_text()
    said = f"disagree on the cavity of {len(heart.lines)} frames: the first of SEG, RTSTRUCT, cvi42 is used"
    assert said in report
    shard = shards.read(next((tmp_path / "out/shards").glob("*.npz")))
    cavity = sum(int((labels == 1).sum()) for labels in heart.truth.values())
    assert int((shard.labels[:] == 1).sum()) == pytest.approx(cavity, rel=0.002)


def test_an_unknown_label_is_refused_until_it_is_mapped(tmp_path: Path, heart: Form) -> None:
    forms.write_nnunet(tmp_path / "place", heart, {"background": 0, "Kammer": 1, "MLV": 2, "LVC": 3})
    said, rows = run(tmp_path / "before", tmp_path / "place")
    assert said.endswith("2 set aside") and not any(int(row["endo"]) for row in rows)
    said, rows = run(tmp_path / "after", tmp_path / "place", labels={1: "right_ventricle"})
    assert said.endswith("0 set aside")
    assert sum(int(row["rv"]) for row in rows) == sum(3 in labels for labels in heart.truth.values())


def test_the_patients_of_acdc(real_data: Path, tmp_path: Path) -> None:
    said, rows = run(tmp_path, real_data / "acdc-60-patients.zip")
    assert said.startswith("60 patients") and said.endswith("0 set aside")
    frames = {(row["patient"], row["slice"], row["phase"]) for row in rows}
    assert len(frames) == len(rows) and {row["cycle"] for row in rows} == {"ED", "ES"}
    assert {row["group"] for row in rows} == {"DCM", "HCM", "MINF", "NOR", "RV"}
    for path in (tmp_path / "shards").iterdir():
        shard = shards.read(path)
        assert shard.known.all() and len(shard.label_frame) == len(shard.pixels)
        assert set(np.unique(shard.labels)) == {0, 1, 2, 3}
