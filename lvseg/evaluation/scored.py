"""Everything that an evaluation knows of one model, gathered patient by patient."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lvseg.data.drawn_frames import load
from lvseg.data.examples import Example
from lvseg.evaluation import kept, summaries
from lvseg.evaluation.predictions import SegmentedPatient, segmented
from lvseg.evaluation.scores.cine import cine_volumes
from lvseg.evaluation.scores.slices import Comparison, SliceScore, score_of, table
from lvseg.evaluation.scores.structures import StructureScore, by_patient, structure_scores
from lvseg.evaluation.sources import Sources
from lvseg.evaluation.trained_models import TrainedModel


@dataclass
class ScoredModel:
    """One model on a test set.

    Attributes:
        name: of the model.
        drop: flags that keep a slice out of the test.
        slice_scores: of the cavity on each slice that has one, those with flags too.
        masks: the predicted cavities of the same slices.
        structure_scores: of every structure.
        cines: a row of volumes for each patient of whom contours count.
        drawn_on_empty: on how many slices that hold no cavity it draws one.
    """

    name: str
    drop: tuple[str, ...]
    slice_scores: list[SliceScore] = field(default_factory=list)
    masks: list[kept.PackedMask] = field(default_factory=list)
    structure_scores: list[StructureScore] = field(default_factory=list)
    cines: list[dict[str, Any]] = field(default_factory=list)
    drawn_on_empty: int = 0

    def add(self, patient: SegmentedPatient, empty: Collection[Example]) -> None:
        """Take in what the model draws in the stack of one patient; `empty` are slices that hold no cavity."""
        for example, prediction in patient.predictions():
            if example in empty:
                self.drawn_on_empty += int(prediction.mask.any())
            if example.mask is None:
                continue
            comparison = Comparison(load(example), prediction)
            self.structure_scores += structure_scores(self.name, example, comparison)
            if example.cavity:
                self.slice_scores.append(score_of(self.name, example, comparison))
                self.masks.append(kept.PackedMask.of(prediction.mask))
        if not any(one.cavity and set(self.drop).isdisjoint(one.flags) for one in patient.examples):
            return  # what the expert drew of him cannot be believed, nor can his volumes
        about = {"model": self.name, "patient": str(patient.shard.patient)}
        self.cines.append(about | cine_volumes(patient.shard, patient.stack, patient.segmentation))

    def slices(self) -> pd.DataFrame:
        """Return a row per slice, those with flags too."""
        return table(self.slice_scores)

    def structures(self) -> pd.DataFrame:
        """Return a row per patient and structure; see `lvseg.evaluation.scores.structures.by_patient`."""
        counted = [one for one in self.structure_scores if set(self.drop).isdisjoint(one.flags.split())]
        return by_patient(counted)

    def patients(self) -> pd.DataFrame:
        """Return a row per patient: see `summaries.per_patient`, and `dice_<structure>` of all but the cavity."""
        patients = summaries.per_patient(summaries.without_flags(self.slices(), self.drop))
        others = self.structures()
        if not others.empty:
            others = others[others["structure"] != "cavity"]
            wide = others.pivot(index="patient", columns="structure", values="dice_mean").add_prefix("dice_")
            patients = patients.merge(wide.reset_index(), how="left", on="patient")
        return patients


def score_model(model: TrainedModel, sources: Sources, drop: tuple[str, ...], batch_size: int) -> ScoredModel:
    """Score a trained model on the test patients.

    Args:
        model: on disk.
        sources: where shards and split lie.
        drop: flags that keep a slice out of the test.
        batch_size: frames that the network is shown at once.

    Raises:
        UserError: the model or an image cannot be used.
    """
    scored = ScoredModel(model.name, drop)
    empty = frozenset(sources.empty("test", drop))
    everything = sorted(sources.everything("test"), key=lambda example: example.shard)  # stable
    for patient in segmented(model.load(), everything, batch_size):
        scored.add(patient, empty)
    return scored
