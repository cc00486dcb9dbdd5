"""A study whose DICOM object names nobody: the Basic Application Level Confidentiality Profile of DICOM PS3.15, E.

A segmentation object is built of few elements of its source (`source_headers`), so this is a short table rather than a
library that cleans whatever a file may hold. The actions are those of PS3.15 table E.1-1 for these elements.
"""

from dataclasses import replace

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from lvseg.data.pseudonyms import keyed_uid, pseudonym
from lvseg.dicom.image import Image
from lvseg.studies.analysis.result import StudyResult

# Z, a value that may be empty: emptied. D, or where we want to follow a patient: a dummy, here his pseudonym.
EMPTIED = (
    "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime", "SeriesDate", "SeriesTime",
    "AcquisitionDate", "AcquisitionTime", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
RENAMED = ("PatientID", "PatientName")
# Neither options of the profile nor methods of somebody's own: CID 7050.
_PROFILE = Code("113100", "DCM", "Basic Application Confidentiality Profile")


def with_keyed_uids(result: StudyResult) -> StudyResult:
    """Return the study with other UIDs (action U): the same ones for the same source, under the key of pseudonyms."""
    frames = tuple(replace(frame, image=_keyed(frame.image)) for frame in result.cine.frames)
    return replace(result, cine=replace(result.cine, frames=frames))


def deidentified_header(header: Dataset, patient_id: str) -> None:
    """Take out of a source header what leads to a patient; his pseudonym stands for him.

    Args:
        header: as `source_headers` makes it; changed in place.
        patient_id: of the source.
    """
    for name in EMPTIED:
        setattr(header, name, "")
    for name in RENAMED:
        setattr(header, name, pseudonym(patient_id, public=False))


def state_profile(segmentation: Dataset) -> None:
    """Let an object say that its patient's identity was removed, by which profile, and its dates (PS3.3 C.12.1.1.7)."""
    segmentation.PatientIdentityRemoved = "YES"
    method = Dataset()
    method.CodeValue, method.CodingSchemeDesignator = _PROFILE.value, _PROFILE.scheme_designator
    method.CodeMeaning = _PROFILE.meaning
    segmentation.DeidentificationMethodCodeSequence = [method]
    segmentation.LongitudinalTemporalInformationModified = "REMOVED"


def _keyed(image: Image) -> Image:
    sop, series, study, reference = (
        keyed_uid(uid) if uid else ""
        for uid in (image.sop_uid, image.series_uid, image.study_uid, image.reference_uid)
    )
    return replace(image, sop_uid=sop, series_uid=series, study_uid=study, reference_uid=reference)
