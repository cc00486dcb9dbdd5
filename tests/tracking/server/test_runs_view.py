"""The view that `make mlflow` opens, kept in the experiment as MLflow's pages keep a shared one."""

import json
import re

import pytest

from tracking.runs.store import Store
from tracking.scores.evaluation import _flat
from tracking.server.runs_view import ranking

# By Dice the last run but one is the best; the order of making and every other measure say something else.
SCORES = {
    "dice_slice_mean": (0.7, 0.9, 0.8),
    "dice_patient_mean": (0.9, 0.8, 0.7),
    "dm": (0.9, 0.8, 0.7),
    "apd_mm": (3.0, 2.0, 1.0),
    "good_percent": (90.0, 80.0, 70.0),
    "ef_mae_pp": (3.0, 2.0, 1.0),
}


@pytest.fixture
def ids(store: Store) -> list[str]:
    """Return the ids of three runs with the metrics that an evaluation logs, in the order of their making."""
    made = []
    for number in range(3):
        run_id = store.client.create_run(store.experiment_id, start_time=1000 + number).info.run_id
        scores = {name: values[number] for name, values in SCORES.items()}
        for name, value in _flat({**scores, "patients_with": {"ef_mae_pp": number}}).items():
            store.client.log_metric(run_id, name, value)
        made.append(run_id)
    return made


def test_the_list_of_runs_opens_with_the_best_dice_first(store: Store, ids: list[str]) -> None:
    address = ranking(store)
    assert address == ranking(store)
    assert f"/experiments/{store.experiment_id}/runs?" in address
    key = address.rpartition("viewStateShareKey=")[2]
    tags = store.client.get_experiment(store.experiment_id).tags
    state = json.loads(tags[f"mlflow.sharedViewState.{key}"])
    assert state["orderByKey"] in state["selectedColumns"]
    order = f"{state['orderByKey']} {'ASC' if state['orderByAsc'] else 'DESC'}"
    runs = store.client.search_runs([store.experiment_id], order_by=[order])
    assert [run.info.run_id for run in runs] == [ids[1], ids[2], ids[0]]


def test_every_measure_that_it_shows_is_one_that_an_evaluation_logs(store: Store, ids: list[str]) -> None:
    key = ranking(store).rpartition("viewStateShareKey=")[2]
    tag = store.client.get_experiment(store.experiment_id).tags[f"mlflow.sharedViewState.{key}"]
    shown = re.findall(r"metrics\.`(test/.+?)`", " ".join(json.loads(tag)["selectedColumns"]))
    assert sorted(shown) == sorted(store.client.get_run(ids[0]).data.metrics)
