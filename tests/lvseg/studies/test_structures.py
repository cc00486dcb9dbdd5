"""Both ventricles and the wall: what is drawn, measured and written, by a network that tells them by their grey."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import walk
from lvseg.core.paths.places import ROOT
from lvseg.dicom.multiframe import read_images
from lvseg.imaging.structures import STRUCTURES, Structure
from lvseg.labels.sources.matching import Images
from lvseg.labels.sources.seg import read_seg
from lvseg.studies.analysis.body import Body
from lvseg.studies.analysis.loaded_model import LoadedModel, load_model
from lvseg.studies.analysis.measurements import measure
from lvseg.studies.analysis.result import KnownError, StudyResult
from lvseg.studies.cohort.order import model_facts
from lvseg.studies.outputs import nifti
from lvseg.studies.outputs.dicom import dicom_seg
from lvseg.studies.outputs.page import study_page
from lvseg.studies.outputs.study_folder import Outputs
from tests.lvseg.studies.hearts import (
    BLOOD,
    RIGHT,
    RIGHT_MM,
    WALL,
    WALL_MM,
    Heart,
    classic,
    predicted,
    three_model,
    whole_heart,
)
from tests.lvseg.studies.test_outputs import READER
from tests.lvseg.studies.test_page import text

HEART = Heart(slices=6, phases=8, end_systole=4)
ED, ES = 0, 3  # phases from 0


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return three_model(tmp_path_factory.mktemp("three") / "model")


@pytest.fixture(scope="module")
def network(three: Path) -> LoadedModel:
    return load_model(three, model_facts(three))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def told(ds: Dataset, slice_: int, phase: int) -> None:
        whole_heart(HEART)(ds, slice_, phase)
        ds.PatientSize, ds.PatientWeight = "1.80", "80"

    return classic(tmp_path_factory.mktemp("whole") / "study", HEART, told)


@pytest.fixture(scope="module")
def result(study: Path, network: LoadedModel) -> StudyResult:
    return predicted(study, network)


def greys(result: StudyResult) -> NDArray[np.uint8]:
    """The label maps that the images themselves show, without the fat at their border."""
    pixels = result.cine.pixels.copy()
    pixels[:, 0] = 0
    labels = np.zeros(pixels.shape, np.uint8)
    for grey, structure in zip((BLOOD, WALL, RIGHT), STRUCTURES, strict=True):
        labels[pixels == grey] = structure
    return labels


def ml(structure: Structure, phase: int) -> float:
    """The volume of a structure at a phase, by the discs that are drawn."""
    total = 0.0
    for slice_ in range(HEART.slices - 1):
        inner = HEART.radius(slice_, phase)
        right = RIGHT_MM * HEART.radius(2, phase) / HEART.radius(2, 0)
        total += {
            Structure.CAVITY: inner**2,
            Structure.MYOCARDIUM: (inner + WALL_MM) ** 2 - inner**2 if inner else 0.0,
            Structure.RIGHT_VENTRICLE: right**2,
        }[structure]
    return np.pi * total * HEART.distance / 1000


def test_volumes_and_mass_are_those_of_the_heart(result: StudyResult) -> None:
    measured = result.measurements
    np.testing.assert_array_equal(result.labels, greys(result))
    assert (measured.ed_phase, measured.es_phase) == (ED + 1, ES + 1)
    assert measured.mass_g == pytest.approx(1.05 * ml(Structure.MYOCARDIUM, ED), rel=0.04)
    assert measured.edv_ml == pytest.approx(ml(Structure.CAVITY, ED), rel=0.04)
    assert measured.rv_edv_ml == pytest.approx(ml(Structure.RIGHT_VENTRICLE, ED), rel=0.04)
    assert measured.rv_esv_ml == pytest.approx(ml(Structure.RIGHT_VENTRICLE, ES), rel=0.06)
    assert measured.rv_ef_percent == pytest.approx(100 * (1 - measured.rv_esv_ml / measured.rv_edv_ml))
    assert measured.cardiac_output_l_min == pytest.approx(measured.sv_ml * 75 / 1000), "at 800 ms a beat"
    assert measured.surface_m2 == 2.0, "of 180 cm and 80 kg"
    assert measured.per_surface["mass_g"] == measured.mass_g / 2 and measured.sex == "F"
    assert not measured.missing


def test_what_is_not_known_is_missing_with_its_reason(result: StudyResult) -> None:
    silent = replace(result.cine, beat_ms=float("nan"))
    cavity = {Structure.CAVITY: result.contours}
    measured = measure(silent, cavity, Body(180.0))
    assert np.isnan([measured.mass_g, measured.rv_edv_ml, measured.cardiac_output_l_min]).all()
    assert np.isnan(list(measured.per_surface.values())).all() and measured.ef_percent > 0
    assert measured.missing == {
        "mass_g": "the model does not draw the myocardium",
        "rv_edv_ml": "the model does not draw the right ventricle",
        "cardiac_output_l_min": "the files do not say credibly how long a heart beat takes",
        "surface_m2": "height or weight is not known: --height and --weight give them",
    }


def test_a_spot_far_away_is_no_right_ventricle(network: LoadedModel, tmp_path: Path) -> None:
    result = predicted(classic(tmp_path / "s", HEART, whole_heart(HEART, island=True)), network)
    assert (greys(result)[:, -8:, -8:] == Structure.RIGHT_VENTRICLE).any(), "the images show one"
    assert not result.labels[:, -8:, -8:].any()
    assert result.measurements.rv_edv_ml == pytest.approx(ml(Structure.RIGHT_VENTRICLE, ED), rel=0.04)


def test_a_slice_of_the_atrium_loses_the_left_ventricle_and_keeps_the_right(
    network: LoadedModel, tmp_path: Path
) -> None:
    result = predicted(classic(tmp_path / "s", HEART, whole_heart(HEART, atrium=True)), network)
    assert any("Slice 1, at the wide end," in note for note in result.cine.notes)
    first = result.labels[result.frame_slices == 1]
    assert set(np.unique(first)) == {0, Structure.RIGHT_VENTRICLE}
    assert result.measurements.mass_g == pytest.approx(1.05 * ml(Structure.MYOCARDIUM, ED), rel=0.04)
    assert result.measurements.rv_edv_ml == pytest.approx(ml(Structure.RIGHT_VENTRICLE, ED), rel=0.04)


def test_the_wall_closes_around_the_cavity(network: LoadedModel, tmp_path: Path) -> None:
    def broken(ds: Dataset, slice_: int, phase: int) -> None:
        whole_heart(HEART)(ds, slice_, phase)
        pixels = np.frombuffer(ds.PixelData, np.uint16).reshape(ds.Rows, ds.Columns).copy()
        pixels[HEART.rows // 2 - 4, HEART.columns // 2 + 2 :] = 100  # a gap from the blood outwards
        ds.PixelData = pixels.tobytes()

    result = predicted(classic(tmp_path / "s", HEART, broken), network)
    padded = np.pad(result.labels, ((0, 0), (1, 1), (1, 1)))
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        beside = np.roll(padded, step, axis=axis)[padded == Structure.CAVITY]
        assert np.isin(beside, (Structure.CAVITY, Structure.MYOCARDIUM)).all()


def test_the_segmentation_object_comes_back_as_equal_label_maps(
    study: Path, result: StudyResult, tmp_path: Path
) -> None:
    assert dicom_seg.write(tmp_path / "x.dcm", result, range(1, 9)) is None
    (item,), _ = walk([tmp_path / "x.dcm"])
    items, _ = walk([study])
    images = Images([image for one in items for image in read_images(one)])
    reading = read_seg(item, images, {})
    assert not reading.aside and not reading.unmapped
    maps = {one.sop_uid: one for one in reading.maps}
    for frame, labels in zip(result.cine.frames, result.labels, strict=True):
        if labels.any():
            np.testing.assert_array_equal(maps[frame.image.sop_uid].labels, labels)
    subprocess.run(
        [READER, "--inputDICOM", tmp_path / "x.dcm", "--outputDirectory", tmp_path, "--outputType", "nrrd"],
        check=True, capture_output=True,
    )  # fmt: skip
    told = json.loads((tmp_path / "meta.json").read_text())
    segments = [segment for group in told["segmentAttributes"] for segment in group]
    assert len(segments) == 3 * 8
    for segment in segments:
        number, label = segment["labelID"], segment["SegmentLabel"]
        phase = int(label.split("phase ")[1].split()[0])
        structure = {"LV c": 1, "LV m": 2, "RV c": 3}[label[:4]]
        voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"{number}.nrrd")))
        wanted = (result.labels[result.frame_phases == phase] == structure).sum()
        assert (voxels > 0).sum() == wanted > 0, label
    if shutil.which("dciodvfy"):
        said = subprocess.run(["dciodvfy", "-new", tmp_path / "x.dcm"], capture_output=True, text=True)
        assert "Error" not in said.stdout + said.stderr, said.stderr


def test_highdicom_reads_the_segments_by_their_codes(result: StudyResult, tmp_path: Path) -> None:
    import highdicom

    dicom_seg.write(tmp_path / "x.dcm", result, [1, 4])
    read = highdicom.seg.segread(tmp_path / "x.dcm")
    codes = [read.get_segment_description(n).segmented_property_type.value for n in range(1, 7)]
    assert codes == ["FMA9466", "49848007", "FMA9291"] * 2


def test_nifti_has_the_fixed_numbers(result: StudyResult, tmp_path: Path) -> None:
    assert nifti.write(tmp_path / "x.nii.gz", result) is None
    voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "x.nii.gz")))
    for frame, labels in zip(result.cine.frames, result.labels, strict=True):
        np.testing.assert_array_equal(voxels[frame.phase - 1, frame.slice - 1], labels)


def test_the_page_has_a_legend_the_ends_and_the_errors(result: StudyResult, tmp_path: Path) -> None:
    errors = (KnownError("rv_ef_percent", 4.25, 15), KnownError("mass_g", 11.0, 15))
    study_page.write(
        tmp_path / "r.html", replace(result, model=replace(result.model, errors=errors, version=""))
    )
    said = text((tmp_path / "r.html").read_text(encoding="utf-8"))
    measured = result.measurements
    for words in (
        f"LV mass at ED {measured.mass_g:.0f} g {measured.mass_g / 2:.1f} g/m² 11.0 g (15 patients) women 42 ± 7 g/m²",
        f"RV EF {measured.rv_ef_percent:.0f} % 4.2 points (15 patients)",
        f"cardiac output {measured.cardiac_output_l_min:.1f} l/min",
        "women 61 ± 5 %",
        f"model {result.model.name}, applied by",
        "endocardium of the left ventricle epicardium right ventricle",
        "base 1 2 3 4 5 apex 6",
        "ED 2",
    ):
        assert words in said, words


def test_the_page_names_days_only_where_they_are_asked_for(result: StudyResult, tmp_path: Path) -> None:
    days = ("2001-02-03", date.today().isoformat())
    for asked in (False, True):
        study_page.write(tmp_path / "p.html", result, dates=asked)
        page = text((tmp_path / "p.html").read_text(encoding="utf-8"))
        assert [day in page for day in days] == [asked, asked]
    with pytest.raises(UserError, match="--dates and --deidentify"):
        Outputs(True, False, False, deidentified=True, dates=True).checked()


def test_a_stack_that_begins_at_the_apex_is_shown_from_the_base(result: StudyResult, tmp_path: Path) -> None:
    upside_down = replace(result.measurements, area_mm2=result.measurements.area_mm2[::-1])
    study_page.write(tmp_path / "r.html", replace(result, measurements=upside_down))
    assert "base 6 5 4 3 2 apex 1" in text((tmp_path / "r.html").read_text(encoding="utf-8"))


def test_the_command_writes_all_of_it(study: Path, three: Path, tmp_path: Path) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lvseg.cli", "predict", "--out", str(tmp_path / "out"), *options]
        return subprocess.run(
            command, cwd=ROOT, env={**_surroundings(), "LVSEG_HOME": str(tmp_path / "home")},
            capture_output=True, text=True,
        )  # fmt: skip

    done = run(
        "--model",
        str(three),
        "--height",
        "160",
        "--weight",
        "90",
        "--nifti",
        "--contours",
        "--deidentify",
        str(study),
    )
    assert done.returncode == 0, done.stderr
    assert "LV mass" in done.stdout and "RV EDV" in done.stdout
    (folder,) = (path for path in (tmp_path / "out").iterdir() if (path / "report.html").exists())
    record = json.loads((folder / "measurements.json").read_text())
    assert record["surface_m2"] == 2.0 and record["structures"] == [one.key for one in STRUCTURES]
    assert record["per_m2"]["rv_edv_ml"] == pytest.approx(record["rv_edv_ml"] / 2, abs=0.001)
    head, row = (tmp_path / "out/measurements.csv").read_text().splitlines()
    assert float(dict(zip(head.split(","), row.split(","), strict=False))["mass_g"]) == record["mass_g"]
    kinds = {path.name.split("-")[3] for path in (folder / "contours").iterdir()}
    assert kinds == {"icontour", "ocontour", "rcontour"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "women 61 ± 5 %, men 58 ± 5 %" in text(page), "of whom it is, a page without identity does not say"
    refused = run("--model", str(three), "--height", "1.8", str(study))
    assert refused.returncode == 1 and "--height 1.8: give cm" in refused.stderr
    several = run("--model", str(three), "--height", "180", str(study), str(tmp_path))
    assert several.returncode == 1 and "are of one patient" in several.stderr


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        (["cavity", "atrium"], "draws atrium, which this version of lvseg does not know"),
        (["cavity"], "does not draw the 1 structures that run.json names"),
    ],
)
def test_a_model_of_structures_that_nobody_knows_is_refused(
    three: Path, tmp_path: Path, named: list[str], reason: str
) -> None:
    folder = shutil.copytree(three, tmp_path / "model")
    run = json.loads((folder / "run.json").read_text())
    run["prediction"]["structures"] = named
    (folder / "run.json").write_text(json.dumps(run))
    with pytest.raises(UserError, match=reason):
        load_model(folder, model_facts(folder))


def _surroundings() -> dict[str, str]:
    import os

    return dict(os.environ)
