"""The model that comes with the program: whole, small enough, and it draws what it drew on the day it was shipped."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pytest import MonkeyPatch

import lvseg
from lvseg import shipped
from lvseg.core.errors import UserError
from lvseg.imaging.structures import Structure
from lvseg.inference import serving
from lvseg.metrics.overlap import dice
from lvseg.phantom.case import draw_case
from lvseg.phantom.dataset import Size, generate

KEPT = Path(__file__).with_name("shipped_masks.json")
NAMES = sorted(path.parent.name for path in Path(shipped.__file__).parent.glob("*/card.json"))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a synthetic examination, always the same."""
    folder = tmp_path_factory.mktemp("phantom") / "raw"
    generate(folder, 3, Size(patients=1, slices=5, phases=4, matrix=128), workers=1)
    (images,) = (folder / "SCD_IMAGES_01").iterdir()
    return images


@pytest.mark.parametrize("name", NAMES)
def test_it_draws_what_it_drew(name: str, study: Path) -> None:
    """Kernels of other processors move single pixels of a border; another network moves more."""
    folder = Path(shipped.__file__).parent / name
    assert (folder / "model.keras").stat().st_size <= shipped.MOST_BYTES
    card = json.loads((folder / "card.json").read_text())
    result = lvseg.predict(study, folder)
    assert result.model.weights == card["weights_hash"]
    assert [structure.key for structure in result.outlines] == card["structures"]
    kept = json.loads(KEPT.read_text())[name]
    for mask, runs in zip(result.masks, kept, strict=True):
        before = np.zeros(mask.size, np.uint8)
        for start, length in zip(runs[::2], runs[1::2], strict=True):
            before[start : start + length] = 1
        overlap = dice(mask, before.reshape(mask.shape))
        assert np.isnan(overlap) or overlap > 0.98, serving.runs(mask)


def test_it_finds_a_heart_that_it_never_saw(study: Path) -> None:
    case = draw_case(3, 1, 5, 4, 128)
    result = lvseg.predict(study)
    assert result.model.version == shipped.VERSION and Structure.CAVITY in result.outlines
    truth = case.truth()
    assert result.measurements.ef_percent == pytest.approx(float(str(truth["ef_percent"])), abs=8)
    assert {error.measure for error in result.model.errors} == {"edv_ml", "esv_ml", "ef_percent", "mass_g"}
    assert any("drawn, not scanned" in reason for reason in result.assessment.reasons)


def test_one_that_was_changed_is_refused(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    shutil.copytree(Path(shipped.__file__).parent, tmp_path / "shipped")
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "shipped/__init__.py"))
    record = tmp_path / "shipped" / shipped.VERSION / "run.json"
    told = json.loads(record.read_text())
    record.write_text(json.dumps(told | {"weights_hash": "0" * 64}))
    with pytest.raises(UserError, match=r"damaged.*--model FOLDER"):
        shipped.shipped_model()
    record.unlink()
    with pytest.raises(UserError, match="damaged"):
        shipped.shipped_model()
