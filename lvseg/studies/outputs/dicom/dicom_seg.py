"""Masks as a DICOM Segmentation object, which viewers and archives file with the study that they belong to.

Each structure at each phase is a segment of its own: viewers take all frames of a segment for one volume, so phases
that shared a segment would lie on top of one another. The segments of a structure share one tracking identifier, since
they are the same body.
"""

import copy
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import MRImageStorage

from lvseg.core.paths.files import atomic_path
from lvseg.dicom.image import Image
from lvseg.dicom.tolerance import tolerant
from lvseg.imaging.structures import Structure
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs.dicom.deidentification import state_profile, with_keyed_uids
from lvseg.studies.outputs.dicom.source_headers import source_headers

_VENTRICLE = Code("87878005", "SCT", "Left ventricle")
# Of each structure: its name in labels, what it is and where. SNOMED CT names a ventricle with its wall, the
# Foundational Model of Anatomy its cavity alone. `lvseg.labels.sources.structures` reads these codes.
_STRUCTURES = {
    Structure.CAVITY: ("LV cavity", Code("FMA9466", "FMA", "Cavity of left ventricle"), _VENTRICLE),
    Structure.MYOCARDIUM: (
        "LV myocardium",
        Code("49848007", "SCT", "Myocardium of left ventricle"),
        _VENTRICLE,
    ),
    Structure.RIGHT_VENTRICLE: (
        "RV cavity",
        Code("FMA9291", "FMA", "Cavity of right ventricle"),
        Code("53085002", "SCT", "Right ventricle"),
    ),
}
_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
_AI = Code("123110", "DCM", "Artificial Intelligence")
_SERIES = 9300  # far from what scanners number
_MAKER = "lvseg"
# Of an object whose source has no date: it must have one, and no clock may enter it.
_NO_DATE, _NO_TIME = "19000101", "000000"
_SERIAL_DIGITS, _VERSION_DIGITS = 16, 12  # of the hash of the weights: enough to tell models apart
_UID_BYTES = 16  # of a UUID, which is what follows 2.25 (PS3.5 B.2)
_SAME_DIRECTION = (
    1e-4  # of a direction's components, which headers round; a thousandth of a mm across a heart
)
_POSITION_DECIMALS = 3  # of mm: positions that differ in less are one


