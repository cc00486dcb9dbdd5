"""A study from its files to its measurements, in every form in which scanners and archives give it."""

import gc
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import UnreadableError
from lvseg.imaging.raster import rasterise
from lvseg.studies.analysis.analyse import analyse_study
from lvseg.studies.analysis.assessment import FAILED
from lvseg.studies.analysis.loaded_model import LoadedModel, load_model
from lvseg.studies.cohort import inputs
from lvseg.studies.cohort.order import model_facts
from tests.lvseg.studies.hearts import Heart, bright_model, classic, enhanced, predicted

HEART = Heart()


def compressed(syntax: str) -> Callable[[Dataset, int, int], None]:
    return lambda ds, slice_, phase: ds.compress(syntax, generate_instance_uid=False)


def inverted(ds: Dataset, slice_: int, phase: int) -> None:
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.PixelData = np.invert(ds.pixel_array).tobytes()


def rescaled(ds: Dataset, slice_: int, phase: int) -> None:
    """Scanners of one maker give every image a scale of its own."""
    ds.RescaleSlope, ds.RescaleIntercept = 0.5 + phase, -20
    ds.PixelData = np.rint((ds.pixel_array + 20.0) / ds.RescaleSlope).astype(np.uint16).tobytes()


def series_each(ds: Dataset, slice_: int, phase: int) -> None:
    ds.SeriesInstanceUID += f".{slice_}"
    ds.FrameOfReferenceUID += f".{slice_}"
    ds.SeriesNumber = 300 + slice_


def deflated(ds: Dataset, slice_: int, phase: int) -> None:
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian


def shuffled(tmp_path: Path) -> Path:
    """File names that tell nothing, images counted from the apex, no instance numbers."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        del ds.InstanceNumber

    folder = classic(tmp_path / "s", HEART, change)
    rng = np.random.default_rng(1)
    files = sorted(folder.iterdir())
    for file, number in zip(files, rng.permutation(len(files)), strict=True):
        file.rename(folder / f"a{number}x")
    return folder


def medium(tmp_path: Path) -> Path:
    """A DICOMDIR and the files that it lists, with a report of the same patient beside them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # pydicom leaves its folder to the garbage collector
        files = FileSet()
        for path in sorted(classic(tmp_path / "files", HEART).iterdir()):
            files.add(path)
        files.write(tmp_path / "cd")
        del files
        gc.collect()
    return tmp_path / "cd" / "DICOMDIR"


def zipped(tmp_path: Path) -> Path:
    return Path(shutil.make_archive(str(tmp_path / "study"), "zip", classic(tmp_path / "z", HEART)))


