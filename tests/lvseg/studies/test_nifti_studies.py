"""Studies whose images are NIfTI volumes: measured as the same images in DICOM are, or doubted with the reason."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

import lvseg
from lvseg.core.errors import UserError
from lvseg.core.paths.archives import UnreadableError
from lvseg.studies.analysis.body import NOBODY
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.cohort import inputs
from lvseg.studies.cohort.journal import Journal
from lvseg.studies.cohort.order import Order, model_facts
from lvseg.studies.cohort.worker import Worker
from lvseg.studies.outputs.study_folder import Outputs
from lvseg.studies.outputs.study_record import read_record
from tests.lvseg.labels.scd import zip_folder
from tests.lvseg.studies.hearts import Heart, axes, classic, predicted

HEART = Heart(slices=6, phases=6, end_systole=3, beat=900.0)
AXES = {"as DICOM": None, "turned": [[1, 1], [2, -1], [0, 1]], "flipped": [[0, -1], [1, 1], [2, -1]]}


def affine(heart: Heart = HEART) -> NDArray[np.float64]:
    """From (column, row, slice, 1) of the heart's images to LPS."""
    across, down = axes()
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1] = across * heart.spacing[1], down * heart.spacing[0]
    matrix[:3, 2], matrix[:3, 3] = np.cross(across, down) * heart.distance, (10, -20, 30)
    return matrix


def cine(*phases: int, heart: Heart = HEART) -> NDArray[np.uint16]:
    """Values (columns, rows, slices, phases) of some phases from 1, or of all."""
    every = [n - 1 for n in phases] or range(heart.phases)
    shown = [[heart.image(slice_, phase).T for slice_ in range(heart.slices)] for phase in every]
    return np.moveaxis(np.array(shown), (0, 1), (3, 2))


def write(
    path: Path,
    values: NDArray[np.uint16],
    place: NDArray[np.float64] | None = None,
    how: str = "as DICOM",
    code: int = 1,
) -> Path:
    image = nibabel.Nifti1Image(
        values.squeeze(), np.diag([-1.0, -1, 1, 1]) @ (affine() if place is None else place)
    )
    image.set_sform(image.affine, code)
    image.set_qform(image.affine, code)
    if AXES[how]:
        image = image.as_reoriented(AXES[how])
    image.header.set_xyzt_units("mm", "msec")
    if values.shape[3] > 1:
        image.header.set_zooms((*image.header.get_zooms()[:3], HEART.beat / HEART.phases))
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    return path


