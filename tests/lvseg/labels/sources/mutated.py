"""Label files that programs have damaged: what hypothesis draws, and how it is written into them.

No drawing is changed into another sound one: a label that is moved with all that says where it lies is no fault that
anyone could see.
"""

import copy
import gzip
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pydicom
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from lvseg.dicom.tolerance import tolerant

# Of a NIfTI-1 header: where a field begins, and how it is packed.
_FIELDS = {
    "sizeof_hdr": (0, "<i"), "dim[0]": (40, "<h"), "dim[1]": (42, "<h"), "dim[2]": (44, "<h"), "dim[3]": (46, "<h"),
    "dim[4]": (48, "<h"), "dim[5]": (50, "<h"), "intent": (68, "<h"), "datatype": (70, "<h"), "bitpix": (72, "<h"),
    "pixdim[0]": (76, "<f"), "pixdim[1]": (80, "<f"), "pixdim[2]": (84, "<f"), "pixdim[3]": (88, "<f"),
    "vox_offset": (108, "<f"), "scl_slope": (112, "<f"), "scl_inter": (116, "<f"), "xyzt_units": (123, "<b"),
    "qform_code": (252, "<h"), "sform_code": (254, "<h"), "quatern_b": (256, "<f"), "quatern_c": (260, "<f"),
    "qoffset_x": (268, "<f"), "srow_x[0]": (280, "<f"), "srow_x[3]": (292, "<f"), "srow_y[1]": (300, "<f"),
    "srow_z[2]": (320, "<f"), "magic": (344, "<i"),
}  # fmt: skip
_NUMBERS = (0, 1, -1, 2, 3, 4, 5, 7, 8, 16, 64, 127, 348, 349, 353, 368, 512, 2048, 32767)
_FLOATS = (float("nan"), float("inf"), 1e30, 1e-30, 0.5, 1.5)


@dataclass(frozen=True)
class Mutation:
    """One change of a file.

    Attributes:
        words: what was changed, for who reads of a failure.
        apply: from bytes to bytes.
    """

    words: str
    apply: Callable[[bytes], bytes]


@st.composite
def of_nifti(draw: st.DrawFn) -> Mutation:
    """A field of the header, or the stream that the values stand in."""
    if draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(_FIELDS)))
        at, form = _FIELDS[name]
        number = draw(st.sampled_from((*_NUMBERS, *_FLOATS) if form == "<f" else _NUMBERS))
        if form == "<b":
            number %= 128
        return Mutation(f"{name} = {number}", lambda file: _patched(file, at, struct.pack(form, number)))
    share, extra = draw(st.floats(0, 1)), draw(st.binary(min_size=1, max_size=40))
    return draw(
        st.sampled_from(
            [
                Mutation("cut off", lambda file: file[: int(share * len(file))]),
                Mutation(
                    "cut off inside",
                    lambda file: gzip.compress((own := gzip.decompress(file))[: int(share * len(own))]),
                ),
                Mutation("bytes between", lambda file: _between(file, share, extra)),
                Mutation("bytes behind", lambda file: file + extra),
                Mutation("bytes replaced", lambda file: _replaced(file, share, extra)),
                Mutation("random", lambda _: extra),
                Mutation("empty", lambda _: b""),
            ]
        )
    )


def _patched(file: bytes, at: int, new: bytes) -> bytes:
    whole = bytearray(gzip.decompress(file))
    whole[at : at + len(new)] = new
    return gzip.compress(bytes(whole), mtime=0)


def _cut_inside(file: bytes, share: float) -> bytes:
    whole = gzip.decompress(file)
    return gzip.compress(whole[: int(share * len(whole))], mtime=0)


def _between(file: bytes, share: float, extra: bytes) -> bytes:
    at = int(share * len(file))
    return file[:at] + extra + file[at:]


def _replaced(file: bytes, share: float, extra: bytes) -> bytes:
    at = int(share * len(file))
    return file[:at] + extra + file[at + len(extra) :]


