"""One heart of the phantom, ED and ES, written in every form in which groups keep their labels."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, RTStructureSetStorage

from lvseg.core.paths.archives import Item, walk
from lvseg.dicom.image import Image
from lvseg.dicom.multiframe import read_images
from lvseg.imaging.raster import rasterise
from lvseg.labels.sources.matching import Images
from lvseg.phantom.anatomy.heart import ANGLES
from lvseg.phantom.case import Case, draw_case

CAVITY, MYOCARDIUM, RIGHT = 1, 2, 3
SLICES, PHASES, SIZE = 7, 2, 128
Frame = tuple[int, int]  # slice and phase, from 0; phase 0 is ED, 1 is ES


@dataclass
class Form:
    """A folder with the heart in one form, and what was drawn."""

    truth: dict[Frame, NDArray[np.uint8]]
    lines: dict[Frame, dict[str, NDArray[np.float64]]]  # endo, epi, rv: points (n, 2) in pixels
    case: Case

    @property
    def affine(self) -> NDArray[Any]:
        """From (column, row, slice, 1) to LPS."""
        affine, plane = np.eye(4), self.case.planes[0]
        for axis, step in enumerate((plane.along, plane.down)):
            affine[:3, axis] = self.case.pose.axes @ step * plane.spacing
        place = [plane.in_patient(self.case.pose)[0] for plane in self.case.planes]
        affine[:3, 2], affine[:3, 3] = place[1] - place[0], place[0]
        return affine


def heart(seed: int = 5) -> Form:
    case = draw_case(seed, 4, SLICES, 12, SIZE)
    lines: dict[Frame, dict[str, NDArray[np.float64]]] = {}
    for index in range(SLICES):
        for phase, contraction in enumerate((0.0, 1.0)):
            if case.heart.draws_cavity(float(case.heights[index]), contraction):
                lines[index, phase] = _lines(case, index, contraction)
    truth = {}
    for index in range(SLICES):
        for phase in range(PHASES):
            labels = np.zeros((SIZE, SIZE), np.uint8)
            for name, number in (("rv", RIGHT), ("epi", MYOCARDIUM), ("endo", CAVITY)):
                if name in lines.get((index, phase), {}):
                    labels[rasterise(lines[index, phase][name], labels.shape) > 0] = number
            truth[index, phase] = labels
    return Form(truth, lines, case)


def _lines(case: Case, index: int, contraction: float) -> dict[str, NDArray[np.float64]]:
    at, heart = case.heights[index : index + 1], case.heart
    inner, outer = heart.endocardium(at, contraction), heart.epicardium(at, contraction)
    right = heart.right_ventricle(at, contraction, outer)[0][0]
    beside = np.flatnonzero(right > outer[0] + 0.5)
    lines = {"endo": _points(case, index, inner[0], ANGLES), "epi": _points(case, index, outer[0], ANGLES)}
    if len(beside) > 8:
        there, back = _points(case, index, right[beside], ANGLES[beside]), beside[::-1]
        lines["rv"] = np.concatenate([there, _points(case, index, outer[0][back], ANGLES[back])])
    return lines


def _points(
    case: Case, index: int, radius: NDArray[np.floating], angle: NDArray[np.floating]
) -> NDArray[np.float64]:
    x, y = case.heart.centre(case.heights[index : index + 1])
    w = np.full(len(angle), case.heights[index])
    points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle), w], 1)
    return case.planes[index].pixels(points).astype(np.float64)


def items(root: Path) -> list[Item]:
    return walk([root])[0]


# NIfTI


def volume(form: Form, phase: int, numbers: tuple[int, int, int] = (1, 2, 3)) -> NDArray[np.uint8]:
    """Labels (columns, rows, slices) with other numbers for cavity, myocardium and right ventricle."""
    table = np.array([0, *numbers], np.uint8)
    return np.stack([table[form.truth[index, phase]].T for index in range(SLICES)], axis=-1)


def grey(form: Form, index: int, phase: int) -> NDArray[np.int16]:
    """What a scanner would show of a slice: bright blood, dark muscle, noise."""
    area = sum(
        int(labels.sum()) for labels in form.truth.values()
    )  # else two hearts would share empty slices
    noise = np.random.default_rng([area, index, phase]).integers(0, 60, (SIZE, SIZE))
    image: NDArray[np.int16] = (np.array([300, 900, 150, 800])[form.truth[index, phase]] + noise).astype(
        np.int16
    )
    return image


def picture(form: Form, phase: int) -> NDArray[np.int16]:
    """Grey values (columns, rows, slices) of a phase."""
    return np.stack([grey(form, index, phase).T for index in range(SLICES)], axis=-1)


def write_nifti(
    path: Path, values: NDArray[Any], affine: NDArray[Any], code: int = 1, how: str = "LPS"
) -> None:
    """Write values whose affine counts as DICOM does; `how` reorders axes as programs do, or adds none."""
    image = nibabel.Nifti1Image(values, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)
    image.set_sform(image.affine, code)
    image.set_qform(image.affine, code)
    if how == "RAS":
        image = nibabel.as_closest_canonical(image)
    elif how == "flipped":
        image = image.as_reoriented([[0, -1], [1, 1], [2, -1]])
    elif how == "turned":
        image = image.as_reoriented([[1, 1], [2, -1], [0, 1]])
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)


def write_acdc(root: Path, form: Form, how: str = "LPS", code: int = 1) -> None:
    for phase, frame in enumerate((1, 7)):
        name = root / "patient101" / f"patient101_frame{frame:02d}"
        write_nifti(
            name.with_name(f"{name.name}.nii.gz"),
            picture(form, phase),
            form.affine,
            code,
            how,
        )
        labels = volume(form, phase, (3, 2, 1))
        write_nifti(name.with_name(f"{name.name}_gt.nii.gz"), labels, form.affine, code, how)
    (root / "patient101/Info.cfg").write_text("ED: 1\nES: 7\nGroup: DCM\nHeight: 184.0\nNbFrame: 12\n")


def write_mnms(root: Path, form: Form) -> None:
    labels = np.zeros((SIZE, SIZE, SLICES, 9), np.uint8)
    labels[..., 2], labels[..., 6] = volume(form, 0), volume(form, 1)
    write_nifti(root / "Training/A0S9V9/A0S9V9_sa_gt.nii.gz", labels, form.affine)
    cine = np.stack([picture(form, int(n >= 4)) + n for n in range(9)], axis=-1)
    write_nifti(root / "Training/A0S9V9/A0S9V9_sa.nii.gz", cine, form.affine)
    header = ",External code,VendorName,Vendor,Centre,ED,ES,Pathology"
    (root / "dataset.csv").write_text(f"{header}\n0,A0S9V9,Siemens,A,1,2,6,HCM\n")


def write_mnms2(root: Path, form: Form, with_cine: bool = True) -> None:
    folder = root / "dataset/027"
    cine = np.stack([picture(form, int(n >= 4)) + n for n in range(9)], axis=-1)
    if with_cine:
        write_nifti(folder / "027_SA_CINE.nii.gz", cine, form.affine)
    for phase, (end, place) in enumerate((("ED", 2), ("ES", 6))):
        write_nifti(folder / f"027_SA_{end}.nii.gz", cine[..., place], form.affine)
        write_nifti(folder / f"027_SA_{end}_gt.nii.gz", volume(form, phase), form.affine)
    rows = ["SUBJECT_CODE,DISEASE,VENDOR,SCANNER,FIELD", "27.0,FALL,Philips Medical Systems,Achieva,1.5"]
    (root / "dataset_information.csv").write_text("\n".join([*rows, *[",,,,"] * 9]))


def write_nnunet(root: Path, form: Form, names: dict[str, int] | None = None) -> None:
    root = root / "Dataset027_Heart"
    for phase, frame in enumerate((1, 7)):
        case = f"patient101_frame{frame:02d}"
        write_nifti(root / f"labelsTr/{case}.nii.gz", volume(form, phase, (3, 2, 1)), form.affine)
        write_nifti(root / f"imagesTr/{case}_0000.nii.gz", picture(form, phase), form.affine)
    labels = names or {"background": 0, "RV": 1, "MLV": 2, "LVC": 3}
    content = {"labels": labels, "channel_names": {"0": "cineMRI"}, "file_ending": ".nii.gz"}
    (root / "dataset.json").write_text(json.dumps(content))


# DICOM


def uid(index: int, phase: int) -> str:
    return f"1.2.826.0.1.3680043.9.99.{index + 1}.{phase + 1}"


def write_images(root: Path, form: Form) -> list[Dataset]:
    """Write the images of all slices at ED and ES, and return them."""
    written = []
    for index, plane in enumerate(form.case.planes):
        position, orientation = plane.in_patient(form.case.pose)
        for phase in range(PHASES):
            image = _file(MRImageStorage, uid(index, phase))
            image.Modality, image.InstanceNumber = "MR", index * PHASES + phase + 1
            image.SeriesInstanceUID, image.SeriesNumber = "1.2.826.0.1.3680043.9.99.1000", 1
            image.Rows = image.Columns = SIZE
            image.PixelSpacing, image.SliceThickness = [plane.spacing] * 2, 8
            image.ImageOrientationPatient = [float(f"{value:.9f}") for value in orientation]
            image.ImagePositionPatient = [float(f"{value:.6f}") for value in position]
            image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
            image.BitsAllocated = image.BitsStored = 16
            image.HighBit, image.PixelRepresentation = 15, 0
            image.PixelData = grey(form, index, phase).astype("<u2").tobytes()
            image["PixelData"].VR = "OW"
            save(root / f"images/{index}-{phase}.dcm", image)
            written.append(image)
    return written


def images(root: Path) -> Images:
    found: list[Image] = []
    for item in items(root / "images"):
        found += read_images(item)
    return Images(found)


def _file(kind: str, instance: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    file.SOPClassUID, file.SOPInstanceUID = kind, instance
    file.StudyInstanceUID, file.FrameOfReferenceUID = "1.2.826.0.1.3680043.9.99", "1.2.826.0.1.3680043.9.99.7"
    file.PatientID, file.PatientName, file.PatientBirthDate, file.PatientSex = "101", "P^101", "", "O"
    file.StudyDate = file.StudyTime = file.StudyID = file.AccessionNumber = file.ReferringPhysicianName = ""
    return file


def save(path: Path, file: Dataset) -> Item:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    path.write_bytes(stream.getvalue())
    return next(item for item in items(path.parent) if item.name == path.name)


CODES = (
    Code("FMA9466", "FMA", "Cavity of left ventricle"),
    Code("49848007", "SCT", "Left ventricle myocardium"),
    Code("53085002", "SCT", "Right ventricle"),
)


def seg(
    form: Form, sources: list[Dataset], kind: str, phase: int, codes: tuple[Code, ...] = CODES
) -> Dataset:
    """A Segmentation object of highdicom's for one phase, its frames in another order than its images."""
    from highdicom.seg import Segmentation, SegmentDescription

    order = np.random.default_rng(0).permutation(SLICES)
    pixels: NDArray[Any] = np.stack([form.truth[index, phase] for index in order])
    if kind == "FRACTIONAL":
        pixels = np.stack([pixels == number for number in (1, 2, 3)], axis=-1) * 0.8
        pixels[pixels == 0] = 0.2
    return Segmentation(
        source_images=[sources[index * PHASES + phase] for index in order],
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[
            SegmentDescription(
                n,
                f"Segment_{n}",
                Code("91723000", "SCT", "Anatomical Structure"),
                code,
                "MANUAL",
            )
            for n, code in enumerate(codes, 1)
        ],
        series_instance_uid="1.2.826.0.1.3680043.9.99.2000",
        series_number=2,
        sop_instance_uid=f"1.2.826.0.1.3680043.9.99.200{phase + 1}",
        instance_number=1,
        manufacturer="lvseg",
        manufacturer_model_name="tests",
        software_versions="1",
        device_serial_number="1",
    )


