"""`lvseg.predict`, called as docs/python.md says."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lvseg
from lvseg.core.paths.places import ROOT
from tests.lvseg.studies.hearts import Heart, axes, classic

HEART = Heart(slices=6, phases=4, end_systole=3)


@pytest.fixture(scope="module")
def documented(bright: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all code of docs/python.md, in a folder that has what it names, and return its variables."""
    folder = tmp_path_factory.mktemp("python")
    study = classic(folder / "study", HEART)
    (study / "notes.txt").write_text("no image")
    shutil.make_archive(str(folder / "another"), "zip", study)
    shutil.copytree(bright, folder / "models/unet")
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
        for code in re.findall(r"```python\n(.+?)```", page, re.DOTALL):
            exec(code, names)
    return names


def test_masks_and_measurements_are_those_of_the_heart(documented: dict[str, Any]) -> None:
    result: lvseg.StudyResult = documented["result"]
    measurements = result.measurements
    assert measurements.ef_percent == pytest.approx(HEART.ef, abs=2.5)
    assert measurements.edv_ml == pytest.approx(HEART.volume(0), rel=0.05)
    assert measurements.sv_ml == pytest.approx(measurements.edv_ml - measurements.esv_ml)
    assert measurements.es_phase == 3 and measurements.volume_ml.shape == (4,)
    assert result.assessment.verdict == "ok" and not result.assessment.reasons
    assert ["notes.txt" in file.file for file in result.set_aside] == [True]
    for mask, slice_, phase in zip(result.masks, result.frame_slices, result.frame_phases, strict=True):
        area = mask.sum() * np.prod(HEART.spacing)
        assert area == pytest.approx(np.pi * HEART.radius(slice_ - 1, phase - 1) ** 2, rel=0.1)


def test_affines_lead_to_the_patient(documented: dict[str, Any]) -> None:
    result, position = documented["result"], documented["position"]
    assert (result.frame_slices[position], result.frame_phases[position]) == (3, 3)
    across, down = axes()
    corner = np.array([10.0, -20, 30]) + 2 * HEART.distance * np.cross(across, down)
    there = corner + 2 * (documented["columns"][0] * across + documented["rows"][0] * down)
    assert documented["first"] == pytest.approx([*there, 1], abs=1e-3)


def test_affines_are_unknown_where_the_source_does_not_say_all(bright: Path, tmp_path: Path) -> None:
    def silent(ds: Any, slice_: int, phase: int) -> None:
        del ds.PixelSpacing

    result = lvseg.predict(classic(tmp_path / "study", HEART, silent), bright)
    assert np.isnan(result.affines).all()
    assert result.assessment.verdict == "failed" and "how large a pixel is" in result.assessment.reasons[0]


@pytest.mark.slow
def test_it_computes_what_the_command_writes(
    bright: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "home"))
    study = classic(tmp_path / "study", HEART)
    command = ["--out", str(tmp_path / "out"), "--model", str(bright), str(study)]
    subprocess.run([sys.executable, "-m", "lvseg.cli", "predict", *command], cwd=ROOT, check=True)
    result = lvseg.predict(study, bright)
    written = json.loads((tmp_path / "out" / result.name / "measurements.json").read_text())
    assert written["volume_ml"] == [round(float(value), 3) for value in result.measurements.volume_ml]


def test_what_cannot_be_measured_is_said_in_one_line(bright: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(lvseg.UserError, match="empty: the folder is empty"):
        lvseg.predict(tmp_path / "empty", bright)
    both = classic(tmp_path / "both", HEART)
    other = classic(tmp_path / "both/other", HEART, lambda ds, *_: setattr(ds, "StudyInstanceUID", "2.25.99"))
    with pytest.raises(lvseg.UserError, match="2 studies: name the folder of one"):
        lvseg.predict(both, bright)
    with pytest.raises(lvseg.UserError, match="no series 'nowhere'"):
        lvseg.predict(other, bright, series="nowhere")
    with pytest.raises(lvseg.UserError, match=r"holds no model .* model\.keras and run\.json"):
        lvseg.predict(other, tmp_path / "empty")


def test_the_import_loads_nothing_heavy() -> None:
    script = (
        "import sys, lvseg; assert {'predict', 'load_model'} <= set(dir(lvseg)); lvseg.predict; lvseg.StudyResult\n"
        "heavy = {'tensorflow', 'keras', 'scipy', 'pandas'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