# Elements of objects by class, each by its path: sequences, each with the item that is changed, and a keyword.
SEG: Mapping[str, tuple[str, ...]] = {
    "format": (
        "SOPClassUID", "SegmentationType", "MaximumFractionalValue", "NumberOfFrames", "Rows", "Columns",
        "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel", "PixelRepresentation", "PixelData",
        "PhotometricInterpretation",
    ),
    "segments": (
        "SegmentSequence", "SegmentSequence.0.SegmentNumber", "SegmentSequence.0.SegmentLabel",
        "SegmentSequence.1.SegmentedPropertyTypeCodeSequence",
        "SegmentSequence.1.SegmentedPropertyTypeCodeSequence.0.CodeValue",
        "SegmentSequence.1.SegmentedPropertyTypeCodeSequence.0.CodingSchemeDesignator",
        "PerFrameFunctionalGroupsSequence.2.SegmentIdentificationSequence",
        "PerFrameFunctionalGroupsSequence.2.SegmentIdentificationSequence.0.ReferencedSegmentNumber",
    ),
    "geometry": (
        "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
        "SharedFunctionalGroupsSequence.0.PixelMeasuresSequence",
        "SharedFunctionalGroupsSequence.0.PixelMeasuresSequence.0.PixelSpacing",
        "SharedFunctionalGroupsSequence.0.PlaneOrientationSequence",
        "SharedFunctionalGroupsSequence.0.PlaneOrientationSequence.0.ImageOrientationPatient",
        "PerFrameFunctionalGroupsSequence.3.PlanePositionSequence",
        "PerFrameFunctionalGroupsSequence.3.PlanePositionSequence.0.ImagePositionPatient",
    ),
    "references": (
        "ReferencedSeriesSequence", "PerFrameFunctionalGroupsSequence.2.DerivationImageSequence",
        "PerFrameFunctionalGroupsSequence.2.DerivationImageSequence.0.SourceImageSequence",
        "PerFrameFunctionalGroupsSequence.2.DerivationImageSequence.0.SourceImageSequence.0.ReferencedSOPInstanceUID",
        "PerFrameFunctionalGroupsSequence.2.DerivationImageSequence.0.SourceImageSequence.0.ReferencedFrameNumber",
    ),
}  # fmt: skip
RTSTRUCT: Mapping[str, tuple[str, ...]] = {
    "structures": (
        "SOPClassUID", "StructureSetROISequence", "StructureSetROISequence.0.ROINumber",
        "StructureSetROISequence.0.ROIName", "ROIContourSequence", "ROIContourSequence.0.ReferencedROINumber",
        "ROIContourSequence.0.ContourSequence",
    ),
    "contours": (
        "ROIContourSequence.0.ContourSequence.1.ContourGeometricType",
        "ROIContourSequence.0.ContourSequence.1.NumberOfContourPoints",
        "ROIContourSequence.0.ContourSequence.1.ContourData",
        "ROIContourSequence.1.ContourSequence.2.ContourData",
    ),
    "references": (
        "ROIContourSequence.0.ContourSequence.1.ContourImageSequence",
        "ROIContourSequence.0.ContourSequence.1.ContourImageSequence.0.ReferencedSOPInstanceUID",
        "ROIContourSequence.0.ContourSequence.1.ContourImageSequence.0.ReferencedFrameNumber",
    ),
}  # fmt: skip
_WAYS = ("wrong", "missing", "empty", "cut", "twice")
_WRONG: Mapping[str, tuple[object, ...]] = {
    "US": (0, 1, 7, 16, 100, 65535), "UL": (0, 9999), "IS": ("0", "-1", "99", "100000"),
    "DS": ("nan", "inf", "1e30", "0", "-1", "abc"), "UI": ("1.2.3", "0", "not a uid"),
    "CS": ("X", "OPEN_PLANAR", "POINT", "FRACTIONAL", "RGB"), "LO": ("stent", "", "\x1b$B", "A" * 80),
    "SH": ("1234", "99LOCAL", ""), "OB": (b"", b"\0" * 8), "OW": (b"", b"\0" * 8),
}  # fmt: skip


