"""The stage `evaluate`: every trained model scored on the same test slices; tables, and what the report needs."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lvseg.core.errors import UserError
from lvseg.core.files import atomic_path
from lvseg.data import shards
from lvseg.data.drawn_frames import load
from lvseg.data.examples import Example
from lvseg.data.testset import hash_of_test_set
from lvseg.evaluation import kept, summaries, tables
from lvseg.evaluation.cine import agreements, cine_volumes
from lvseg.evaluation.plain_json import plain
from lvseg.evaluation.scores import SegmentedPatient, SliceScore, score_of, segmented, table, trained_models
from lvseg.evaluation.sources import Sources
from lvseg.evaluation.structures import StructureScore, by_patient, in_short, structure_scores

if TYPE_CHECKING:
    from lvseg.params import Params


@dataclass
class Scored:
    """What is known of one model after a number of patients.

    Attributes:
        slices: the scores of the cavity on each slice that has one.
        masks: the predicted cavities of the same slices.
        structures: the scores of every structure.
        cines: a row of volumes for each patient.
        drawn_on_empty: on how many slices that hold no cavity it draws one.
    """

    slices: list[SliceScore] = field(default_factory=list)
    masks: list[kept.PackedMask] = field(default_factory=list)
    structures: list[StructureScore] = field(default_factory=list)
    cines: list[dict[str, Any]] = field(default_factory=list)
    drawn_on_empty: int = 0

    def add(self, model: str, patient: SegmentedPatient, empty: Collection[Example]) -> None:
        """Take in what a model draws in the stack of one patient; `empty` are slices that hold no cavity."""
        for example, prediction in patient.predictions():
            if example in empty:
                self.drawn_on_empty += int(prediction.mask.any())
            if example.mask is None:
                continue
            frame = load(example)
            self.structures += structure_scores(model, example, frame, prediction)
            if example.cavity:
                self.slices.append(score_of(model, example, frame, prediction))
                self.masks.append(kept.PackedMask.of(prediction.mask))
        about = {"model": model, "patient": str(patient.shard.patient)}
        self.cines.append(about | cine_volumes(patient.shard, patient.stack, patient.segmentation))


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
    empty = frozenset(sources.empty("test", drop))
    everything = sorted(sources.everything("test"), key=lambda example: example.shard)  # stable
    scored = [Scored() for _ in models]
    facts: dict[str, dict[str, int]] = {}
    with atomic_path(scores) as folder:
        folder.mkdir()
        for model, results in zip(models, scored, strict=True):
            for patient in segmented(model.load(), everything, batch_size):
                results.add(model.name, patient, empty)
            kept.write_masks(folder, model.name, results.masks)
            facts[model.name] = {
                "parameters": model.run["parameters"],
                "drawn_on_empty": results.drawn_on_empty,
            }
        with_flagged = pd.concat([table(results.slices) for results in scored], ignore_index=True)
        kept.write_slices(folder, with_flagged)
    slices = summaries.without_flags(with_flagged, drop)
    patients = summaries.per_patient(slices)
    structures = by_patient(
        [
            score
            for results in scored
            for score in results.structures
            if set(drop).isdisjoint(score.flags.split())
        ]
    )
    cines = pd.DataFrame([row for results in scored for row in results.cines])
    about_test = {
        "empty_slices": len(empty),
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
