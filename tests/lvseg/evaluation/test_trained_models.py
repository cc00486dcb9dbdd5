"""Trained models on disk: found by name, named where they are damaged."""

from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from lvseg.evaluation.trained_models import trained_models
from tests.lvseg.models.tiny_models import blank_model, save_trained


def test_models_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained model: run `dvc repro`"):
        trained_models(tmp_path)
    save_trained(tmp_path, "one", blank_model())
    (model,) = trained_models(tmp_path)
    assert model.name == "one" and model.load().network.count_params() == 4
    (tmp_path / "one/model.keras").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"model\.keras is not a readable model"):
        model.load()
    (tmp_path / "one/run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is missing or damaged"):
        trained_models(tmp_path)


def test_models_are_found_by_name_and_half_written_ones_are_none(tmp_path: Path) -> None:
    for name in ("unet", "cnn", ".half"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.keras").touch()
        if name != ".half":
            (tmp_path / name / "run.json").write_text(f'{{"stage": "{name}"}}')
    found = [(model.name, model.folder, model.run) for model in trained_models(tmp_path)]
    assert found == [(name, tmp_path / name, {"stage": name}) for name in ("cnn", "unet")]
