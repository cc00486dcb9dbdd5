"""The view that `make mlflow` opens, kept in the experiment as MLflow's pages keep a shared one."""

import json
from pathlib import Path

from tests.tracking import stub
from tests.tracking.conftest import EXPERIMENT
from tracking.runs.store import open_store
from tracking.server.runs_view import ranking


def test_the_list_of_runs_opens_ranked_by_figures_that_runs_have(project: Path) -> None:
    stub.run_stage()
    store = open_store(EXPERIMENT)
    address = ranking(store)
    assert address == ranking(store)
    assert f"/experiments/{store.experiment_id}/runs?" in address
    key = address.rpartition("viewStateShareKey=")[2]
    tags = store.client.get_experiment(store.experiment_id).tags
    state = json.loads(tags[f"mlflow.sharedViewState.{key}"])
    assert state["orderByKey"] in state["selectedColumns"] and not state["orderByAsc"]
    runs = store.client.search_runs([store.experiment_id], order_by=[f"{state['orderByKey']} DESC"])
    assert len(runs) == 1