NAMES = {"endo": "LV Endocardium", "epi": "LV epicardium", "rv": "RV"}


def rtstruct(form: Form, names: dict[str, str] = NAMES, named: bool = True) -> Dataset:
    """A structure set whose contours name their images, or do not."""
    file = _file(RTStructureSetStorage, "1.2.826.0.1.3680043.9.99.3000")
    file.Modality, file.StructureSetROISequence, file.ROIContourSequence = "RTSTRUCT", [], []
    for number, (kind, name) in enumerate(names.items(), 1):
        roi, contours = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        contours.ReferencedROINumber, contours.ContourSequence = number, []
        for (index, phase), lines in form.lines.items():
            if kind in lines:
                contours.ContourSequence.append(contour(form, index, phase, lines[kind], named))
        file.StructureSetROISequence.append(roi)
        file.ROIContourSequence.append(contours)
    return file


def contour(form: Form, index: int, phase: int, points: NDArray[np.float64], named: bool = True) -> Dataset:
    line, reference = Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = MRImageStorage, uid(index, phase)
    if named:
        line.ContourImageSequence = [reference]
    whole = np.column_stack([points, np.full(len(points), index), np.ones(len(points))])
    places = (form.affine @ whole.T)[:3].T
    line.ContourGeometricType, line.NumberOfContourPoints = "CLOSED_PLANAR", len(places)
    line.ContourData = [f"{value:.4f}" for value in places.ravel()]
    return line


