"""The phantom data set on disk, in the layout in which the Cardiac Atlas hands out Sunnybrook's data.

SCD_IMAGES_01/<PatientID>/CINESAX_300/IM-0003-<image number>.dcm    the short-axis cine
SCD_IMAGES_01/<PatientID>/CINELAX_301/IM-0004-<image number>.dcm    one long-axis cine: same numbers, no contours
SCD_ManualContours/<OriginalID>/contours-manual/IRCCI-expert/IM-0001-<image number>-icontour-manual.txt (or ocontour)
scd_patientdata.csv    who is who        truth.csv    volumes, ejection fraction and mass of the model itself
"""

import csv
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lvseg.phantom.acquisition import Receiver
from lvseg.phantom.anatomy.scene import Scene
from lvseg.phantom.case import Case, draw_case
from lvseg.phantom.dicom import file_bytes, image_elements
from lvseg.phantom.plane import Plane
from lvseg.phantom.record import PATHOLOGIES, Record, Series, frame_elements

_FIRST_PIXEL = 1  # coordinate of its centre in contour files, as in Sunnybrook's
_SHORT_AXIS, _LONG_AXIS = (
    (300, "CINESAX", 3),
    (301, "CINELAX", 4),
)  # series number, name, number in file names


@dataclass(frozen=True)
class Size:
    """How much to make; `matrix` is the number of rows and of columns."""

    patients: int
    slices: int
    phases: int
    matrix: int


@dataclass(frozen=True)
class Made:
    """How much of the phantom was written."""

    patients: int
    frames: int
    contours: int


def generate(folder: Path, seed: int, size: Size, workers: int) -> Made:
    """Write the data set into `folder`, with `workers` processes.

    Same seed and size, same bytes, whatever the number of workers; a patient does not depend on how many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(1, size.patients + 1)
    make = partial(_write_patient, folder, seed, size)
    if workers > 1 and size.patients > 1:
        # spawn: forking a process that holds threads (a test run's, TensorFlow's) may deadlock
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, size.patients), mp_context=context) as pool:
            done = list(pool.map(make, numbers))
    else:
        done = [make(number) for number in numbers]
    records = [record for record, _, _, _ in done]
    _write_table(folder / "scd_patientdata.csv", [_patient_row(r) for r in records], encoding="utf-8-sig")
    _write_table(folder / "truth.csv", [truth for _, truth, _, _ in done], encoding="utf-8")
    return Made(size.patients, sum(d[2] for d in done), sum(d[3] for d in done))


def _write_patient(
    folder: Path, seed: int, size: Size, number: int
) -> tuple[Record, dict[str, object], int, int]:
    case = draw_case(seed, number, size.slices, size.phases, size.matrix)
    images = folder / "SCD_IMAGES_01" / case.record.patient_id
    frames = _write_series(images, case, case.planes, *_SHORT_AXIS)
    frames += _write_series(images, case, [case.long_axis], *_LONG_AXIS)
    return case.record, case.truth(), frames, _write_contours(folder, case)


def _write_series(
    images: Path, case: Case, planes: Sequence[Plane], number: int, name: str, file_number: int
) -> int:
    folder = images / f"{name}_{number}"
    folder.mkdir(parents=True)
    phases = len(case.contraction)
    series = Series(number, name, phases, case.beat_ms)
    for index, plane in enumerate(planes):
        scene = Scene(case.heart, case.body, plane.view(_layers(case, plane)))
        receiver = Receiver(case.scanner, scene.sensitivity)
        noise = np.random.default_rng([case.record.seed, case.record.number, number, index])
        for phase, contraction in enumerate(case.contraction):
            image = index * phases + phase + 1
            pixels = receiver.acquire(scene.frame(float(contraction), phase / phases), noise)
            elements = frame_elements(case.record, series, case.scanner, plane, case.pose, case.gap, image)
            path = folder / f"IM-{file_number:04d}-{image:04d}.dcm"
            path.write_bytes(file_bytes(elements | image_elements(pixels)))
    return len(planes) * phases


def _layers(case: Case, plane: Plane) -> int:
    """Sheets through a slice: the heart's borders run steeply through those at the apex, along the others."""
    if plane is case.long_axis:
        return 1
    return 8 if abs(float(plane.corner[2]) - case.heart.length) < 1.5 * plane.thickness else 3


def _write_contours(folder: Path, case: Case) -> int:
    at = folder / "SCD_ManualContours" / case.record.original_id / "contours-manual" / "IRCCI-expert"
    at.mkdir(parents=True)
    drawn = (
        (case.end_diastole, "endocardium", "icontour"),
        (case.end_diastole, "epicardium", "ocontour"),
        (case.end_systole, "endocardium", "icontour"),
    )
    count = 0
    for phase, surface, kind in drawn:
        for index in range(len(case.planes)):
            points = case.contour(index, phase, surface)
            if points is None:
                continue
            image = index * len(case.contraction) + phase + 1
            text = "".join(f"{x + _FIRST_PIXEL:.2f} {y + _FIRST_PIXEL:.2f}\n" for x, y in points)
            (at / f"IM-0001-{image:04d}-{kind}-manual.txt").write_text(text, encoding="ascii")
            count += 1
    return count


def _patient_row(record: Record) -> dict[str, object]:
    return {
        "PatientID": record.patient_id,
        "OriginalID": record.original_id,
        "Gender": {"M": "Male", "F": "Female"}[record.sex],
        "Age": record.age,
        "Pathology": PATHOLOGIES[record.group],
    }


def _write_table(path: Path, rows: Sequence[dict[str, object]], encoding: str) -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
