"""One study from its images to its `StudyResult`."""

from collections.abc import Sequence
from dataclasses import replace

from lvseg.core.paths.archives import SetAside
from lvseg.dicom.image import Image
from lvseg.dicom.stacks import short_axis, stacking
from lvseg.dicom.stacks.cine import Cine
from lvseg.inference.stack_of import stack_of_cine
from lvseg.inference.stacks import segment
from lvseg.nifti import stacking as volumes
from lvseg.nifti.volume_files import VolumeFiles
from lvseg.studies.analysis.assessment import assess
from lvseg.studies.analysis.augmentation import augmentation_disagreement
from lvseg.studies.analysis.body import NOBODY, Body, body_of, body_said
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.analysis.measurements import measure
from lvseg.studies.analysis.out_of_distribution import out_of_distribution
from lvseg.studies.analysis.result import StudyResult


def analyse_study(
    name: str,
    images: Sequence[Image],
    set_aside: Sequence[SetAside],
    series: str | None,
    model: LoadedModel,
    stated_body: Body = NOBODY,
) -> StudyResult:
    """Find the short-axis cine of a study, segment it, measure it and assess the measurements.

    Args:
        name: of the study in all outputs.
        images: headers of all images of the study, whatever their series.
        set_aside: the study's files that hold no image; the result lists them, too.
        series: number, UID or part of the description of the series to take; None lets the program choose.
        model: that segments.
        stated_body: what the user says of the patient's size.

    Raises:
        UnreadableError: there is no short-axis cine that can be read, or no such series.
    """
    cine, unused = stacking.stacked(short_axis.choose(images, series))
    body = body_of(cine.frames[0].image.item, stated_body)
    return _analysed(name, cine, body, model, (*set_aside, *unused))


def analyse_volumes(
    name: str,
    files: VolumeFiles,
    set_aside: Sequence[SetAside],
    series: str | None,
    model: LoadedModel,
    stated_body: Body = NOBODY,
) -> StudyResult:
    """Do the same with a study whose images are NIfTI volumes.

    Args:
        name: as above.
        files: of the patient.
        set_aside: as above.
        series: number of a file among several, in the order of names, or a part of its name; None lets the program
            choose.
        model: as above.
        stated_body: as above.

    Raises:
        UnreadableError: as above.
    """
    cine, volume, unused = volumes.stacked(files, series)
    body = body_said(files.height_cm, files.weight_kg, files.sex, stated_body)
    return replace(_analysed(name, cine, body, model, (*set_aside, *unused)), volume=volume)


def _analysed(
    name: str, cine: Cine, body: Body, model: LoadedModel, set_aside: tuple[SetAside, ...]
) -> StudyResult:
    stack = stack_of_cine(cine)
    segmentation = segment(model.segmenter, stack)
    cine = replace(
        cine,
        notes=(*cine.notes, *map(_atrial, segmentation.atrial)),
        doubts=(*cine.doubts, *map(_cut, segmentation.cut)),
    )
    measurements = measure(cine, segmentation.outlines, body)
    disagreement = augmentation_disagreement(model.segmenter, stack, segmentation, measurements.ed_and_es)
    unlike = out_of_distribution(model, cine, segmentation, measurements)
    assessment = assess(cine, measurements, disagreement, unlike)
    return StudyResult(
        name=name,
        cine=cine,
        labels=segmentation.labels,
        outlines=segmentation.outlines,
        measurements=measurements,
        assessment=assessment,
        model=model.facts,
        set_aside=set_aside,
    )


def _atrial(slice_: int) -> str:
    return (
        f"Slice {slice_}, at the wide end, does not empty as a ventricle does: it is taken for the atrium and counts "
        "nothing."
    )


def _cut(slice_: int) -> str:
    return f"What is drawn in slice {slice_} reaches the edge of what the network looked at: a part may be missing."
