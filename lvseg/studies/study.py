"""One study from its images to masks and measurements."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvseg.prediction import Segmenter, load_segmenter
from lvseg.reading.archives import SetAside
from lvseg.reading.dicom import Image
from lvseg.reference import Reference
from lvseg.studies import assessment, atrium, drift, measuring, segmenting, shortaxis, stacking
from lvseg.studies.result import ModelFacts, Result


@dataclass(frozen=True)
class Model:
    """A network that is ready to segment, what is said of it, and the data that it learnt from."""

    segmenter: Segmenter
    facts: ModelFacts
    reference: Reference | None


def load(folder: Path, facts: ModelFacts) -> Model:
    """Load the model in a folder; one that was trained by an earlier version does not know its training data.

    Raises:
        UserError: it cannot be read.
    """
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    known = told.get("training_data")
    segmenter = load_segmenter(folder / "model.keras", told["prediction"])
    return Model(segmenter, facts, Reference.read(known) if known else None)


def segmented(
    name: str, images: Sequence[Image], series: str | None, model: Model
) -> tuple[Result, list[SetAside]]:
    """Return a study segmented and measured, and the files that were not used.

    Args:
        name: of the study in all outputs.
        images: of the study, all series.
        series: that the user asks for, or None.
        model: that draws.

    Raises:
        UnreadableError: there is no short-axis cine that can be read.
    """
    cine, aside = stacking.stacked(shortaxis.choose(images, series))
    cine, drawn = atrium.without_atrium(cine, segmenting.draw(model.segmenter, cine))
    measured = measuring.measure(cine, drawn)
    ends = tuple(phase for phase in (measured.ed_phase, measured.es_phase) if phase)
    apart = segmenting.disagreement(model.segmenter, cine, drawn, ends) if ends else float("nan")
    strange = model.reference.strange(drift.described(cine, measured)) if model.reference else []
    assessed = assessment.assess(cine, measured, apart, strange)
    return Result(name, cine, drawn.masks, drawn.contours, measured, assessed, model.facts), aside
