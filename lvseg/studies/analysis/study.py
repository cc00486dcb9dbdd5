"""One study from its images to masks and measurements."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.archives import SetAside
from lvseg.core.backend import keras
from lvseg.core.errors import UserError
from lvseg.core.hashes import weights_hash
from lvseg.data.ranges import DataRanges
from lvseg.dicom import short_axis, stacking
from lvseg.dicom.header import Image
from lvseg.inference.segmenter import Segmenter, load_segmenter
from lvseg.studies.analysis import assessment, atrium, comparable, drawing, measurements
from lvseg.studies.analysis.result import ModelFacts, StudyResult


@dataclass(frozen=True)
class Model:
    """A network that is ready to segment, what is said of it, and the data that it learnt from."""

    segmenter: Segmenter
    facts: ModelFacts
    reference: DataRanges | None


def load(folder: Path, facts: ModelFacts) -> Model:
    """Load the model in a folder; one that was trained by an earlier version does not know its training data.

    Raises:
        UserError: it cannot be read, or its weights are others than `facts` says.
    """
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    known = told.get("training_data")
    segmenter = load_segmenter(folder / "model.keras", told["prediction"])
    held = weights_hash((v.path, keras.ops.convert_to_numpy(v)) for v in segmenter.network.weights)
    if held != facts.weights:
        raise UserError(
            f"{folder} mixes two trainings: the weights in model.keras are {held[:12]}, run.json says "
            f"{facts.weights[:12]}: copy both files from one models/<name>"
        )
    return Model(segmenter, facts, DataRanges.read(known) if known else None)


def segmented(
    name: str, images: Sequence[Image], series: str | None, model: Model
) -> tuple[StudyResult, list[SetAside]]:
    """Return a study segmented and measured, and the files that were not used.

    Args:
        name: of the study in all outputs.
        images: of the study, all series.
        series: that the user asks for, or None.
        model: that draws.

    Raises:
        UnreadableError: there is no short-axis cine that can be read.
    """
    cine, aside = stacking.stacked(short_axis.choose(images, series))
    cine, drawn = atrium.without_atrium(cine, drawing.draw(model.segmenter, cine))
    measured = measurements.measure(cine, drawn)
    ends = tuple(phase for phase in (measured.ed_phase, measured.es_phase) if phase)
    apart = drawing.disagreement(model.segmenter, cine, drawn, ends) if ends else float("nan")
    strange = model.reference.strange(comparable.described(cine, measured)) if model.reference else []
    assessed = assessment.assess(cine, measured, apart, strange)
    return StudyResult(name, cine, drawn.masks, drawn.contours, measured, assessed, model.facts), aside
