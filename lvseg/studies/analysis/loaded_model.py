"""A trained network from its folder, ready to segment studies."""

import json
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.hashes import weights_hash
from lvseg.data.likeness import Likeness
from lvseg.data.ranges import DataRanges
from lvseg.inference.segmenter import Segmenter, load_segmenter
from lvseg.studies.analysis.result import ModelFacts


@dataclass(frozen=True)
class LoadedModel:
    """A network in memory, with what is known of it.

    Attributes:
        segmenter: the network and how it is asked.
        facts: what the outputs say of it.
        training_ranges: of the patients that it learnt from; None for a model of an early version, whose `run.json`
            does not hold them.
        likeness: what those patients look like; None where they are too few to tell, or for such a model.
    """

    segmenter: Segmenter
    facts: ModelFacts
    training_ranges: DataRanges | None
    likeness: Likeness | None = None


def load_model(folder: Path, facts: ModelFacts) -> LoadedModel:
    """Load the model in a folder that holds `model.keras` and `run.json`.

    Raises:
        UserError: `model.keras` is not a readable network, or its weights are others than `facts` says.
        OSError, ValueError, KeyError: `run.json` is missing or damaged, which `model_facts` finds out before.
    """
    from lvseg.core.backend import keras

    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    ranges = run.get("training_data")
    segmenter = load_segmenter(folder / "model.keras", run["prediction"])
    weights = weights_hash((v.path, keras.ops.convert_to_numpy(v)) for v in segmenter.network.weights)
    if weights != facts.weights:
        raise UserError(
            f"{folder} mixes two trainings: the weights in model.keras are {weights[:12]}, run.json says "
            f"{facts.weights[:12]}: copy both files from one models/<name>"
        )
    alike = (run.get("learnt_from") or {}).get("likeness")
    return LoadedModel(
        segmenter,
        facts,
        DataRanges.read(ranges) if ranges else None,
        Likeness.read(alike) if alike else None,
    )
