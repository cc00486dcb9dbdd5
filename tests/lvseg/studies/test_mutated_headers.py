"""Damaged headers crash nothing, and change no volume by more than 1 % without a word.

Each run draws a few dozen. `LVSEG_MUTATIONS=1000 pytest tests/lvseg/studies/test_mutated_headers.py` draws a thousand
for prediction and as many for extraction, which takes some minutes.
"""

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from lvseg.core.paths.archives import UnreadableError
from lvseg.imaging.outline import area
from lvseg.labels.layouts import find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.study import Study
from lvseg.studies.analysis.analyse import analyse_study
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.cohort import inputs
from lvseg.studies.outputs import nifti
from lvseg.studies.outputs.dicom import dicom_seg
from tests.lvseg.labels.scd import ED, ES, PHASES, SLICES, Cine, dataset, to_bytes, write_contour
from tests.lvseg.studies.hearts import Heart, frames
from tests.lvseg.studies.mutations import CLASSES, Mutation, mutations, write

EXAMPLES = int(os.environ.get("LVSEG_MUTATIONS", "70"))
OF_EACH = settings(
    max_examples=max(EXAMPLES // len(CLASSES), 1),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize="LVSEG_MUTATIONS" not in os.environ,
    database=None,
    phases=[Phase.generate],  # the first that fails tells enough: to shrink it takes minutes
)

pytestmark = pytest.mark.slow  # some 140 studies are predicted
SHARE = 0.01
HEART = Heart(slices=5, phases=4, end_systole=3, rows=48, columns=48, distance=10.0)
NOTHING = Mutation("StudyID", "duplicated", "one image", b"")
CINE = Cine()


def heart() -> dict[str, tuple[bytes, int, int]]:
    return {
        name: (to_bytes(ds), number // HEART.phases, number % HEART.phases)
        for number, (name, ds) in enumerate(frames(HEART))
    }


def patient() -> dict[str, tuple[bytes, int, int]]:
    made = {}
    for number, slice_, phase in CINE.numbers():
        ds = dataset(CINE.pixels(slice_, phase), number, slice_)
        ds.TriggerTime, ds.StudyInstanceUID, ds.FrameOfReferenceUID = 100 * phase, "1.2", "1.3"
        made[f"SC-HF-I-01/IM-0001-{number:04d}.dcm"] = (to_bytes(ds), slice_, phase - 1)
    return made


IMAGES, DRAWN = heart(), patient()


def written(images: dict[str, tuple[bytes, int, int]], mutation: Mutation, folder: str) -> Path:
    write(Path(folder), images, mutation)
    return Path(folder)


def volumes(mutation: Mutation, model: LoadedModel) -> list[tuple[float, float, list[str]]]:
    """Return EDV and ESV in ml, and what was said, of each study that a prediction finds; none where it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(IMAGES, mutation, folder)
        try:
            studies = inputs.studies(path)
        except inputs.RefusedError as error:
            assert str(error)
            return []
        found = []
        for study in studies:
            try:
                result = analyse_study("S", study.images, study.set_aside, None, model)
            except UnreadableError as error:
                assert str(error)
                continue
            measured = result.measurements
            found.append((measured.edv_ml, measured.esv_ml, said(result, path)))
    return found


def said(result: StudyResult, folder: Path) -> list[str]:
    outputs = (
        dicom_seg.write(folder / "x.dcm", result, result.measurements.ed_and_es),
        nifti.write(folder / "x.nii.gz", result),
    )
    aside = [file.reason for file in result.set_aside]
    verdict = [] if result.assessment.verdict == "ok" else [result.assessment.verdict]
    return [*verdict, *result.assessment.reasons, *result.cine.notes, *aside, *filter(None, outputs)]


def drawn_volumes(study: Study) -> tuple[float, float, list[str]]:
    """Return EDV and ESV in ml as evaluation reckons them from the expert's lines, and what was said."""
    mm2 = float(np.prod(study.frames[0].image.spacing or math.nan)) if study.frames else math.nan
    ml = {"ED": 0.0, "ES": 0.0}
    for frame in study.joined:
        if frame.phase in study.cycle:
            ml[study.cycle[frame.phase]] += (
                abs(area(study.endo[frame.number])) * mm2 * study.distance_mm / 1000
            )
    words = [*study.flags, *study.notes, *(file.reason for file in study.aside)]
    return ml["ED"], ml["ES"], words


def extracted(mutation: Mutation) -> list[tuple[float, float, list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = written(DRAWN, mutation, folder)
        for number, slice_, phase in CINE.numbers():
            if phase in (ED, ES):
                name = f"contours/SC-HF-I-01/IM-0001-{number:04d}-icontour-manual.txt"
                write_contour(path / name, CINE.contour(slice_, phase))
        patients, aside = find_patients([path])
        found = []
        for one in patients:
            edv, esv, words = drawn_volumes(read_study(one, 1, True))
            found.append((edv, esv, [*words, *(file.reason for file in aside)]))
        assert found or aside
    return found


def check(
    mutation: Mutation, measured: Callable[[], list[tuple[float, float, list[str]]]], truth: tuple[float, ...]
) -> None:
    for edv, esv, words in measured():
        same = np.allclose((edv, esv), truth, rtol=SHARE)
        unknown = math.isnan(edv)
        note(f"{mutation}: EDV {edv:.1f}, ESV {esv:.1f} for {truth}, {words}")
        assert same or words or unknown


@pytest.fixture(scope="module")
def sound(model: LoadedModel) -> tuple[float, float]:
    ((edv, esv, words),) = volumes(NOTHING, model)
    assert not words, "else nothing that follows would show anything"
    return edv, esv


@pytest.fixture(scope="module")
def drawn() -> tuple[float, float]:
    ((edv, esv, words),) = extracted(NOTHING)
    assert not words and edv > esv > 0
    assert len(DRAWN) == SLICES * PHASES
    return edv, esv


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_predict_bears_damaged_headers(kind: str, model: LoadedModel, sound: tuple[float, float]) -> None:
    @OF_EACH
    @given(mutations(kind))
    def each(mutation: Mutation) -> None:
        check(mutation, lambda: volumes(mutation, model), sound)

    each()


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_extract_bears_damaged_headers(kind: str, drawn: tuple[float, float]) -> None:
    @OF_EACH
    @given(mutations(kind))
    def each(mutation: Mutation) -> None:
        check(mutation, lambda: extracted(mutation), drawn)

    each()