@st.composite
def of_object(draw: st.DrawFn, classes: Mapping[str, tuple[str, ...]]) -> Mutation:
    """An element of a DICOM object, changed in one way, or the file as a whole."""
    if not draw(st.integers(0, 9)):
        share = draw(st.floats(0, 1))
        return Mutation(f"cut off at {share:.3f}", lambda file: file[: int(share * len(file))])
    path = draw(st.sampled_from(classes[draw(st.sampled_from(sorted(classes)))]))
    way, number = draw(st.sampled_from(_WAYS)), draw(st.integers(0, 99))
    return Mutation(f"{path} {way} {number}", lambda file: _object(file, path, way, number))


def _object(file: bytes, path: str, way: str, number: int) -> bytes:
    whole = pydicom.dcmread(BytesIO(file))
    *above, keyword = path.split(".")
    holder: Any = whole
    for step in above:
        try:
            holder = holder[int(step)] if step.isdigit() else holder[step].value
        except (KeyError, IndexError):  # this writer states it elsewhere
            return file
    if keyword not in holder:
        return file
    with tolerant():
        _change(holder, keyword, way, number)
        stream = BytesIO()
        whole.save_as(stream, enforce_file_format=False)
    return stream.getvalue()


def _change(holder: Dataset, keyword: str, way: str, number: int) -> None:
    element = holder[keyword]
    value = element.value
    if way == "missing":
        del holder[keyword]
    elif way == "empty":
        element.value = [] if element.VR == "SQ" else b"" if element.VR in ("OB", "OW") else None
    elif keyword == "ContourSequence" and way == "cut":
        return  # fewer slices are drawn, as some are by all
    elif way == "cut" and hasattr(value, "__len__") and not isinstance(value, str):
        element.value = value[: len(value) // 2]
    elif way == "twice" and element.VR in ("SQ", "OB", "OW"):
        element.value = value + value if isinstance(value, bytes) else [*value, *copy.deepcopy(list(value))]
    elif way == "wrong" and element.VR in _WRONG:
        wrong = _WRONG[element.VR][number % len(_WRONG[element.VR])]
        new = [*list(value)[:-1], wrong] if element.VM > 1 else wrong
        # As it stands: pydicom itself writes no text for a number.
        holder[keyword] = DataElement(element.tag, element.VR, new, already_converted=True)


_ELEMENT = re.compile(r"<(?P<name>[\w:]+)(?P<key>[^<>/]*)>(?P<text>[^<>]*)</(?P=name)>")


@st.composite
def of_workspace(draw: st.DrawFn) -> Mutation:
    """An element of the XML: a leaf changed or taken out, a key renamed, or the file cut off."""
    number, way = draw(st.integers(0, 10_000)), draw(st.integers(0, 5))
    text = draw(st.sampled_from(("", "nan", "inf", "x", "1e30", "3,5", "&b;", "<a>")))
    share = draw(st.floats(0, 1))
    words = ("text", "missing", "twice", "key", "cut off", "resolution")[way]
    return Mutation(
        f"{words} {number} {text!r} {share:.3f}", lambda file: _xml(file, way, number, text, share)
    )


def _xml(file: bytes, way: int, number: int, text: str, share: float) -> bytes:
    whole = file.decode()
    leaves = list(_ELEMENT.finditer(whole))
    leaf = leaves[number % len(leaves)]
    # Without its `Contours` an image has none, as most images of a workspace.
    keys = [key for key in re.finditer(r'Hash:key="([^"]*)"', whole) if key[1] != "Contours"]
    key = keys[number % len(keys)]
    resolutions = [leaf for leaf in leaves if "SubpixelResolution" in leaf["key"]]
    resolution = resolutions[number % len(resolutions)]
    changed = (
        whole[: leaf.start("text")] + text + whole[leaf.end("text") :],
        whole[: leaf.start()] + whole[leaf.end() :],
        whole[: leaf.end()] + leaf[0] + whole[leaf.end() :],
        whole[: key.start(1)] + "X" + whole[key.end(1) :],
        whole[: int(share * len(whole))],
        whole[: resolution.start("text")] + text + whole[resolution.end("text") :] if number % 2
        else whole[: resolution.start()] + whole[resolution.end() :],
    )  # fmt: skip
    return changed[way].encode()
