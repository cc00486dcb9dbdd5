"""Which runs a comparison takes, and that it refuses what cannot be compared; the command as people call it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Run

from lvseg import params
from lvseg.core.errors import UserError
from tests.tracking.registry.test_promotion import never
from tracking.registry.promotion import promote
from tracking.runs.store import Store
from tracking.scores.comparison import entries, results, synthetic


def test_runs_are_compared_in_the_order_in_which_they_are_named(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    one, two = evaluated(0.8), evaluated(0.9)
    found = results(store, [one.info.run_id[:10], two.info.run_name])
    first, second = entries(store, found)
    assert (first.title, second.title) == (one.info.run_name, two.info.run_name)
    assert first.params["seed"] == "1" and second.params["seed"] == "2" and "parameters" not in first.params
    assert second.costs["parameters"] == 20 and second.costs["training, seconds"] == 4.5
    assert second.patients["dice_mean"].mean() == pytest.approx(0.9)


def test_the_champion_is_marked_and_a_phantom_counted(store: Store, evaluated: Callable[..., Run]) -> None:
    one, two = evaluated(0.9), evaluated(0.8, data="phantom")
    promote(store, one, params.load().promotion, never, Path("models"), named=True)
    first, second = entries(store, results(store, [one.info.run_id, two.info.run_id]))
    assert (first.title, second.title) == (f"{one.info.run_name}, the champion", two.info.run_name)
    assert synthetic(results(store, [one.info.run_id, two.info.run_id])) == 0
    assert synthetic(results(store, [two.info.run_id, one.info.run_id])) == 8, "a run from before the tag"
    store.client.set_tag(one.info.run_id, "lvseg.synthetic", "3")
    assert synthetic(results(store, [one.info.run_id, two.info.run_id])) == 3


def test_what_cannot_be_compared_is_refused_with_the_reason(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    one = evaluated(0.8)
    with pytest.raises(UserError, match="needs two runs"):
        results(store, [])
    with pytest.raises(UserError, match="needs two runs"):
        results(store, [one.info.run_id, one.info.run_name])
    with pytest.raises(UserError, match="no run is called unknown"):
        results(store, [one.info.run_id, "unknown"])
    other = evaluated(0.8, test="u")
    with pytest.raises(UserError, match=f"{one.info.run_name} on tttttttttttt.*on uuuuuuuuuuuu"):
        results(store, [one.info.run_id, other.info.run_id])


def test_without_names_it_takes_the_newest_run_of_each_model_on_the_newest_test_set(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    evaluated(0.99, test="u")
    old, new, other = evaluated(0.7), evaluated(0.8), evaluated(0.9, model="unet")
    for run, dice in ((old, 0.7), (new, 0.8), (other, 0.9)):
        store.client.log_metric(run.info.run_id, "test/dice_patient_mean", dice)
    found = results(store, [])
    assert [result.run.info.run_id for result in found] == [other.info.run_id, new.info.run_id]
