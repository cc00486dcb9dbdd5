"""Which run the champion came from, marked where people look: in the list of runs and in comparisons."""

from typing import TYPE_CHECKING

from tracking.registry.versions import CHAMPION, alias_of, number_of
from tracking.runs import mlflow_runs
from tracking.runs.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

MARK = "lvseg.champion"  # tag of a run: the version that it is


def champion_run(store: Store) -> "tuple[Run, str] | None":
    """Return the run with the weights of the champion, and its version such as `v3`; None where there is none."""
    champion = alias_of(store, CHAMPION)
    if champion is None:
        return None
    made_by = [champion.tags.get(f"lvseg.{name}", "") for name in ("fingerprint", "weights_hash")]
    run = mlflow_runs.find(store, *made_by)
    return run and (run, f"v{number_of(champion)}")


def mark_champion(store: Store) -> None:
    """Let the run of the champion, and no other, bear its mark; who moved the alias does not matter."""
    champion = champion_run(store)
    marked = store.client.search_runs([store.experiment_id], f"tags.`{MARK}` != ''")
    for run in marked:
        if champion is None or run.info.run_id != champion[0].info.run_id:
            store.client.delete_tag(run.info.run_id, MARK)
    if champion and champion[0].data.tags.get(MARK) != champion[1]:
        store.client.set_tag(champion[0].info.run_id, MARK, champion[1])
