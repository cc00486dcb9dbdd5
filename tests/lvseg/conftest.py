"""Fixtures of whole studies, with a network that takes what is bright for the cavity."""

from pathlib import Path

import pytest

from lvseg.studies.analysis.loaded_model import LoadedModel, load_model
from lvseg.studies.cohort.order import model_facts
from tests.lvseg.studies.hearts import bright_model


@pytest.fixture(scope="session")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model that takes what is bright for the cavity."""
    return bright_model(tmp_path_factory.mktemp("models") / "bright")


@pytest.fixture(scope="session")
def model(bright: Path) -> LoadedModel:
    """Return that model, loaded."""
    return load_model(bright, model_facts(bright))
