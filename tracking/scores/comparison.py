"""Evaluated runs against each other: which ones, on what, with which parameters and costs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.comparison.compare import ComparedModel
from lvseg.core.errors import UserError
from tracking.registry.champion_run import champion_run
from tracking.runs.store import Store
from tracking.scores.description import SYNTHETIC
from tracking.scores.results import EvaluatedRun, find_run, result_of
from tracking.server.mlflow_internals import SYSTEM_MEMORY

if TYPE_CHECKING:
    from mlflow.entities import Run

    from lvseg.data.examples import Example
    from lvseg.evaluation.trained_models import TrainedModel


def results(store: Store, names: Sequence[str]) -> list[EvaluatedRun]:
    """Return the results to compare, the one with the best Dice first unless runs are named.

    Args:
        names: runs, in the order in which they are wanted; none: the newest of each model on the newest test set.

    Raises:
        UserError: there are fewer than two, one is unknown or not evaluated, or their test sets differ.
    """
    runs = [find_run(store, name) for name in names] if names else _newest(store)
    if len({run.info.run_id for run in runs}) < 2:
        raise UserError(
            "a comparison needs two runs that were evaluated: name them, or run `make repro` "
            f"(found: {', '.join(run.info.run_name for run in runs) or 'none'})"
        )
    evaluated = [result_of(store, run) for run in runs]
    if len({result.test_hash for result in evaluated}) > 1:
        tested = ", ".join(f"{result.title} on {result.test_hash[:12]}" for result in evaluated)
        raise UserError(
            f"these runs were tested on different slices or contours ({tested}), so their scores say nothing of each "
            "other: evaluate the models on the same data, with `make repro` at one revision, and compare again"
        )
    return evaluated


def entries(store: Store, evaluated: Sequence[EvaluatedRun]) -> list[ComparedModel]:
    """Return what a comparison needs of each result."""
    named = [result.title for result in evaluated]
    champion = champion_run(store)

    def title(result: EvaluatedRun) -> str:
        run_id = result.run.info.run_id
        alone = named.count(result.title) == 1
        is_champion = champion is not None and champion[0].info.run_id == run_id
        return (
            result.title + ("" if alone else f" ({run_id[:6]})") + (", the champion" if is_champion else "")
        )

    return [
        ComparedModel(
            title(result),
            result.patients,
            result.slices,
            {name: value for name, value in result.run.data.params.items() if name != "parameters"},
            _costs(store, result.run),
        )
        for result in evaluated
    ]


def synthetic(evaluated: Sequence[EvaluatedRun]) -> int:
    """Return how many of the test patients are a phantom's; runs of old say the name of their data alone."""
    tags, patients = evaluated[0].run.data.tags, len(evaluated[0].patients)
    return int(tags.get(SYNTHETIC, patients if tags.get("lvseg.data") == "phantom" else 0))


def models(evaluated: Sequence[EvaluatedRun], folder: Path) -> "list[TrainedModel]":
    """Return the networks of the runs, downloaded into `folder`."""
    import json

    from lvseg.evaluation.trained_models import TrainedModel
    from tracking.model.package import downloaded

    loaded = []
    for number, result in enumerate(evaluated):
        home = downloaded(result.run.data.tags["lvseg.model_uri"], folder / str(number))
        run = json.loads((home / "run.json").read_text(encoding="utf-8"))
        loaded.append(TrainedModel(result.title, home, run))
    return loaded


def test_slices(test_hash: str, drop: tuple[str, ...]) -> "list[Example]":
    """Return the test slices in `data/`, or none if they are not those of the hash."""
    from lvseg.data.parts.testset import hash_of_test_set
    from lvseg.evaluation.sources import Sources

    sources = Sources()
    if not (sources.shards.is_dir() and sources.split.is_file()):
        return []
    examples = sources.select("test", drop).examples
    return examples if hash_of_test_set(examples) == test_hash else []


def _newest(store: Store) -> "list[Run]":
    """Return the newest evaluated run of each model on the test set of the newest of all, by Dice."""
    runs = store.client.search_runs(
        [store.experiment_id], "tags.`lvseg.test_hash` != ''", order_by=["attributes.start_time DESC"]
    )
    latest: dict[str, Run] = {}
    for run in runs:
        if run.data.tags["lvseg.test_hash"] == runs[0].data.tags["lvseg.test_hash"]:
            latest.setdefault(run.data.tags["lvseg.model"], run)
    return sorted(latest.values(), key=lambda run: -run.data.metrics.get("test/dice_patient_mean", 0))


def _costs(store: Store, run: "Run") -> dict[str, float]:
    """Return what a training cost, as far as its run knows."""
    costs = {"parameters": float(run.data.params["parameters"])}
    if "train_seconds" in run.data.metrics:
        costs["training, seconds"] = run.data.metrics["train_seconds"]
    memory = [entry.value for entry in store.client.get_metric_history(run.info.run_id, SYSTEM_MEMORY)]
    if memory:
        costs["memory in use on its machine, MB"] = max(memory)
    return costs
