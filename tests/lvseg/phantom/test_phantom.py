"""The phantom through its files: what a reader of the data set would see, held against the model that made it."""

import csv
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from shapely import Polygon

from lvseg.phantom.anatomy.heart import ANGLES, contraction_curve
from lvseg.phantom.case import draw_case
from lvseg.phantom.dataset import Size, generate

SEED, SIZE = 5, Size(patients=4, slices=9, phases=3, matrix=128)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    made = generate(folder, SEED, SIZE, workers=1)
    assert made.frames == len(list(folder.rglob("*.dcm")))
    assert made.contours == len(list(folder.rglob("*contour-manual.txt")))
    return folder


@dataclass
class Patient:
    id: str
    truth: dict[str, str]
    frames: dict[int, pydicom.Dataset]  # short axis, by image number
    contours: dict[tuple[int, str], NDArray[np.float64]]  # by image number and kind

    def at(self, cycle: str, kind: str) -> dict[int, NDArray[np.float64]]:
        """Contours of one kind at ED or ES by 1-based slice."""
        phase = int(self.truth[f"{cycle}_phase"])
        return {
            (n - 1) // SIZE.phases + 1: c
            for (n, k), c in self.contours.items()
            if k == kind and (n - 1) % SIZE.phases + 1 == phase
        }

    def volume_ml(self, cycle: str) -> float:
        frame = self.frames[1]
        millilitre = frame.PixelSpacing[0] * frame.PixelSpacing[1] * frame.SpacingBetweenSlices / 1000
        area = sum(Polygon(c).area for c in self.at(cycle, "icontour").values())
        return float(area * millilitre)


@pytest.fixture(scope="module")
def patients(folder: Path) -> list[Patient]:
    with (folder / "truth.csv").open(encoding="utf-8") as file:
        truth = {row["patient"]: row for row in csv.DictReader(file)}
    with (folder / "scd_patientdata.csv").open(encoding="utf-8-sig") as file:
        people = list(csv.DictReader(file))
    return [_patient(folder, person, truth[person["OriginalID"]]) for person in people]


def _patient(folder: Path, person: dict[str, str], truth: dict[str, str]) -> Patient:
    images = folder / "SCD_IMAGES_01" / person["PatientID"] / "CINESAX_300"
    drawn = folder / "SCD_ManualContours" / person["OriginalID"] / "contours-manual" / "IRCCI-expert"
    return Patient(
        person["PatientID"],
        truth,
        {int(p.stem.split("-")[2]): pydicom.dcmread(p) for p in images.iterdir()},
        {
            (int(p.name.split("-")[2]), p.name.split("-")[3]): np.loadtxt(p, ndmin=2) - 1
            for p in drawn.iterdir()
        },
    )


def test_same_seed_same_bytes_on_any_number_of_workers(tmp_path: Path) -> None:
    size = Size(patients=2, slices=3, phases=2, matrix=64)
    for name, seed, workers in (("alone", SEED, 1), ("together", SEED, 2), ("other", SEED + 1, 1)):
        generate(tmp_path / name, seed, size, workers)
    alone = _hashes(tmp_path / "alone")
    assert _hashes(tmp_path / "together") == alone
    other = _hashes(tmp_path / "other")
    frames = {name for name in alone if name.endswith(".dcm")}
    assert frames <= set(other) and all(alone[name] != other[name] for name in frames)


def _hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_contours_where_an_expert_draws_them(patients: list[Patient]) -> None:
    for patient in patients:
        assert len(patient.frames) == SIZE.slices * SIZE.phases
        filled, emptied = patient.at("ed", "icontour"), patient.at("es", "icontour")
        assert set(patient.at("ed", "ocontour")) == set(filled)
        assert set(emptied) <= set(filled)
        assert not {1, SIZE.slices} & set(filled)  # atria above, nothing but fat beyond the apex
        assert len(patient.contours) == 2 * len(filled) + len(emptied)
        for index, inner in filled.items():
            assert Polygon(patient.at("ed", "ocontour")[index]).contains(Polygon(inner))


