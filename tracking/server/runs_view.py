"""The list of runs as MLflow's pages should open it: ranked, with the columns that tell models apart."""

import sys

from tracking.runs.required import required_store
from tracking.runs.store import Store
from tracking.server.mlflow_internals import shared_view

_KEY = "ranking"
_COLUMNS = (
    "metrics.`test/dice`", "metrics.`test/dice_patient_mean`", "metrics.`test/dm`", "metrics.`test/apd_mm`",
    "metrics.`test/good_percent`", "metrics.`test/ef_mae`", "metrics.`test/patients_with/ef_mae`",
    "metrics.`train_seconds`", "params.`parameters`", "tags.`lvseg.champion`", "tags.`lvseg.synthetic`",
    "tags.`lvseg.pipeline`",
)  # fmt: skip


def ranking(store: Store) -> str:
    """Keep the view in the experiment, and return its address on any server of this store, from `#` on."""
    tag, state, address = shared_view(store.experiment_id, _KEY, _COLUMNS)
    if store.client.get_experiment(store.experiment_id).tags.get(tag) != state:
        store.client.set_experiment_tag(store.experiment_id, tag, state)
    return address


if __name__ == "__main__":
    from tracking.registry.champion_run import mark_champion

    opened = required_store()
    mark_champion(opened)  # the alias may have been moved by hand
    sys.stdout.write(ranking(opened))