def write(path: Path, result: StudyResult, phases: Sequence[int], deidentified: bool = False) -> str | None:
    """Write the masks of some phases as one object; the same result gives the same bytes.

    Args:
        path: of the file.
        result: the study.
        phases: from 1; those without any mask are left out, for a segment may not be empty.
        deidentified: the object says nothing of the patient (`deidentification`).

    Returns:
        Why nothing was written, or None: there is no mask, the source does not say where its images lie, or its
        header is beyond what the standard allows.
    """
    cine = result.cine
    images = [frame.image for frame in cine.frames]
    if any(image.position is None or image.normal is None or not image.spacing for image in images):
        return "the files do not say where the images lie"
    slices = range(1, cine.slices + 1)
    segmented = [
        (phase, structure)
        for phase in phases
        for structure in result.outlines
        if any((result.labels[cine.at[slice_, phase]] == structure).any() for slice_ in slices)
    ]
    if not segmented:
        return "there is no mask"
    first, _ = segmented[0]  # whose images say where the slices lie
    if len({_place(cine.frames[cine.at[slice_, first]].image.position) for slice_ in slices}) < cine.slices:
        return "the files give several slices one position"
    try:
        with tolerant(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they repeat names of patients
            segmentation = _object(
                with_keyed_uids(result) if deidentified else result, segmented, deidentified
            )
    except Exception as error:  # headers of strangers break rules that highdicom holds, in any way
        return f"the header of the source does not allow it ({type(error).__name__})"
    with tolerant(), atomic_path(path) as temporary:
        segmentation.save_as(temporary)
    return None


def _object(result: StudyResult, segments: Sequence[tuple[int, Structure]], deidentified: bool) -> Dataset:
    """Return the object with a segment for each pair of phase and structure, none of which is empty."""
    from highdicom import PixelMeasuresSequence, PlaneOrientationSequence, PlanePositionSequence
    from highdicom.seg import Segmentation

    cine = result.cine
    slices = range(1, cine.slices + 1)
    phases = sorted({phase for phase, _ in segments})
    used = sorted({cine.at[slice_, phase] for slice_ in slices for phase in phases})
    images = [cine.frames[position].image for position in used]
    planes = [cine.frames[cine.at[slice_, phases[0]]].image for slice_ in slices]
    drawn = [
        name for structure, (name, *_) in _STRUCTURES.items() if any(structure is of for _, of in segments)
    ]
    identity = [result.model.weights, phases, sorted({image.sop_uid for image in images})]
    # Of one phase: frames are found by where they lie, and `_refer` lets each refer to its own image.
    sources = source_headers(planes, lambda kind: _uid(kind, identity), deidentified)
    segmentation = Segmentation(
        source_images=sources,
        pixel_array=np.stack(
            [
                np.stack([result.labels[cine.at[slice_, phase]] == of for phase, of in segments], axis=-1)
                for slice_ in slices
            ]
        ).astype(bool),
        segmentation_type="BINARY",
        segment_descriptions=[_segment(result, n, *one, identity) for n, one in enumerate(segments, 1)],
        series_instance_uid=_uid("series", identity),
        series_number=_SERIES,
        sop_instance_uid=_uid("instance", identity),
        instance_number=1,
        manufacturer=_MAKER,
        manufacturer_model_name=result.model.name,
        software_versions=(result.model.code,),
        device_serial_number=result.model.weights[:_SERIAL_DIGITS],
        content_label="HEART" if len(drawn) > 1 else "LV_CAVITY",
        content_description="Structures of the heart" if len(drawn) > 1 else "Cavity of the left ventricle",
        series_description=f"{', '.join(drawn)}, {result.model.words}",
        plane_positions=[
            PlanePositionSequence("PATIENT", image_position=image.position or ()) for image in planes
        ],
        plane_orientation=PlaneOrientationSequence("PATIENT", image_orientation=planes[0].orientation or ()),
        pixel_measures=PixelMeasuresSequence(
            pixel_spacing=cine.spacing_mm,
            slice_thickness=_thickness(result),
            spacing_between_slices=cine.distance_mm if np.isfinite(cine.distance_mm) else None,
        ),
    )
    positions = {_place(image.position): slice_ for slice_, image in zip(slices, planes, strict=True)}
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        # What all frames have in common, the one segment or the one slice, is said once.
        place = group.get("PlanePositionSequence") or shared.PlanePositionSequence
        segment = group.get("SegmentIdentificationSequence") or shared.SegmentIdentificationSequence
        slice_ = positions[_place(place[0].ImagePositionPatient)]
        phase, _ = segments[int(segment[0].ReferencedSegmentNumber) - 1]
        image = cine.frames[cine.at[slice_, phase]].image
        _refer(group, image)
    _give_planes(segmentation, {place: planes[slice_ - 1] for place, slice_ in positions.items()})
    segmentation.ReferencedSeriesSequence = _referenced(images)
    segmentation.SourceImageSequence = [  # else these are the stand-ins of `source_headers`
        copy.deepcopy(instance)
        for series in segmentation.ReferencedSeriesSequence
        for instance in series.ReferencedInstanceSequence
    ]
    for name in ("ReferencedSeriesSequence", "SourceImageSequence"):
        if not segmentation[name].value:
            del segmentation[name]
    _without_clock(segmentation, sources[0], identity)
    if deidentified:
        state_profile(segmentation)
    return segmentation


def _give_planes(segmentation: Dataset, planes: Mapping[tuple[float, ...], Image]) -> None:
    """Let each frame say how its own plane is turned, where slices are not all parallel to the last digit.

    Args:
        segmentation: whose frames share the orientation of the first slice.
        planes: an image of each slice, by its place.
    """
    from highdicom import PlaneOrientationSequence

    first = next(iter(planes.values()))
    apart = [
        np.abs(np.subtract(image.orientation or (), first.orientation or ())).max()
        for image in planes.values()
    ]
    if max(apart) <= _SAME_DIRECTION:
        return
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    places = shared.pop("PlanePositionSequence", None)
    del shared.PlaneOrientationSequence
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        if places is not None:
            group.PlanePositionSequence = copy.deepcopy(places.value)
        image = planes[_place(group.PlanePositionSequence[0].ImagePositionPatient)]
        group.PlaneOrientationSequence = PlaneOrientationSequence("PATIENT", image.orientation or ())


def _referenced(images: Sequence[Image]) -> list[Dataset]:
    """Return the references to the instances of some frames, each once, under the series that each belongs to."""
    series: dict[str, Dataset] = {}
    for image in {image.sop_uid: image for image in images if image.sop_uid}.values():
        if image.series_uid not in series:
            series[image.series_uid] = Dataset()
            series[image.series_uid].SeriesInstanceUID = image.series_uid
            series[image.series_uid].ReferencedInstanceSequence = []
        series[image.series_uid].ReferencedInstanceSequence.append(_reference(image))
    return list(series.values())


def _without_clock(segmentation: Dataset, source: Dataset, identity: object) -> None:
    """Give dates and UIDs that differ from run to run what the source and the model decide: same masks, same bytes."""
    for kind, unknown in (("Date", _NO_DATE), ("Time", _NO_TIME)):
        known = [source.get(name + kind) for name in ("Study", "Series", "Acquisition")]
        stated = next(filter(None, known), unknown)
        for name in ("InstanceCreation", "Series", "Content"):
            setattr(segmentation, name + kind, stated)
    for equipment in segmentation.ContributingEquipmentSequence:
        equipment.pop("ContributionDateTime", None)
    organization = _uid("dimensions", identity)
    for item in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization


def _segment(result: StudyResult, number: int, phase: int, structure: Structure, identity: object) -> Dataset:
    """Return the description of the segment with this number, from 1, which is a structure at one phase."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription

    measurements, model = result.measurements, result.model
    name, kind, region = _STRUCTURES[structure]
    ends = {measurements.ed_phase: ", end-diastole", measurements.es_phase: ", end-systole"}
    return SegmentDescription(
        segment_number=number,
        segment_label=f"{name}, phase {phase} of {result.cine.phases}{ends.get(phase, '')}",
        segmented_property_category=_STRUCTURE,
        segmented_property_type=kind,
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=f"{_MAKER} {model.name}",
            family=_AI,
            version=f"{model.code} {model.version} {model.weights[:_VERSION_DIGITS]}".replace("  ", " "),
            parameters={"weights_sha256": model.weights},
        ),
        tracking_id=f"{name} {result.name}",
        tracking_uid=_uid(structure.key, identity),
        anatomic_regions=[region],
    )


def _thickness(result: StudyResult) -> float:
    """Return the thickness of a slice in mm, for the standard wants one: else the distance of slices, else 1."""
    cine = result.cine
    known = (value for value in (cine.thickness_mm, cine.distance_mm) if np.isfinite(value))
    return next(known, 1.0)


def _refer(group: Dataset, image: Image) -> None:
    """Let a frame refer to the very image that it was drawn on, if that has a UID."""
    made = group.DerivationImageSequence[0]  # segments share it, so it stays as it is
    del group.DerivationImageSequence
    if not image.sop_uid:
        return
    reference, derivation = _reference(image), Dataset()
    if image.frame is not None:
        reference.ReferencedFrameNumber = image.frame + 1
    derivation.SourceImageSequence = [reference]
    for ours, theirs in ((reference, made.SourceImageSequence[0]), (derivation, made)):
        for element in theirs:
            if element.tag not in ours:
                ours.add(element)
    group.DerivationImageSequence = [derivation]


def _reference(image: Image) -> Dataset:
    """Return what names the object that an image lies in; an MR image where it does not say what it is."""
    reference = Dataset()
    reference.ReferencedSOPClassUID = image.sop_class or MRImageStorage
    reference.ReferencedSOPInstanceUID = image.sop_uid
    return reference


def _place(position: Sequence[float] | None) -> tuple[float, ...]:
    """Return a position in mm by which frames of the object and images of the source find each other."""
    return tuple(round(float(value), _POSITION_DECIMALS) for value in position or ())


def _uid(kind: str, identity: object) -> str:
    """Return a UID under 2.25 that is the same for the same source, model and phases."""
    digest = hashlib.sha256(repr((_MAKER, kind, identity)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:_UID_BYTES])}"