def test_volumes_summed_from_contours_are_the_models(patients: list[Patient]) -> None:
    for patient in patients:
        edv, esv = patient.volume_ml("ed"), patient.volume_ml("es")
        assert edv == pytest.approx(float(patient.truth["edv_ml"]), rel=0.08)
        assert esv == pytest.approx(float(patient.truth["esv_ml"]), rel=0.12)
        assert 100 * (1 - esv / edv) == pytest.approx(float(patient.truth["ef_percent"]), abs=4)


def test_groups_differ_as_the_diseases_do() -> None:
    cases = [draw_case(SEED, n, 9, 16, 192) for n in range(1, 13)]
    ejection: dict[str, list[float]] = {}
    for case in cases:
        ejection.setdefault(case.record.group, []).append(float(str(case.truth()["ef_percent"])))
    assert max(ejection["HF-I"] + ejection["HF-NI"]) < 37 < 55 < min(ejection["HYP"] + ejection["N"])
    hearts = {case.record.group: case.heart for case in cases}
    assert hearts["HF-NI"].volume_ml(0) > 1.3 * hearts["N"].volume_ml(0)
    assert hearts["HYP"].mass_g() > 1.4 * hearts["N"].mass_g()
    assert len({case.end_diastole for case in cases}) > 1

    scarred = hearts["HF-I"]
    at = np.array([scarred.scar_height * scarred.length])
    motion = 1 - scarred.endocardium(at, 1.0) / scarred.endocardium(at, 0.0)
    scar = int(np.argmin(np.abs(np.angle(np.exp(1j * (ANGLES - scarred.scar_angle))))))
    assert motion[0, scar] < 0.4 * motion[0, (scar + 256) % 512]


def test_the_wall_keeps_its_mass_and_thickens() -> None:
    heart = draw_case(SEED, 4, 9, 16, 192).heart
    for contraction in (0.0, 0.5, 1.0):
        w = np.linspace(heart.base(contraction), heart.length + 20, 400)
        area = heart.epicardium(w, contraction) ** 2 - heart.endocardium(w, contraction) ** 2
        volume = np.pi * np.trapezoid(area.mean(1), w) / 1000
        assert 1.05 * volume == pytest.approx(heart.mass_g(), rel=0.02)
    middle = np.array([0.4 * heart.length])
    thickness = [float((heart.epicardium(middle, c) - heart.endocardium(middle, c)).mean()) for c in (0, 1)]
    assert thickness[1] > 1.25 * thickness[0]


@pytest.mark.parametrize(("phases", "first", "last"), [(2, 1, 0), (16, 15, 5), (20, 0, 7)])
def test_only_end_systole_is_fully_contracted_and_only_end_diastole_relaxed(
    phases: int, first: int, last: int
) -> None:
    curve = contraction_curve(phases, first, last)
    assert (curve[first], curve[last]) == (0, 1)
    others = np.delete(curve, [first, last])
    assert ((others > 0) & (others < 1)).all()


def test_contours_lie_on_the_border_of_a_bright_cavity(patients: list[Patient]) -> None:
    """Also pins the pixel-centre convention: moved by a pixel in any direction, the contours fit worse."""
    steps = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    fit = dict.fromkeys(steps, 0.0)
    for patient in patients:
        for (number, kind), contour in patient.contours.items():
            if kind != "icontour":
                continue
            image = patient.frames[number].pixel_array.astype(float)
            for step in steps:
                fit[step] += _border_contrast(image, contour + step)
            if (contour.max(0) - contour.min(0)).min() > 12:  # away from the apex, where a slice blurs
                inside, outside = (_ring(image, contour, by).mean() for by in (-4, 1.5))
                assert inside > 1.5 * outside, (patient.id, number)
    assert max(fit, key=fit.__getitem__) == (0, 0)


