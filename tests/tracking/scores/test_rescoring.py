"""A model of before on the patients of today: taken out of its run, scored with its network, kept there."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

from lvseg import params
from lvseg.core.errors import UserError
from lvseg.core.hashes import sha256_text
from lvseg.data import shards
from lvseg.data.parts.testset import hash_of_test_set
from lvseg.evaluation.sources import Sources
from lvseg.evaluation.summaries import per_patient
from tests.lvseg.evaluation import scored
from tests.lvseg.models.tiny_models import blank_model, save_trained, threshold_model
from tests.tracking.conftest import EXPERIMENT
from tracking.model import package
from tracking.registry.promotion import promote
from tracking.runs import mlflow_runs
from tracking.runs.record import Record
from tracking.runs.store import Store
from tracking.scores import rescoring
from tracking.scores.rescoring import rescored
from tracking.scores.results import PATIENTS, SLICES


@pytest.fixture
def logged(store: Store, tmp_path: Path) -> Callable[..., Run]:
    """Return what logs a network that was evaluated on two patients of a test set that is no more."""

    def make(name: str, network: object, test_hash: str = "o" * 64) -> Run:
        save_trained(tmp_path / "models", name, network)
        kinds = ("fingerprint", "weights_hash", "shards_hash", "split_hash", "code_hash")
        hashes = dict.fromkeys(kinds, sha256_text(name))
        facts = {"model": name, "test_hash": test_hash, "git_commit": "c" * 40, "git_dirty": "false"} | hashes
        tags = {f"lvseg.{key}": value for key, value in facts.items()}
        record = Record(EXPERIMENT, name, f"train-{name}", name * 4, {}, tags, {})
        run_id = mlflow_runs.create(store, record).info.run_id
        uri = package.log_model(tmp_path / "models" / name, record, store, run_id, 2).model_uri
        store.client.set_tag(run_id, "lvseg.model_uri", uri)
        store.client.log_param(run_id, "parameters", "4")
        slices = scored.slices({"P-05": ("N", 0.5), "P-06": ("N", 0.5)})
        for path, table in ((PATIENTS, per_patient(slices)), (SLICES, slices)):
            table.to_csv(tmp_path / Path(path).name, index=False)
            store.client.log_artifact(run_id, str(tmp_path / Path(path).name), "evaluation")
        return store.client.get_run(run_id)

    return make


def present() -> str:
    """Return the hash of the test set in data/."""
    return hash_of_test_set(Sources().select("test", params.load().quality.drop_from_test).examples)


def test_the_network_itself_is_scored_and_the_scores_stay_with_its_run(
    store: Store, logged: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing, blind = logged("seeing", threshold_model()), logged("blind", blank_model())
    first = rescored(store, seeing, present())
    assert first["patient"].tolist() == ["P-05", "P-06"] and (first["dice_mean"] > 0.99).all()
    assert (rescored(store, blind, present())["dice_mean"] == 0).all()
    kept = f"{rescoring.FOLDER}/{present()[:12]}/per_patient.csv"
    path = store.client.download_artifacts(seeing.info.run_id, kept)
    assert pd.read_csv(path)["dice_mean"].tolist() == first["dice_mean"].tolist()
    shutil.rmtree("data")
    monkeypatch.setattr(package, "downloaded", None)
    again = rescored(store, seeing, Path(kept).parent.name)
    pd.testing.assert_frame_equal(again, first, check_dtype=False)


def test_data_of_another_test_set_is_refused(store: Store, logged: Callable[..., Run]) -> None:
    run = logged("seeing", threshold_model())
    with pytest.raises(UserError, match="does not hold the one of uuuuuuuuuuuu"):
        rescored(store, run, "u" * 64)
    path = Path("data/shards/P-05.npz")
    wanted, shard = present(), shards.read(path)
    shards.write(path, replace(shard, contour_points=shard.contour_points + np.float64(0.5)))
    with pytest.raises(UserError, match="make repro"):
        rescored(store, run, wanted)
    shutil.rmtree("data")
    with pytest.raises(UserError, match="dvc repro split"):
        rescored(store, run, wanted)
    assert not store.client.list_artifacts(run.info.run_id, rescoring.FOLDER)


def test_old_figures_of_a_champion_do_not_count_on_new_patients(
    store: Store, logged: Callable[..., Run]
) -> None:
    """By the old figures, 0.5 of Dice, both would be equal."""
    rules = params.load().promotion
    assert promote(
        store, logged("seeing", threshold_model()), rules, rescored, Path("models"), named=False
    ).promoted
    found = promote(
        store, logged("blind", blank_model(), present()), rules, rescored, Path("models"), named=False
    )
    assert not found.promoted and found.champion.endswith("v1")
    assert "lose 0.5" in found.reason
