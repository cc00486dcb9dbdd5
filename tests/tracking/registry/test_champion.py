"""The model that predictions are made with: fetched once, and never another one than was asked for."""

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lvseg.core.errors import UserError
from tracking.registry import champion
from tracking.registry.versions import CHAMPION, MODEL
from tracking.runs.store import Store

WEIGHTS = "cd" * 32


@pytest.fixture
def downloads(store: Store, saved_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Register a model; return the addresses that were downloaded."""
    home, asked = tmp_path / "artifact", list[str]()
    home.mkdir()
    shutil.copy(saved_model, home / "model.keras")
    (home / "run.json").write_text(json.dumps({"model": "unet", "weights_hash": WEIGHTS}))
    package = ModuleType("tracking.model.package")

    def downloaded(model_uri: str, folder: Path) -> Path:
        asked.append(model_uri)
        return shutil.copytree(home, folder / "model")

    package.downloaded = downloaded  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tracking.model.package", package)
    store.client.create_registered_model(MODEL)
    store.client.create_model_version(MODEL, home.as_uri(), None, {"lvseg.weights_hash": WEIGHTS})
    return asked


def test_the_champion_is_fetched_once(store: Store, downloads: list[str]) -> None:
    with pytest.raises(UserError, match=r"has no champion: .*lvseg promote.*--model models/unet"):
        champion.fetched()
    store.client.set_registered_model_alias(MODEL, CHAMPION, "1")
    first, again, by_number = champion.fetched(), champion.fetched(), champion.fetched("v1")
    assert first == again == by_number and len(downloads) == 1
    assert first.version == "v1" and {p.name for p in first.folder.iterdir()} == {"model.keras", "run.json"}


def test_weights_other_than_the_registered_ones_are_refused(store: Store, downloads: list[str]) -> None:
    store.client.set_registered_model_alias(MODEL, CHAMPION, "1")
    told = champion.fetched().folder / "run.json"
    told.write_text(json.dumps({"model": "unet", "weights_hash": "ef" * 32}))
    with pytest.raises(UserError, match="holds another model"):
        champion.fetched()
