"""The telling values of raw data: every element of every DICOM header, tables of patients, folders named by them."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pydicom
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from lvseg.core.paths.archives import Item, UnreadableError, walk
from lvseg.dicom import content
from lvseg.dicom.bounds import bounded
from lvseg.labels.layouts import find_patients
from lvseg.nifti.layouts import find_volumes
from lvseg.privacy.values import Kind, Value

_BY_VR = {
    "PN": Kind.NAME,
    "DA": Kind.DATE,
    "DT": Kind.DATE,
    "TM": Kind.TIME,
    "UI": Kind.UID,
    "AE": Kind.PLACE,
}
_TEXTS = {"LO", "SH", "ST", "LT", "UT", "UC", "UR", "UN"}
# What scanner and method are called is the same for thousands of patients.
_TECHNICAL = {
    "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ReceiveCoilName", "TransmitCoilName",
    "SequenceName", "PulseSequenceName", "ImagedNucleus", "ConvolutionKernel", "PositionReferenceIndicator",
    "CodeValue", "LongCodeValue", "CodeMeaning", "CodingSchemeDesignator", "CodingSchemeVersion",
    "ImplementationClassUID", "ImplementationVersionName", "SpecificCharacterSet",
}  # fmt: skip
_STANDARD_UID = "1.2.840.10008."
# What heads of columns tell of what stands below.
_COLUMNS = {
    Kind.NAME: "name",
    Kind.DATE: "date|birth",
    Kind.PATIENT_ID: "id$|^id|number$",
    Kind.PLACE: "address",
}
_LARGEST_TABLE = 4 * 2**20  # bytes
_NO_DICOM = {".csv", ".txt", ".pdf", ".md", ".html", ".json", ".xml"}


@dataclass
class RawValues:
    """What was read.

    Attributes:
        files: how many DICOM files and tables were read.
        unread: how many files and archives could not be opened: what they hold is not known.
        owners: the patient of each value, by his id in the header; None where several have it.
    """

    files: int = 0
    unread: int = 0
    owners: dict[Value, str | None] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set, repr=False)

    @property
    def values(self) -> Iterator[Value]:
        """What may identify: descriptions and private texts only where they belong to one patient."""
        shared = (Kind.DESCRIPTION, Kind.PRIVATE)
        return (
            value for value, owner in self.owners.items() if owner is not None or value.kind not in shared
        )

    def of_kind(self, kind: Kind) -> set[str]:
        """Return the texts of one kind."""
        return {value.text for value in self.owners if value.kind == kind}

    def add(self, kind: Kind, text: str, owner: str) -> None:
        """Take in a value of a patient."""
        value = Value(kind, text.strip("\0 "))
        if value.text:
            self.owners[value] = owner if self.owners.get(value, owner) == owner else None

    def add_header(self, header: Dataset, owner: str) -> None:
        """Take in all elements of a header, nested ones included; what this patient had before costs nothing."""
        for tag in list(header.keys()):
            if tag.group != 0x7FE0:  # pixels
                self._add_element(header, tag, owner)

    def _add_element(self, header: Dataset, tag: BaseTag, owner: str) -> None:
        raw = header.get_item(tag)
        if isinstance(raw, RawDataElement):
            key = hash((owner, tag, raw.VR, raw.value))
            if key in self._seen:
                return
            self._seen.add(key)
        try:
            element = header[tag]
            vr, value = element.VR, element.value
        except Exception:  # damaged in whatever way: what stands there is looked for as it stands
            vr, value = "UN", getattr(raw, "value", b"")
        if vr == "SQ":
            for item in value:
                self.add_header(item, owner)
            return
        kind = _kind(tag, vr)
        if kind is None:
            return
        for text in _texts(value):
            if vr == "DT":  # a day with its time
                self.add(Kind.TIME, text, owner)
            if kind != Kind.UID or not text.startswith(_STANDARD_UID):
                self.add(kind, text, owner)


def read_values(*places: Path) -> RawValues:
    """Read what leads to a patient from folders and archives, file by file.

    Memory grows with the number of different values, not with that of bytes.
    """
    values = RawValues()
    items, aside = walk(places)
    values.unread += len(aside)
    for item in items:
        suffix = PurePosixPath(item.name).suffix.lower()
        try:
            if suffix == ".csv":
                _add_table(values, item)
            elif suffix not in _NO_DICOM:
                _add_file(values, item)
        except UnreadableError:
            values.unread += 1
    tops = [(place.with_suffix("") if place.suffix == ".zip" else place).parts for place in places]
    for patient in find_patients(places)[0]:
        folders = (copy.folder for copy in (*patient.images, *patient.contours))
        for name in {patient.id, *(folder[-1] for folder in folders if folder not in tops)}:
            values.add(Kind.PATIENT_ID, name, patient.id)
    for files in find_volumes(items).patients:
        values.files += len(files.images) + len(files.drawn)
        values.add(Kind.PATIENT_ID, files.id, files.id)
    return values


@bounded()
def _add_file(values: RawValues, item: Item) -> None:
    """Take in a DICOM file twice: up to the pixels, and as a whole, which a fault behind them leaves empty."""
    data = content.whole(item)
    known = content.is_named(data)
    read = False
    for stop in (True, False):
        try:
            header = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=stop)
            if known or "SOPClassUID" in header or "Rows" in header:
                owner = str(header.get("PatientID", ""))
                values.add_header(header.file_meta, owner)
                values.add_header(header, owner)
                read |= len(header) > 0
        except Exception:  # a parser may fail in any way on bytes that are not DICOM
            continue
    if known and not read:
        raise UnreadableError("not a readable DICOM file")
    values.files += read


def _add_table(values: RawValues, item: Item) -> None:
    """Take in the columns of a table whose heads speak of ids, names, dates or addresses."""
    data = item.read(_LARGEST_TABLE)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    rows = csv.DictReader(io.StringIO(data.decode(encoding, errors="replace"), newline=""))
    values.files += 1
    for row in rows:
        for head, cell in row.items():
            kind = next(
                (kind for kind, heads in _COLUMNS.items() if re.search(heads, str(head).lower())), None
            )
            if kind and isinstance(cell, str):
                values.add(kind, cell, cell)


def _kind(tag: BaseTag, vr: str) -> Kind | None:
    """Return what an element is looked for as; None where it leads to no one."""
    keyword = keyword_for_tag(tag)
    if keyword in _TECHNICAL or tag.is_private_creator:
        return None
    if vr in _BY_VR:
        return _BY_VR[vr]
    if vr not in _TEXTS:
        return None
    if tag.is_private or not keyword:
        return Kind.PRIVATE
    if keyword == "PatientID":
        return Kind.PATIENT_ID
    if re.search(r"(IDs?|Numbers?)$", keyword):
        return Kind.NUMBER
    return Kind.PLACE if re.search(r"Institution|Address$|StationName$", keyword) else Kind.DESCRIPTION


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of an element's value."""
    if isinstance(value, bytes):
        text = value.decode("latin-1").strip("\0 ")
        if text.isprintable():
            yield text
    elif isinstance(value, list | tuple | pydicom.multival.MultiValue):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield str(value)
