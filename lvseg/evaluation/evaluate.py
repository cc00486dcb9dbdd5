"""The stage `evaluate`: every trained model scored on the same test slices; tables, and what the report needs."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lvseg.core.errors import UserError
from lvseg.core.paths.files import atomic_path
from lvseg.data import shards
from lvseg.data.parts.testset import hash_of_test_set
from lvseg.evaluation import kept, summaries, tables
from lvseg.evaluation.plain_json import plain
from lvseg.evaluation.scored import score_model
from lvseg.evaluation.scores.cine import agreements
from lvseg.evaluation.scores.structures import in_short
from lvseg.evaluation.sources import Sources
from lvseg.evaluation.trained_models import trained_models

if TYPE_CHECKING:
    from lvseg.params import Params


def evaluate(reports: Path, scores: Path, sources: Sources, params: "Params") -> list[str]:
    """Score every trained model on the test patients.

    Args:
        reports: folder that gets `metrics.json`, `per_slice.csv`, `per_patient.csv`, `per_structure.csv`, `cine.csv`,
            `by_group.csv` and `plots/dice_by_rank.csv`.
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
    test = sources.select("test", drop)
    if not test.examples:
        raise UserError(
            f"{sources.split} leaves no test slice (left out by flag: {test.left_out or 'none'}): add patients, "
            "raise split.test_fraction or drop fewer flags in quality.drop_from_test"
        )
    with atomic_path(scores) as folder:
        folder.mkdir()
        scored = []
        for model in models:
            results = score_model(model, sources, drop, batch_size)
            kept.write_masks(folder, model.name, results.masks)
            scored.append(results)
        with_flagged = pd.concat([results.slices() for results in scored], ignore_index=True)
        kept.write_slices(folder, with_flagged)
    facts = {
        model.name: {"parameters": model.run["parameters"], "drawn_on_empty": results.drawn_on_empty}
        for model, results in zip(models, scored, strict=True)
    }
    slices = summaries.without_flags(with_flagged, drop)
    patients = pd.concat([results.patients() for results in scored], ignore_index=True)
    structures = pd.concat([results.structures() for results in scored], ignore_index=True)
    cines = pd.DataFrame([row for results in scored for row in results.cines])
    about_test = {
        "empty_slices": len(sources.empty("test", drop)),
        "hash": hash_of_test_set(test.examples),
        "left_out": test.left_out,
        "synthetic": sum(
            shards.read(path).synthetic for path in {example.shard for example in test.examples}
        ),
    }
    metrics = tables.metrics(slices, patients, with_flagged, facts, about_test)
    for name, of_model in metrics["models"].items():
        of_model["cine"] = plain(agreements(cines[cines["model"] == name]), tables.DECIMALS)
        of_model["structures"] = plain(in_short(structures[structures["model"] == name]), tables.DECIMALS)
    for name, rows in {
        "per_slice.csv": slices,
        "per_patient.csv": patients,
        "per_structure.csv": structures,
        "cine.csv": cines,
        "by_group.csv": tables.by_division(slices),
        "plots/dice_by_rank.csv": tables.dice_by_rank(slices),
    }.items():
        with atomic_path(reports / name) as unfinished:
            tables.write_csv(unfinished, rows)
    with atomic_path(reports / "metrics.json") as unfinished:
        tables.write_json(unfinished, metrics)
    return [model.name for model in models]
