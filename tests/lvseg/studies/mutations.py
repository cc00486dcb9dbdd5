"""Headers that strangers have damaged, by class of tag: what hypothesis draws, and how it is written into files."""

import functools
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

CLASSES: Mapping[str, Sequence[str]] = {
    "pixel format": (
        "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "Rows", "Columns",
        "PhotometricInterpretation", "NumberOfFrames", "RescaleSlope", "RescaleIntercept",
    ),
    "geometry": ("ImagePositionPatient", "ImageOrientationPatient", "SliceLocation"),
    "spacing": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "timing": (
        "TriggerTime", "NominalInterval", "CardiacNumberOfImages", "AcquisitionNumber", "AcquisitionTime",
        "InversionTime",
    ),
    "identifiers": (
        "SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "PatientID",
        "InstanceNumber", "SeriesNumber",
    ),
    "text": (
        "SpecificCharacterSet", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
        "SeriesDescription", "ProtocolName", "ImageType", "Modality", "Manufacturer", "AccessionNumber",
        "ReferringPhysicianName",
    ),
    # Their content is bytes that are no items.
    "sequences": (
        "ModalityLUTSequence", "VOILUTSequence", "ReferencedImageSequence", "RequestAttributesSequence",
        "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    ),
}  # fmt: skip
WAYS = ("wrong", "missing", "empty", "duplicated", "written twice", "another VR", "random bytes")
PLACES = ("all", "one image", "one slice", "one phase", "last slices")
_NUMBERS = (
    "0", "-1", "1", "7", "8", "-8", "1e30", "nan", "inf", "abc", "3,5", "65536", "1000", "0\\0", "0\\0\\0",
    "-2\\2", "1\\0\\0\\0\\1\\0", "0\\0\\0\\0\\0\\0", "1\\2\\3\\4\\5\\6\\7",
)  # fmt: skip
_SHORTS = (0, 1, 2, 7, 8, 11, 12, 15, 16, 31, 32, 64, 65535)
_WORDS = (
    "X", "RGB", "MONOCHROME1", "ISO_IR 192", "ISO 2022 IR 87", "\\ISO 2022 IR 149", "ORIGINAL\\PRIMARY\\P", "CT", "MR",
    "00000000", "20011332", "25:61", "M\xfcller^J\xf6rg", "\x1b$BABC", "W", "A" * 200, "=\\^", "perfusion", "4CH",
)  # fmt: skip
_UIDS = ("1.2.3", "1.2.840.10008.5.1.4.1.1.4.1", "not a uid", "1." * 40, "0")
# What all files say together and nothing contradicts is no fault that anyone could see.
_SCALE = ("0", "-1", "1e30", "nan", "abc", "0\\0", "-2\\2", "1\\2\\3\\4\\5\\6\\7")


@dataclass(frozen=True)
class Mutation:
    """One element, changed in one way in some images."""

    keyword: str
    way: str
    place: str
    content: bytes

    def hits(self, slice_: int, phase: int, slices: int) -> bool:
        """Return whether an image is among the changed ones; slices and phases from 0."""
        return {
            "all": True,
            "one image": (slice_, phase) == (slices // 2, 1),
            "one slice": slice_ == slices // 2,
            "one phase": phase == 1,
            "last slices": slice_ >= slices - 2,
        }[self.place]

    def apply(self, file: bytes) -> bytes:
        """Return an image as a file, changed."""
        elements = {element.tag: element for element in _elements(file)}
        tag = Tag(self.keyword)
        held = elements.pop(tag, None)
        kind, value = (held.kind, held.value) if held else (dictionary_VR(tag), b"")
        implicit = self.way in ("wrong", "random bytes")  # where a VR is not written, any bytes may stand
        changed = {
            "wrong": [Element(tag, kind, self.content)],
            "missing": [],
            "empty": [Element(tag, kind, b"")],
            "duplicated": [Element(tag, kind, value + (b"" if kind == "US" else b"\\") + value)],
            "written twice": [Element(tag, kind, value), Element(tag, kind, value)],
            "another VR": [Element(tag, "OB", self.content)],
            "random bytes": [Element(tag, kind, self.content)],
        }[self.way]
        after = sorted([*elements.values(), *changed], key=lambda element: element.tag)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        stream = DicomBytesIO()
        write_file_meta_info(stream, meta, enforce_standard=False)
        head: bytes = stream.getvalue()
        return bytes(128) + b"DICM" + head + b"".join(element.encoded(implicit) for element in after)


@dataclass(frozen=True)
class Element:
    """One element of a file, as it stands there."""

    tag: int
    kind: str
    value: bytes

    def encoded(self, implicit: bool) -> bytes:
        """Return its bytes, little endian (PS3.5 7.1)."""
        value = self.value + b" " * (len(self.value) % 2)
        begin = struct.pack("<HH", self.tag >> 16, self.tag & 0xFFFF)
        if implicit:
            return begin + struct.pack("<I", len(value)) + value
        if self.kind in EXPLICIT_VR_LENGTH_32:
            return begin + self.kind.encode() + struct.pack("<HI", 0, len(value)) + value
        return begin + self.kind.encode() + struct.pack("<H", len(value)) + value


@functools.lru_cache(maxsize=256)
def _elements(file: bytes) -> list[Element]:
    ds = dcmread(BytesIO(file))
    raw = (ds.get_item(tag) for tag in ds.keys())  # noqa: SIM118
    return [Element(one.tag, str(one.VR), bytes(one.value)) for one in raw]


def _wrong(keyword: str, place: str) -> st.SearchStrategy[bytes]:
    if keyword in ("PixelSpacing", "RescaleSlope") and place == "all":
        return st.sampled_from(_SCALE).map(str.encode)
    kind = dictionary_VR(keyword)
    if kind == "US":
        return st.sampled_from(_SHORTS).map(lambda number: struct.pack("<H", number))
    if kind in ("DS", "IS"):
        return st.sampled_from(_NUMBERS).map(str.encode)
    if kind == "UI":
        return st.sampled_from(_UIDS).map(str.encode)
    return st.sampled_from(_WORDS).map(lambda word: word.encode("latin-1"))


@st.composite
def mutations(draw: st.DrawFn, kind: str = "") -> Mutation:
    """Draw a mutation, of one class of tags or of any."""
    keyword = draw(st.sampled_from(CLASSES[kind or draw(st.sampled_from(sorted(CLASSES)))]))
    way, place = draw(st.sampled_from(WAYS)), draw(st.sampled_from(PLACES))
    content = b""
    if way == "wrong":
        content = draw(_wrong(keyword, place))
    elif way in ("another VR", "random bytes"):
        content = draw(st.binary(max_size=40))
    return Mutation(keyword, way, place, content + b" " * (len(content) % 2))


def write(folder: Path, images: Mapping[str, tuple[bytes, int, int]], mutation: Mutation) -> None:
    """Write a study into an empty folder.

    Args:
        folder: where to.
        images: files by path below it, with slice and phase from 0.
        mutation: that some of them undergo.
    """
    slices = 1 + max(slice_ for _, slice_, _ in images.values())
    for name, (file, slice_, phase) in images.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutation.apply(file) if mutation.hits(slice_, phase, slices) else file)
