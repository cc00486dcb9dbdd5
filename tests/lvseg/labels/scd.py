"""Small cines with contours, written in the layouts in which the Sunnybrook data reach people."""

import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

SLICES, PHASES, SIZE = 3, 5, 64
ED, ES = 5, 2


@dataclass(frozen=True)
class Cine:
    """A patient: a bright disc in a dark ring, largest in phase ED."""

    original: str = "SC-HF-I-1"
    atlas: str = "SCD0000101"
    centre: tuple[float, float] = (30.0, 34.0)
    scale: float = 1.0

    def radius(self, slice_: int, phase: int) -> float:
        return (14 if phase == ED else 10 if phase == ES else 12) - 2.0 * slice_

    def pixels(self, slice_: int, phase: int) -> NDArray[np.int16]:
        rows, columns = np.mgrid[:SIZE, :SIZE]
        distance = np.hypot(columns - self.centre[0], rows - self.centre[1])
        radius = self.radius(slice_, phase)
        noise = np.random.default_rng(slice_ * 100 + phase).normal(0, 10, (SIZE, SIZE))
        level = np.where(distance < radius, 900, np.where(distance < radius + 6, 150, 400)) + noise
        return np.clip(level * self.scale, 0, None).astype(np.int16)

    def contour(self, slice_: int, phase: int, grow: float = 0.0) -> NDArray[np.float64]:
        angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        circle: NDArray[np.float64] = np.c_[np.cos(angle), np.sin(angle)]
        return np.array(self.centre) + (self.radius(slice_, phase) + grow) * circle

    def numbers(self) -> list[tuple[int, int, int]]:
        """(image number, slice from 0, phase from 1) of every frame."""
        return [(s * PHASES + p, s, p) for s in range(SLICES) for p in range(1, PHASES + 1)]


def dataset(
    pixels: NDArray[Any], number: int, slice_: int, *, uid: str = "1.2.3", oblique: bool = False
) -> FileDataset:
    """Return one frame as DICOM."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = f"{uid}.{number}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    frame = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    frame.SOPClassUID, frame.SOPInstanceUID = MRImageStorage, f"{uid}.{number}"
    frame.Modality, frame.PatientID, frame.PatientName = "MR", "LEAKID", "LEAK^NAME"
    frame.SeriesInstanceUID, frame.SeriesNumber, frame.InstanceNumber = uid, 4, number
    frame.Rows, frame.Columns = pixels.shape
    frame.PixelSpacing, frame.SliceThickness, frame.SpacingBetweenSlices = [1.4, 1.5], 8, 10
    frame.CardiacNumberOfImages = PHASES
    frame.ImageOrientationPatient = [0, 1, 0, 0, 0, -1] if oblique else [1, 0, 0, 0, 1, 0]
    frame.ImagePositionPatient = [0, 0, 10 * slice_]
    frame.SamplesPerPixel, frame.PhotometricInterpretation = 1, "MONOCHROME2"
    frame.BitsAllocated, frame.BitsStored, frame.HighBit, frame.PixelRepresentation = 16, 16, 15, 1
    frame.PixelData = np.ascontiguousarray(pixels, "<i2").tobytes()
    frame["PixelData"].VR = "OW"
    return frame


def to_bytes(frame: FileDataset) -> bytes:
    stream = io.BytesIO()
    frame.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write_image(path: Path, pixels: NDArray[Any], number: int, slice_: int, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_bytes(dataset(pixels, number, slice_, **options)))  # type: ignore[arg-type]


def write_contour(path: Path, points: NDArray[np.float64]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{x + 1:.2f} {y + 1:.2f}\n" for x, y in points))  # the first pixel is 1


def padded(patient: str) -> str:
    stem, _, number = patient.rpartition("-")
    return f"{stem}-{int(number):02d}"


def write_layout(root: Path, layout: str, cine: Cine) -> None:
    """Write one patient in layout A, B, C or D below `root`."""
    author = f"Sunnybrook Cardiac MR Database ContoursPart3/TrainingDataContours/{padded(cine.original)}"
    images, contours, name = {
        "A": (f"challenge_training/{cine.original}", author, "IM-0004-{:04d}.dcm"),
        "B": (
            f"Sunnybrook Cardiac MR Database DICOMPart3/TrainingDataDICOM/{padded(cine.original)}",
            author,
            "IM-0001-{:04d}.dcm",
        ),
        "C": (
            f"SCD_IMAGES_01/{cine.atlas}/CINESAX_300",
            f"SCD_ManualContours/{padded(cine.original)}",
            "IM-0003-{:04d}.dcm",
        ),
        "D": (f"dicoms/{cine.atlas}", f"contourfiles/{cine.original}", "{:d}.dcm"),
    }[layout]
    for number, slice_, phase in cine.numbers():
        write_image(root / images / name.format(number), cine.pixels(slice_, phase), number, slice_)
        if phase in (ED, ES):
            place = "i-contours" if layout == "D" else "contours-manual/IRCCI-expert"
            write_contour(
                root / contours / place / f"IM-0001-{number:04d}-icontour-manual.txt",
                cine.contour(slice_, phase),
            )
    if layout == "C":
        (root / "scd_patientdata.csv").write_text(
            "\ufeffPatientID,OriginalID,Gender,Age,Pathology\r\n"
            f"{cine.atlas},{cine.original},Male,60,Heart failure with infarct\r\n",
            encoding="utf-8",
        )
    if layout == "D":
        (root / "link.csv").write_text(f"patient_id,original_id\n{cine.atlas},{cine.original}\n")


def zip_folder(folder: Path, archive: Path) -> Path:
    """Zip a folder's content and remove the folder."""
    shutil.make_archive(str(archive.with_suffix("")), "zip", folder)
    shutil.rmtree(folder)
    return archive
