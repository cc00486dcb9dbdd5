"""Studies of a heart whose volumes are known: a bright disc per slice that shrinks and widens, in any form of DICOM."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from lvseg.core.hashes import weights_hash
from lvseg.models.keras_file import save_model
from lvseg.studies.analysis.analyse import analyse_study
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.cohort import inputs

MR, ENHANCED = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
OBLIQUE = (0.62, 0.58, 0.53, -0.38, 0.81, -0.45)  # about a short axis; made orthonormal below
WALL_MM, RIGHT_MM = 8.0, 14.0  # thickness of the left wall; radius of the right ventricle at end-diastole
BACKGROUND, RIGHT, WALL, BLOOD = 100, 400, 700, 1000  # greys of whole hearts
Change = Callable[[Dataset, int, int], None]


@dataclass(frozen=True)
class Heart:
    """A ventricle along a stack, base first; `turn` turns the images in their plane by quarters."""

    slices: int = 7
    phases: int = 10
    rows: int = 64
    columns: int = 64
    spacing: tuple[float, float] = (2.0, 2.0)
    distance: float = 8.0
    beat: float = 800.0
    patient: str = "PAT-1"
    widest: float = 26.0  # mm, radius
    end_systole: int = 4  # phase, from 1

    def radius(self, slice_: int, phase: int) -> float:
        """Radius in mm, 0 beyond base and apex; slices and phases from 0."""
        if not 0 < slice_ < self.slices - 1 and self.slices > 3:
            return 0.0
        taper = 1 - 0.5 * (slice_ / self.slices) ** 2
        swing = 0.5 - 0.5 * np.cos(2 * np.pi * phase / self.phases)
        rise = (
            swing
            if self.end_systole == self.phases // 2 + 1
            else _swing(phase, self.end_systole - 1, self.phases)
        )
        return float(self.widest * taper * (1 - 0.35 * rise))

    def image(self, slice_: int, phase: int) -> NDArray[np.uint16]:
        y, x = np.mgrid[: self.rows, : self.columns]
        away = np.hypot(
            (y - self.rows / 2 + 3) * self.spacing[0], (x - self.columns / 2 - 2) * self.spacing[1]
        )
        grey = 100 + 800 * (away < self.radius(slice_, phase)) + 10 * (x > self.columns / 2)
        return np.asarray(grey, np.uint16)

    def volume(self, phase: int) -> float:
        """True volume in ml of the discs as they are drawn."""
        pixel = self.spacing[0] * self.spacing[1]
        area = sum((self.image(s, phase) > 500).sum() * pixel for s in range(self.slices))
        return float(area * self.distance / 1000)

    @property
    def ef(self) -> float:
        """True ejection fraction in percent."""
        return 100 * (1 - self.volume(self.end_systole - 1) / self.volume(0))


def _swing(phase: int, end: int, phases: int) -> float:
    """Return 0 at phase 0 and 1 at `end`, smoothly up and down."""
    share = phase / end if phase <= end else (phases - phase) / (phases - end)
    return float(0.5 - 0.5 * np.cos(np.pi * share))


def frame(heart: Heart, slice_: int, phase: int, series: int = 300, description: str = "CINE SAX") -> Dataset:
    """Return one classic MR image."""
    across, down = axes()
    normal = np.cross(across, down)
    ds = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128)
    number = slice_ * heart.phases + phase + 1
    root = f"2.25.{sum(map(ord, heart.patient))}"
    uid = f"{root}1{series}"
    ds.SOPClassUID, ds.SOPInstanceUID = MR, f"{uid}.{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = f"{root}2", uid, f"{root}3"
    ds.PatientID, ds.PatientName, ds.Modality = heart.patient, f"LEAKNAME^{heart.patient}", "MR"
    ds.PatientBirthDate, ds.PatientSex, ds.StudyID, ds.AccessionNumber = "19440123", "F", "LEAKID", "LEAKACC"
    ds.StudyDate, ds.StudyTime, ds.ReferringPhysicianName = "20010203", "101112", "LEAKDOCTOR"
    ds.Manufacturer, ds.ManufacturerModelName, ds.DeviceSerialNumber, ds.SoftwareVersions = "M", "N", "1", "2"
    ds.SeriesNumber, ds.SeriesDescription, ds.InstanceNumber = series, description, number
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    ds.TriggerTime, ds.NominalInterval = phase * heart.beat / heart.phases, round(heart.beat)
    ds.ImageOrientationPatient = [*np.round(across, 8), *np.round(down, 8)]
    ds.ImagePositionPatient = list(np.round(np.array([10.0, -20, 30]) + slice_ * heart.distance * normal, 5))
    ds.SliceThickness, ds.SpacingBetweenSlices = heart.distance, heart.distance
    ds.PixelSpacing = list(heart.spacing)
    pixels = heart.image(slice_, phase)
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelData = pixels.tobytes()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = MR, ds.SOPInstanceUID
    return ds


def axes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Directions of rows and columns, orthonormal."""
    across = np.array(OBLIQUE[:3]) / np.linalg.norm(OBLIQUE[:3])
    down = np.array(OBLIQUE[3:]) - (np.array(OBLIQUE[3:]) @ across) * across
    return across, down / np.linalg.norm(down)


