"""Headers of the images that a segmentation object refers to: what the object needs of them, and nothing else.

Comments, history, weight, physicians and the like stay where they are (docs/predict.md lists what is taken). What a
stranger's header lacks or breaks is repaired where the standard allows it: elements that may be empty are empty, dates
that are none are none, names of any character set become UTF-8, and every frame of an object is an image of its own.
"""

import datetime
import io
from collections.abc import Callable, Mapping, Sequence

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import DA, TM

from lvseg.core.paths.archives import Item
from lvseg.dicom import content
from lvseg.dicom.bounds import bounded
from lvseg.dicom.image import Image
from lvseg.dicom.tolerance import tolerant
from lvseg.studies.outputs.dicom.deidentification import deidentified_header

_TEXTS = ("PatientID", "PatientName", "PatientSex", "StudyID")
_DATES = ("PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate")
_TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime")
_EMPTY = ("AccessionNumber", "ReferringPhysicianName")  # the standard wants them, and lets them be empty
_SEXES = ("F", "M", "O")


def source_headers(
    images: Sequence[Image], made: Callable[[str], str], deidentified: bool = False
) -> list[Dataset]:
    """Return a header for each of some frames of one series, classic whatever the file is.

    Their instance UIDs are stand-ins: those of strangers may be the same for several.

    Args:
        images: the frames; they say where they lie.
        made: returns a UID of the named kind, for what states none.
        deidentified: no header says who the patient is.
    """
    parsed = {item: _parsed(item) for item in dict.fromkeys(image.item for image in images)}
    first = images[0]
    uids = {
        "StudyInstanceUID": first.study_uid or made("study"),
        # highdicom wants one series, one frame of reference and one plane; some scanners give each slice its own.
        "SeriesInstanceUID": first.series_uid or made("source series"),
        "FrameOfReferenceUID": first.reference_uid or made("frame of reference"),
    }
    headers = [
        _header(image, first, parsed[image.item], uids | {"SOPInstanceUID": f"1.{number}"})
        for number, image in enumerate(images, 1)
    ]
    for header in headers if deidentified else ():
        deidentified_header(header, first.patient_id)
    return headers


def study_date(item: Item) -> datetime.date | None:
    """Return the day of the examination that a file is of; None where it does not say it, or is no DICOM file."""
    try:
        with tolerant():
            return DA(_text(_parsed(item), "StudyDate")) or None
    except Exception:  # a damaged header may fail in any way, and a file of another kind has none
        return None


@bounded()
def _parsed(item: Item) -> Dataset:
    return pydicom.dcmread(io.BytesIO(content.whole(item)), stop_before_pixels=True, force=True)


def _header(image: Image, first: Image, said: Dataset, uids: Mapping[str, str]) -> Dataset:
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SpecificCharacterSet = "ISO_IR 192"
    for name in _TEXTS:
        setattr(header, name, _text(said, name))
    if header.PatientSex not in _SEXES:
        header.PatientSex = ""
    for names, kind in ((_DATES, DA), (_TIMES, TM)):
        for name in names:
            setattr(header, name, _moment(_text(said, name), kind))
    for name in _EMPTY:
        setattr(header, name, "")
    header.SOPClassUID = MRImageStorage
    for name, uid in uids.items():
        setattr(header, name, uid)
    header.Modality = "MR"
    header.Rows, header.Columns = image.rows, image.columns
    header.ImageOrientationPatient = list(first.orientation or ())
    header.ImagePositionPatient = list(image.position or ())
    header.PixelSpacing = list(first.spacing or ())
    header.SliceThickness = (
        first.thickness or 1.0
    )  # highdicom asks for one, and takes that of the whole stack
    return header


def _text(said: Dataset, name: str) -> str:
    """Return an element as text, decoded by the header's character set; nothing where it is missing or damaged."""
    try:
        return str(said.get(name) or "").replace("\0", "").strip()
    except Exception:  # a damaged element may fail in any way
        return ""


def _moment(text: str, kind: type[DA] | type[TM]) -> str | None:
    """Return a date or time, or none where the text is not one, such as zeros."""
    try:
        return text if kind(text) else None
    except ValueError:
        return None