def _ring(image: NDArray[np.float64], contour: NDArray[np.float64], outwards: float) -> NDArray[np.float64]:
    away = contour - contour.mean(0)
    ring = contour + outwards * away / np.linalg.norm(away, axis=1, keepdims=True)
    grey: NDArray[np.float64] = map_coordinates(image, ring.T[::-1], order=1)
    return grey


def _border_contrast(image: NDArray[np.float64], contour: NDArray[np.float64]) -> float:
    return float((_ring(image, contour, -1.5) - _ring(image, contour, 1.5)).mean() / image.max())


def test_every_file_is_a_sound_short_axis_stack_for_pydicom(patients: list[Patient], folder: Path) -> None:
    uids = [pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID for p in folder.rglob("*.dcm")]
    assert len(uids) == len(set(uids)) == SIZE.patients * (SIZE.slices + 1) * SIZE.phases
    for patient in patients:
        first = patient.frames[1]
        along, down = np.reshape(np.array(first.ImageOrientationPatient, float), (2, 3))
        assert abs(along @ down) < 1e-5 and np.linalg.norm([along, down], axis=1) == pytest.approx([1, 1])
        normal = np.cross(along, down)
        assert 0.3 < np.abs(normal).max() < 0.95  # oblique
        for number, frame in patient.frames.items():
            assert frame.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
            assert frame.PatientID == patient.id and frame.InstanceNumber == number
            assert frame.pixel_array.dtype == np.int16 and frame.pixel_array.shape == (128, 128)
            slices_on = (number - 1) // SIZE.phases
            away = np.array(frame.ImagePositionPatient, float) - np.array(first.ImagePositionPatient, float)
            assert away @ -normal == pytest.approx(slices_on * first.SpacingBetweenSlices, abs=1e-3)
        long_axis = folder / "SCD_IMAGES_01" / patient.id / "CINELAX_301" / "IM-0004-0001.dcm"
        other = np.reshape(np.array(pydicom.dcmread(long_axis).ImageOrientationPatient, float), (2, 3))
        assert abs(np.cross(*other) @ normal) < 1e-3


def test_telling_values_are_in_every_file(folder: Path) -> None:
    record = draw_case(SEED, 2, SIZE.slices, SIZE.phases, SIZE.matrix).record
    values = [value for _, value in record.telling().values()]
    telling = [value if isinstance(value, bytes) else _in_file(value) for value in values]
    assert sum(b"LEAK" in value for value in telling) > 25
    for path in (folder / "SCD_IMAGES_01" / record.patient_id).rglob("*.dcm"):
        content = path.read_bytes()
        assert all(value in content for value in telling)
        header = pydicom.dcmread(path)
        assert header.PatientName.family_name == "LEAKNAME002" and header[0x00091003].value.startswith(
            b"LEAK"
        )
        assert header.RequestAttributesSequence[0].RequestedProcedureID == "LEAKRP00002"


def _in_file(value: object) -> bytes:
    return "\\".join(map(str, value if isinstance(value, tuple) else (value,))).encode()


@pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy (Debian: dicom3tools) is not installed"
)
def test_dciodvfy_finds_no_error(folder: Path) -> None:
    frames = sorted(folder.rglob("*.dcm"))[::7]
    for path in frames:
        said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        found = [line for line in (said.stdout + said.stderr).splitlines() if "Error" in line]
        assert "MRImage" in said.stdout + said.stderr
        assert not found, (path, found)


def test_the_stage_replaces_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.phantom import main

    params = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8"))
    params["phantom"] = {"seed": 1, "patients": 1, "slices": 3, "phases": 2, "matrix": 64}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    stale = tmp_path / "data" / "phantom" / "stale.dcm"
    stale.parent.mkdir(parents=True)
    stale.touch()
    monkeypatch.chdir(tmp_path)
    main()
    assert not stale.exists()
    assert len(list((tmp_path / "data").rglob("*.dcm"))) == 8
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["phantom"]