def workspace(form: Form, resolution: int = 4, head: str = "") -> str:
    """A cvi42 workspace."""
    names = {"endo": "saendocardialContour", "epi": "saepicardialContour", "rv": "sarvendocardialContour"}
    states = ""
    for (index, phase), lines in form.lines.items():
        inner = ""
        for kind, points in lines.items():
            places = "".join(
                f"<List:item><Point:x>{x:.2f}</Point:x><Point:y>{y:.2f}</Point:y></List:item>"
                for x, y in points * resolution
            )
            inner += (
                f'<Hash:item Hash:key="{names[kind]}">'
                f'<Hash:item Hash:key="Points">{places}</Hash:item>'
                f'<Hash:item Hash:key="SubpixelResolution">{resolution}</Hash:item></Hash:item>'
            )
        contours = f'<Hash:item Hash:key="Contours">{inner}</Hash:item>'
        states += f'<Hash:item Hash:key="{uid(index, phase)}">{contours}</Hash:item>'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<Hash:root xmlns:Hash="h" xmlns:List="l" xmlns:Point="p">'
        f'<Hash:item Hash:key="StudyMapStates"><List:item><Hash:item Hash:key="ImageStates">{states}</Hash:item>'
        "</List:item></Hash:item></Hash:root>"
    )


FORMS = ["ACDC", "ACDC RAS", "ACDC flipped", "ACDC turned", "M&Ms", "M&Ms-2", "nnU-Net", "SEG BINARY",
         "SEG FRACTIONAL", "SEG LABELMAP", "RTSTRUCT", "cvi42"]  # fmt: skip


def write(form: str, root: Path, heart: Form) -> None:
    """Write images and labels in one of `FORMS`."""
    if form.startswith("ACDC"):
        write_acdc(root, heart, form.partition(" ")[2] or "LPS")
    elif form in ("M&Ms", "M&Ms-2", "nnU-Net"):
        {"M&Ms": write_mnms, "M&Ms-2": write_mnms2, "nnU-Net": write_nnunet}[form](root, heart)
    else:
        sources = write_images(root, heart)
        for phase in (0, 1) if form.startswith("SEG") else ():
            save(root / f"drawn/{phase}.dcm", seg(heart, sources, form.split()[1], phase))
        if form == "RTSTRUCT":
            save(root / "drawn/structures", rtstruct(heart))
        if form == "cvi42":
            (root / "drawn.xml").write_text(workspace(heart))


def reread(path: Path) -> Dataset:
    return pydicom.dcmread(path)