FORMS: dict[str, Callable[[Path], Path]] = {
    "plain": lambda tmp: classic(tmp / "s", HEART),
    "JPEG 2000": lambda tmp: classic(tmp / "s", HEART, compressed(JPEG2000Lossless)),
    "RLE": lambda tmp: classic(tmp / "s", HEART, compressed(RLELossless)),
    "deflated": lambda tmp: classic(tmp / "s", HEART, deflated),
    "inverted": lambda tmp: classic(tmp / "s", HEART, inverted),
    "rescaled": lambda tmp: classic(tmp / "s", HEART, rescaled),
    "a series per slice": lambda tmp: classic(tmp / "s", HEART, series_each),
    "shuffled": shuffled,
    "zip": zipped,
    "DICOMDIR": medium,
    "enhanced": lambda tmp: enhanced(tmp / "e", HEART),
    "enhanced, phases first": lambda tmp: enhanced(tmp / "e", HEART, phases_first=True),
    "enhanced, JPEG 2000": lambda tmp: enhanced(tmp / "e", HEART, syntax=JPEG2000Lossless),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_study_gives_the_same_measurements(
    form: str, tmp_path: Path, model: LoadedModel
) -> None:
    result = predicted(FORMS[form](tmp_path), model)
    measured = result.measurements
    assert (result.cine.slices, result.cine.phases, len(result.cine.frames)) == (7, 10, 70)
    assert result.assessment.verdict == "ok", result.assessment
    assert (measured.ed_phase, measured.es_phase) == (1, 4)
    assert measured.edv_ml == pytest.approx(HEART.volume(0), rel=0.05)
    assert measured.ef_percent == pytest.approx(HEART.ef, abs=2.5)
    assert measured.volume_ml == pytest.approx([HEART.volume(p) for p in range(10)], rel=0.06)
    assert result.cine.beat_ms == 800
    truth = np.stack([HEART.image(*place) > 500 for place in np.ndindex(7, 10)])
    order = sorted(result.cine.at.items(), key=lambda entry: entry[0])
    masks = np.stack([result.masks[position] for _, position in order]).astype(bool)
    shown = np.stack([result.cine.pixels[position] for _, position in order])
    assert np.allclose(shown, [HEART.image(*place) for place in np.ndindex(7, 10)], atol=6), (
        "the scanner's values"
    )
    assert 2 * (masks & truth).sum() / (masks.sum() + truth.sum()) > 0.97
    for mask, line in zip(result.masks, result.contours, strict=True):
        assert (line is None) == (not mask.any())
        assert line is None or (rasterise(line, (64, 64)) == mask).mean() > 0.998, (
            "outlines lie on their masks"
        )


@pytest.mark.parametrize("spacing", [(1.5, 2.5), (2.5, 1.5)])
def test_pixels_need_not_be_square(spacing: tuple[float, float], tmp_path: Path, model: LoadedModel) -> None:
    heart = Heart(spacing=spacing, widest=22)
    result = predicted(classic(tmp_path / "s", heart), model)
    assert result.measurements.edv_ml == pytest.approx(heart.volume(0), rel=0.05)
    truth = heart.image(3, 0) > 500
    mask = result.masks[result.cine.at[4, 1]].astype(bool)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.95


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_stack_may_be_turned_and_scanned_from_the_apex(
    quarters: int, tmp_path: Path, model: LoadedModel
) -> None:
    def change(ds: Dataset, slice_: int, phase: int) -> None:
        ds.PixelData = np.ascontiguousarray(np.rot90(ds.pixel_array, quarters)).tobytes()
        ds.InstanceNumber = (HEART.slices - slice_) * 100 + phase

    measured = predicted(classic(tmp_path / "s", HEART, change), model).measurements
    assert measured.ef_percent == pytest.approx(HEART.ef, abs=2.5)
    assert (measured.ed_phase, measured.es_phase) == (1, 4)


def test_a_network_that_depends_on_the_view_is_found_out(tmp_path: Path, model: LoadedModel) -> None:
    path = classic(tmp_path / "s", HEART)
    assert predicted(path, model).assessment.quality["disagreement_percent"] < 1
    folder = bright_model(tmp_path / "aside", aside=4)
    result = predicted(path, load_model(folder, model_facts(folder)))
    assert result.assessment.quality["disagreement_percent"] > 15
    assert "mirrored and turned" in " ".join(result.assessment.reasons)


def test_weights_of_another_training_than_run_json_says_are_refused(bright: Path) -> None:
    facts = replace(model_facts(bright), weights="0" * 64)
    with pytest.raises(UserError, match=r"mixes two trainings.* run\.json says 000000000000"):
        load_model(bright, facts)


def test_what_is_not_known_is_said_and_not_invented(tmp_path: Path, model: LoadedModel) -> None:
    cases: dict[str, tuple[Path, str]] = {
        "one slice": (classic(tmp_path / "a", Heart(slices=1)), "one slice"),
        "one phase": (classic(tmp_path / "b", Heart(phases=1)), "one phase"),
        "no heart": (classic(tmp_path / "c", Heart(widest=0.0)), "No left ventricle"),
    }

    def unsized(ds: Dataset, slice_: int, phase: int) -> None:
        del ds.PixelSpacing

    cases["no pixel size"] = (classic(tmp_path / "d", HEART, unsized), "how large a pixel")
    for name, (path, said) in cases.items():
        result = predicted(path, model)
        assert result.assessment.verdict == FAILED, name
        assert said in " ".join(result.assessment.reasons), name
        assert np.isnan(result.measurements.ef_percent), name


@pytest.mark.parametrize("wanted", ["301", "lax", "2.25"])
def test_a_person_may_name_the_series(wanted: str, tmp_path: Path, model: LoadedModel) -> None:
    folder = classic(tmp_path / "s", HEART)
    other = Heart(slices=1, phases=6)
    classic(folder / "lax", other, series=301, description="CINE LAX 4CH")
    (study,) = inputs.studies(folder)
    if wanted == "2.25":
        wanted = next(image.series_uid for image in study.images if image.series_number == 301)
    result = analyse_study("S", study.images, [], wanted, model)
    assert result.cine.series == "series 301"
    assert "--series" in result.cine.why
    with pytest.raises(UnreadableError, match="no series 'nowhere'; there are the numbers 300, 301"):
        analyse_study("S", study.images, [], "nowhere", model)


def test_two_patients_are_refused_by_name_and_stored_without(tmp_path: Path) -> None:
    folder = classic(tmp_path / "s", HEART)
    classic(folder / "other", Heart(patient="PAT-2"))
    with pytest.raises(inputs.RefusedError, match=r"2 patients \(PAT-1, PAT-2\)") as refused:
        inputs.studies(folder)
    assert "PAT" not in refused.value.reason


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(inputs.RefusedError, match="empty"):
        inputs.studies(tmp_path / "empty")
    with pytest.raises(inputs.RefusedError, match="no such"):
        inputs.studies(tmp_path / "gone")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("hello")
    with pytest.raises(inputs.RefusedError, match="no readable MR image among 1 files"):
        inputs.studies(tmp_path / "notes")


def test_a_damaged_medium_and_missing_files(tmp_path: Path) -> None:
    path = medium(tmp_path)
    victim = next(p for p in sorted(path.parent.rglob("*")) if p.is_file() and p != path)
    victim.unlink()
    (study,) = inputs.studies(path)
    assert len(study.images) == 69
    assert any("not there" in entry.reason for entry in study.set_aside)
    path.write_bytes(b"DICM" * 100)
    with pytest.raises(inputs.RefusedError, match="damaged DICOMDIR"):
        inputs.studies(path)