def frames(heart: Heart, change: Change | None = None, **about: Any) -> Iterator[tuple[str, Dataset]]:
    """Yield file name and image of each frame, after `change(image, slice, phase)`."""
    for slice_ in range(heart.slices):
        for phase in range(heart.phases):
            ds = frame(heart, slice_, phase, **about)
            if change:
                change(ds, slice_, phase)
            yield f"IM-{ds.get('SeriesNumber', 0):04d}-{slice_ * heart.phases + phase + 1:04d}.dcm", ds


def classic(folder: Path, heart: Heart | None = None, change: Change | None = None, **about: Any) -> Path:
    """Write a study of single-frame files and return its folder; an image without Rows is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, ds in frames(heart or Heart(), change, **about):
        if "Rows" in ds:
            ds.save_as(folder / name, enforce_file_format=True)
    return folder


def enhanced(path: Path, heart: Heart | None = None, phases_first: bool = False, syntax: str = "") -> Path:
    """Write a study as one enhanced MR object and return the folder."""
    heart = heart or Heart()
    path.mkdir(parents=True)
    single = [ds for _, ds in frames(heart)]
    if phases_first:
        single.sort(key=lambda ds: (float(ds.TriggerTime), int(ds.InstanceNumber)))
    ds = pydicom.dcmread(_saved(path / "x.dcm", single[0]))
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "TriggerTime",
                 "SpacingBetweenSlices", "NominalInterval"):  # fmt: skip
        del ds[name]
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ENHANCED
    ds.NumberOfFrames = len(single)
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=single[0].ImageOrientationPatient)]
    shared.PixelMeasuresSequence = [
        _item(
            PixelSpacing=list(heart.spacing),
            SliceThickness=heart.distance,
            SpacingBetweenSlices=heart.distance,
        )
    ]
    shared.MRImageFrameTypeSequence = [
        _item(FrameType=["ORIGINAL", "PRIMARY", "CARDIAC", "NONE"], ComplexImageComponent="MAGNITUDE")
    ]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = [
        _item(
            PlanePositionSequence=[_item(ImagePositionPatient=one.ImagePositionPatient)],
            CardiacSynchronizationSequence=[
                _item(NominalCardiacTriggerDelayTime=float(one.TriggerTime), RRIntervalTimeNominal=heart.beat)
            ],
        )
        for one in single
    ]
    ds.PixelData = b"".join(one.PixelData for one in single)
    if syntax:
        ds.compress(syntax, generate_instance_uid=False)
    ds.save_as(path / "x.dcm", enforce_file_format=True)
    return path


def _item(**values: Any) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def _saved(path: Path, ds: Dataset) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


def bright_model(folder: Path, aside: int = 0) -> Path:
    """Write a network that takes what is bright for the cavity, as a training would have left it.

    It draws `aside` pixels beside the cavity, always in one direction of what it is shown.
    """
    from lvseg.core.backend import keras

    images = keras.Input((96, 96, 1))
    layer = keras.layers.Conv2D(2, (1, 2 * aside + 1), padding="same")
    network = keras.Model(images, layer(images))
    weights = np.zeros((1, 2 * aside + 1, 1, 2), np.float32)
    weights[0, 0, 0, 1] = 4.0
    layer.set_weights([weights, np.array([0.0, -4.8], np.float32)])
    folder.mkdir(parents=True)
    save_model(network, folder / "model.keras")
    told = {
        "model": "bright",
        "weights_hash": weights_hash((v.path, keras.ops.convert_to_numpy(v)) for v in network.weights),
        "learnt_from": {"patients": 20, "synthetic": 0, "likeness": None},
        "prediction": {"size": 96, "spacing_mm": 2.0, "views": 1, "one_region": True},
    }
    (folder / "run.json").write_text(json.dumps(told))
    return folder


def whole_heart(heart: Heart, island: bool = False, atrium: bool = False) -> Change:
    """Return what draws both ventricles and the wall of the left one, in the greys that `three_model` knows.

    The right ventricle is a disc beside the wall that beats with the left one; it is there on the first slice as well.

    Args:
        heart: whose images are changed.
        island: half of the slices show a spot as bright as the right ventricle, far away from it.
        atrium: the first slice shows blood within a wall that fills while the ventricle empties.
    """
    y, x = np.mgrid[: heart.rows, : heart.columns]
    down = (y - heart.rows / 2 + 3) * heart.spacing[0]
    across = (x - heart.columns / 2 - 2) * heart.spacing[1]
    aside = heart.widest + WALL_MM + RIGHT_MM + 1

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        inner, share = heart.radius(slice_, phase), heart.radius(2, phase) / heart.radius(2, 0)
        if atrium and slice_ == 0:
            inner = 20 + 30 * (1 - share)
        pixels = np.full((heart.rows, heart.columns), BACKGROUND, np.uint16)
        pixels[0] = BLOOD  # fat at the border of every image, which sets the scale of greys
        if slice_ < heart.slices - 1:
            pixels[np.hypot(down, across + aside) < RIGHT_MM * share] = RIGHT
        if inner:
            pixels[np.hypot(down, across) < inner + WALL_MM] = WALL
            pixels[np.hypot(down, across) < inner] = BLOOD
        if island and slice_ % 2:
            pixels[-8:-3, -8:-3] = RIGHT
        ds.PixelData = pixels.tobytes()

    return change


def three_model(folder: Path) -> Path:
    """Write a network that tells three structures by their grey, between the darkest and the brightest of an image."""
    import keras

    images = keras.Input((96, 96, 1))
    least, most = (find(images, axis=(1, 2), keepdims=True) for find in (keras.ops.min, keras.ops.max))
    layer = keras.layers.Dense(4, activation="softmax")  # all or nothing: borders lie between pixels
    network = keras.Model(images, layer((images - least) / (most - least)))
    greys = np.array([BACKGROUND, BLOOD, WALL, RIGHT], np.float32)
    levels = (greys - BACKGROUND) / (BLOOD - BACKGROUND)
    # g * k - k * k / 2 is largest for the level k that the grey g is nearest to.
    layer.set_weights([1000 * levels[np.newaxis], -500 * levels**2])
    folder.mkdir(parents=True)
    save_model(network, folder / "model.keras")
    told = {
        "model": "three",
        "weights_hash": weights_hash((v.path, keras.ops.convert_to_numpy(v)) for v in network.weights),
        "learnt_from": {"patients": 20, "synthetic": 0, "likeness": None},
        "prediction": {
            "size": 96, "spacing_mm": 2.0, "views": 1, "one_region": True,
            "structures": ["cavity", "myocardium", "right_ventricle"],
        },
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(told))
    return folder


def predicted(path: Path, model: LoadedModel) -> StudyResult:
    """Return the one study of an input, segmented and measured."""
    (study,) = inputs.studies(path)
    return analyse_study("S", study.images, study.set_aside, None, model)
