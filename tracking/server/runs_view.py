"""The list of runs as MLflow's pages should open it: ranked, with the columns that tell models apart."""

import json
import sys

from tracking.runs.required import required_store
from tracking.runs.store import Store

_KEY = "ranking"
_COLUMNS = (
    "metrics.`test/dice`", "metrics.`test/dice_patient_mean`", "metrics.`test/dm`", "metrics.`test/apd_mm`",
    "metrics.`test/good_percent`", "metrics.`test/ef_mae`", "metrics.`train_seconds`", "params.`parameters`",
    "tags.`lvseg.pipeline`",
)  # fmt: skip
# What MLflow's own button "share" keeps of a view in a tag of the experiment.
_STATE = {
    "searchFilter": "",
    "orderByKey": "metrics.`test/dice`",
    "orderByAsc": False,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "modelVersionFilter": "All Runs",
    "datasetsFilter": [],
    "selectedColumns": list(_COLUMNS),
    "runsExpanded": {},
    "runsPinned": [],
    "runsHidden": [],
    "runListHidden": False,
    "viewMaximized": False,
    "isAccordionReordered": False,
    "groupBy": None,
    "groupsExpanded": {},
    "autoRefreshEnabled": False,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "globalLineChartConfig": {},
    "runsHiddenMode": "FIRST_10_RUNS",
    "runsVisibilityMap": {},
    "compareRunCharts": [],
    "compareRunSections": [],
    "chartsSearchFilter": "",
}


def ranking(store: Store) -> str:
    """Keep the view in the experiment, and return its address on any server of this store, from `#` on."""
    tag, state = f"mlflow.sharedViewState.{_KEY}", json.dumps(_STATE)
    if store.client.get_experiment(store.experiment_id).tags.get(tag) != state:
        store.client.set_experiment_tag(store.experiment_id, tag, state)
    return f"#/experiments/{store.experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={_KEY}"


if __name__ == "__main__":
    sys.stdout.write(ranking(required_store()))
