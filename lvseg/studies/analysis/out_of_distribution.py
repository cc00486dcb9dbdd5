"""Whether a study is beyond what its model knows: unlike all patients that it learnt from."""

import numpy as np

from lvseg.data.likeness import Pair, features_of
from lvseg.data.ranges import brightness, geometry
from lvseg.dicom.stacks.cine import Cine
from lvseg.inference.segmentation import Segmentation
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.analysis.measurements import Measurements


def out_of_distribution(
    model: LoadedModel, cine: Cine, segmentation: Segmentation, measurements: Measurements
) -> list[str]:
    """Return a sentence for each way in which a study is beyond what its model knows.

    Args:
        model: that segmented it. Of a model that does not say what it learnt from, nothing is known to be usual.
        cine: what was segmented.
        segmentation: of that cine.
        measurements: of that cine.
    """
    facts = model.facts
    synthetic = all(frame.image.synthetic for frame in cine.frames)
    sentences = []
    if facts.learnt_from is None:
        sentences.append("The model does not say what it learnt from.")
    elif facts.synthetic == facts.learnt_from:
        sentences.append("The model learnt from synthetic hearts alone: it has never seen a patient.")
    elif synthetic:
        sentences.append("These images were drawn, not scanned; the model learnt from patients.")
    if model.training_ranges:
        sentences += model.training_ranges.strange(study_values(cine, measurements))
    if model.likeness:
        sentences += model.likeness.strange(study_features(cine, segmentation, measurements))
    return sentences


def study_values(cine: Cine, measurements: Measurements) -> dict[str, float]:
    """Return the values that are compared, by the names of `lvseg.data.ranges.WORDS`; NaN for the unknown."""
    rows, columns = cine.pixels.shape[1:]
    return (
        brightness(cine.pixels)
        | geometry((rows, columns), cine.spacing_mm, cine.distance_mm)
        | {"edv_ml": measurements.edv_ml, "ef_percent": measurements.ef_percent}
    )


def study_features(cine: Cine, segmentation: Segmentation, measurements: Measurements) -> tuple[float, ...]:
    """Return what a study looks like where the model saw a cavity, see `lvseg.data.likeness`; NaN for the unknown."""
    if measurements.ed_phase is None or measurements.es_phase is None:
        return features_of([])
    pairs = []
    for slice_ in range(1, cine.slices + 1):
        ed, es = (cine.at[slice_, phase] for phase in (measurements.ed_phase, measurements.es_phase))
        mask = np.asarray(segmentation.masks[ed])
        pairs.append(Pair(cine.pixels[ed], cine.pixels[es], mask, cine.spacing_mm))
    return features_of(pairs)
