"""One study from its images to its `StudyResult`."""

from collections.abc import Sequence

from lvseg.core.archives import SetAside
from lvseg.dicom import short_axis, stacking
from lvseg.dicom.header import Image
from lvseg.studies.analysis.assessment import assess
from lvseg.studies.analysis.atrial_slices import without_atrial_slices
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.analysis.measurements import measure
from lvseg.studies.analysis.out_of_distribution import out_of_distribution
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.analysis.segmentation import augmentation_disagreement, segment


def analyse_study(
    name: str, images: Sequence[Image], series: str | None, model: LoadedModel
) -> tuple[StudyResult, list[SetAside]]:
    """Find the short-axis cine of a study, segment it, measure it and assess the measurements.

    Args:
        name: of the study in all outputs.
        images: headers of all images of the study, whatever their series.
        series: number, UID or part of the description of the series to take; None lets the program choose.
        model: that segments.

    Returns:
        The result, and those images of the cine that could not be used, with the reason for each.

    Raises:
        UnreadableError: there is no short-axis cine that can be read, or no such series.
    """
    cine, set_aside = stacking.stacked(short_axis.choose(images, series))
    cine, segmentation = without_atrial_slices(cine, segment(model.segmenter, cine))
    measurements = measure(cine, segmentation.contours)
    disagreement = augmentation_disagreement(model.segmenter, cine, segmentation, measurements.ed_and_es)
    unlike = out_of_distribution(model.training_ranges, cine, measurements)
    assessment = assess(cine, measurements, disagreement, unlike)
    result = StudyResult(
        name, cine, segmentation.masks, segmentation.contours, measurements, assessment, model.facts
    )
    return result, set_aside