def acdc(root: Path) -> Path:
    write(root / "patient042_4d.nii.gz", cine())
    for phase in (1, 3):
        write(root / f"patient042_frame{phase:02d}.nii.gz", cine(phase))
        write(root / f"patient042_frame{phase:02d}_gt.nii.gz", cine(phase) // 500)
    (root / "Info.cfg").write_text("ED: 1\nES: 3\nGroup: NOR\nHeight: 180.0\nNbFrame: 6\nWeight: 80.0\n")
    return root


def mnms(root: Path) -> Path:
    write(root / "A0S9V9/A0S9V9_sa.nii.gz", cine())
    header = ",External code,VendorName,ED,ES,Sex,Height,Weight"
    (root / "table.csv").write_text(f"{header}\n0,A0S9V9,Siemens,0,2,F,180,80\n")
    return root


def mnms2(root: Path) -> Path:
    write(root / "027_SA_CINE.nii.gz", cine())
    write(root / "027_LA_CINE.nii.gz", cine()[:, :, :2])
    for end, phase in (("ED", 1), ("ES", 3)):
        write(root / f"027_SA_{end}.nii.gz", cine(phase))
        write(root / f"027_SA_{end}_gt.nii.gz", cine(phase) // 500)
    return root


def phases_of(root: Path, name: str) -> Path:
    for phase in range(1, 1 + HEART.phases):
        write(root / name.format(phase), cine(phase))
    return root


def whole(root: Path, how: str) -> Path:
    return write(root / "cine.nii", cine(), how=how)


FORMS: dict[str, Callable[[Path], Path]] = {
    **{f"4D, {how}": partial(whole, how=how) for how in AXES},
    "folder of 3D phases": lambda root: phases_of(root, "t{}.nii.gz"),
    "ACDC": acdc,
    "M&Ms": mnms,
    "M&Ms-2": mnms2,
    "nnU-Net": lambda root: phases_of(root / "imagesTs", "heart_frame{:02d}_0000.nii.gz"),
    "archive": lambda root: zip_folder(acdc(root / "a"), root / "a.zip"),
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, model: LoadedModel) -> StudyResult:
    """The same images as DICOM."""
    return predicted(classic(tmp_path_factory.mktemp("dicom") / "s", HEART), model)


@pytest.mark.parametrize("form", FORMS)
def test_volumes_are_those_of_the_same_images_in_dicom(
    tmp_path: Path, bright: Path, model: LoadedModel, reference: StudyResult, form: str
) -> None:
    result = lvseg.predict(FORMS[form](tmp_path), model)
    for name in ("volume_ml", "area_mm2", "ed_phase", "es_phase"):
        np.testing.assert_allclose(
            getattr(result.measurements, name), getattr(reference.measurements, name), rtol=1e-4
        )
    np.testing.assert_array_equal(result.masks, reference.masks)
    np.testing.assert_allclose(result.affines, reference.affines, atol=1e-3)
    files = form.startswith(("folder", "nnU-Net"))
    assert result.measurements.beat_ms == pytest.approx(np.nan if files else 900, nan_ok=True)
    sizes = form in ("ACDC", "M&Ms", "archive")
    assert result.measurements.surface_m2 == pytest.approx(2.0 if sizes else np.nan, nan_ok=True)
    assert result.measurements.sex == ("F" if form == "M&Ms" else "")
    assert any("for one beat" in doubt for doubt in result.cine.doubts) == form.startswith("folder")


@pytest.mark.parametrize("ends", [(1, 3), (3, 1)])
def test_other_ends_than_files_name_are_said(
    tmp_path: Path, model: LoadedModel, ends: tuple[int, int]
) -> None:
    (acdc(tmp_path) / "Info.cfg").write_text("ED: {}\nES: {}\n".format(*ends))
    result = lvseg.predict(tmp_path, model)
    assert (result.measurements.ed_phase, result.measurements.es_phase) == (1, 3)
    said = [reason for reason in result.assessment.reasons if "The files call phase 3 end-diastole" in reason]
    assert len(said) == (ends == (3, 1))


def test_a_size_that_nobody_has_gives_no_body_surface(tmp_path: Path, model: LoadedModel) -> None:
    (acdc(tmp_path) / "Info.cfg").write_text("ED: 1\nES: 3\nHeight: 70.9\nWeight: 80.0\n")  # in inches
    measured = lvseg.predict(tmp_path, model).measurements
    assert np.isnan(measured.surface_m2)
    assert "do not go together" in measured.missing["surface_m2"]
    with pytest.raises(UserError, match="--weight 80 do not go together"):
        lvseg.predict(tmp_path, model, height_cm=70.9, weight_kg=80)


@pytest.mark.parametrize("how", AXES)
def test_masks_lie_on_the_voxels_of_the_source(
    tmp_path: Path, bright: Path, reference: StudyResult, how: str
) -> None:
    source = write(tmp_path / "Mrs LEAKNAME.nii.gz", cine(), how=how)
    order = Order(tmp_path / "out", bright, model_facts(bright), 2, None, Outputs(True, False, False), False)
    (tmp_path / "out").mkdir()
    Journal(tmp_path / "out").open()
    (outcome,) = Worker(order).predict(source)
    assert outcome.complete and outcome.verdict == "ok", "no DICOM object is promised"
    (folder,) = [path.parent for path in (tmp_path / "out").glob("*/report.html")]
    written, image = map(nibabel.Nifti1Image.from_filename, (folder / "segmentation.nii.gz", source))
    assert (written.shape, written.header.get_zooms()) == (image.shape, image.header.get_zooms())
    np.testing.assert_array_equal(written.affine, image.affine)
    np.testing.assert_array_equal(np.asarray(written.dataobj) == 1, np.asarray(image.dataobj) > 500)
    assert not list((tmp_path / "out").rglob("*.dcm"))
    assert "masks are in segmentation.nii.gz" in str(read_record(folder)["segmentation_missing"])
    assert "masks are in segmentation.nii.gz" in (folder / "report.html").read_text()
    for path in [path for path in folder.iterdir() if path.is_file()]:
        packed = path.suffix == ".gz"
        assert b"LEAK" not in (gzip.decompress(path.read_bytes()) if packed else path.read_bytes())


def test_without_a_true_affine_a_study_is_doubted_or_fails(tmp_path: Path, model: LoadedModel) -> None:
    nominal = np.diag([2.0, 2.0, 8.0, 1.0])
    result = lvseg.predict(write(tmp_path / "a.nii", cine(), nominal), model)
    assert result.measurements.edv_ml == pytest.approx(HEART.volume(0), rel=0.05)
    assert result.assessment.verdict == "look at it" and "affine says nothing" in result.assessment.reasons[0]
    assert np.isnan(result.affines).all()
    result = lvseg.predict(write(tmp_path / "b.nii", cine(), np.eye(4), code=0), model)
    assert result.assessment.verdict == "failed" and "how large a pixel is" in result.assessment.reasons[0]
    across = affine()[
        :, [0, 2, 1, 3]
    ]  # slices of 2 mm along the rows: the plane lies across the heart's axis
    with pytest.raises(lvseg.UserError, match="no short axis"):
        lvseg.predict(write(tmp_path / "c.nii", cine(), across * [[1]] * 4 @ np.diag([1, 1, 4, 1.0])), model)


def test_end_diastole_and_end_systole_alone(
    tmp_path: Path, model: LoadedModel, reference: StudyResult
) -> None:
    acdc(tmp_path)
    (tmp_path / "patient042_4d.nii.gz").unlink()
    result = lvseg.predict(tmp_path, model)
    assert (result.measurements.edv_ml, result.measurements.esv_ml) == pytest.approx(
        (reference.measurements.edv_ml, reference.measurements.esv_ml), rel=1e-4
    )
    assert "Its 2 phases are the numbers 1, 3 of the beat, by their files." in result.cine.notes
    assert "cardiac_output_l_min" in result.measurements.missing


def test_the_short_axis_is_chosen_among_views(
    tmp_path: Path, model: LoadedModel, reference: StudyResult
) -> None:
    write(tmp_path / "P7/sa.nii.gz", cine())
    long = affine()[:, [2, 1, 0, 3]] @ np.diag([0.25, 1, 4, 1])
    write(tmp_path / "P7/la_4ch.nii.gz", cine(heart=replace(HEART, phases=12)), long)
    result = lvseg.predict(tmp_path / "P7", model)
    assert result.measurements.edv_ml == pytest.approx(reference.measurements.edv_ml, rel=1e-4)
    assert result.cine.series == "NIfTI volume 2" and len(result.cine.others) == 1
    assert lvseg.predict(tmp_path / "P7", model, series="la_4ch").cine.series == "NIfTI volume 1"
    with pytest.raises(lvseg.UserError, match="no series '3'"):
        lvseg.predict(tmp_path / "P7", model, series="3")


def test_many_patients_are_one_input_each_or_a_study_each(tmp_path: Path) -> None:
    for name in ("P1", "P2"):
        write(tmp_path / f"apart/{name}/{name}_sa.nii.gz", cine())
        for phase in (1, 3):
            write(tmp_path / f"set/imagesTs/{name}_frame{phase:02d}_0000.nii.gz", cine(phase))
    with pytest.raises(inputs.RefusedError, match="of 2 patients: name the folder of each") as refused:
        inputs.studies(tmp_path / "apart")
    assert refused.value.folder == tmp_path / "apart"
    assert [study.patient for study in inputs.studies(tmp_path / "set")] == ["P1", "P2"]


def test_a_bad_volume_is_one_line_and_the_others_are_measured(tmp_path: Path, model: LoadedModel) -> None:
    packed = write(tmp_path / "a.nii.gz", cine()).read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(lvseg.UserError, match=r"a\.nii\.gz: .*truncated or damaged"):
        lvseg.predict(tmp_path / "a.nii.gz", model)
    phases = phases_of(tmp_path / "phases", "t{}.nii.gz")
    (phases / "t5.nii.gz").write_bytes(b"no volume")
    write(phases / "t7.nii.gz", cine(1)[..., 1:, :])
    result = lvseg.predict(phases, model)
    assert result.cine.phases == HEART.phases - 1
    reasons = [file.reason for file in result.set_aside]
    assert sorted(reasons) == ["lies on other pixels than the file that is used", "not a NIfTI file"]
    (study,) = inputs.studies(classic(phases, HEART))
    assert study.images
    assert any("which are used" in file.reason for file in study.set_aside)
    with pytest.raises(UnreadableError):
        inputs.studies(phases)[0].analysed("S", "nowhere", model, NOBODY)
