"""The stage `evaluate`: every trained model scored on the same test slices; tables, and what the report needs."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lvseg.core.errors import UserError
from lvseg.core.files import atomic_path
from lvseg.data import shards
from lvseg.data.testset import hash_of_test_set
from lvseg.evaluation import kept, summaries, tables
from lvseg.evaluation.scores import SliceScore, drawn_on_empty, scored_predictions, table, trained_models
from lvseg.evaluation.sources import Sources

if TYPE_CHECKING:
    from lvseg.params import Params


def evaluate(reports: Path, scores: Path, sources: Sources, params: "Params") -> list[str]:
    """Score every trained model on the test patients.

    Args:
        reports: folder that gets `metrics.json`, `per_slice.csv`, `per_patient.csv`, `by_group.csv` and
            `plots/dice_by_rank.csv`.
        scores: folder for what the report is made from; see `lvseg.evaluation.kept`.
        sources: where models, shards and split lie.
        params: all parameters.

    Returns:
        The names of the models.

    Raises:
        UserError: no model is trained, or no test slice is left.
    """
    models = trained_models(sources.models)
    drop, batch_size = params.quality.drop_from_test, params.evaluate.batch_size
    every, test = sources.select("test", ()).examples, sources.select("test", drop)
    if not test.examples:
        raise UserError(
            f"{sources.split} leaves no test slice (left out by flag: {test.left_out or 'none'}): add patients, "
            "raise split.test_fraction or drop fewer flags in quality.drop_from_test"
        )
    empty = sources.empty("test", drop)
    by_model: list[pd.DataFrame] = []
    facts: dict[str, dict[str, int]] = {}
    with atomic_path(scores) as folder:
        folder.mkdir()
        for model in models:
            segmenter = model.load()
            scores_of_slices: list[SliceScore] = []
            masks: list[kept.PackedMask] = []
            for score, prediction in scored_predictions(model.name, segmenter, every, batch_size):
                scores_of_slices.append(score)
                masks.append(kept.PackedMask.of(prediction.mask))
            by_model.append(table(scores_of_slices))
            kept.write_masks(folder, model.name, masks)
            facts[model.name] = {
                "parameters": model.run["parameters"],
                "drawn_on_empty": drawn_on_empty(segmenter, empty, batch_size),
            }
        with_flagged = pd.concat(by_model, ignore_index=True)
        kept.write_slices(folder, with_flagged)
    slices = summaries.without_flags(with_flagged, drop)
    patients = summaries.per_patient(slices)
    about_test = {
        "empty_slices": len(empty),
        "hash": hash_of_test_set(test.examples),
        "left_out": test.left_out,
        "synthetic": sum(
            shards.read(path).synthetic for path in {example.shard for example in test.examples}
        ),
    }
    metrics = tables.metrics(slices, patients, with_flagged, facts, about_test)
    for name, rows in {
        "per_slice.csv": slices,
        "per_patient.csv": patients,
        "by_group.csv": tables.by_division(slices),
        "plots/dice_by_rank.csv": tables.dice_by_rank(slices),
    }.items():
        with atomic_path(reports / name) as unfinished:
            tables.write_csv(unfinished, rows)
    with atomic_path(reports / "metrics.json") as unfinished:
        tables.write_json(unfinished, metrics)
    return [model.name for model in models]
