"""Studies made by hand: a bright disc that beats within a dark wall, and what there is to say about it."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lvseg.core.paths.archives import Item
from lvseg.dicom.image import Image
from lvseg.dicom.stacks.cine import Cine
from lvseg.dicom.stacks.order.arrangement import PlacedImage
from lvseg.imaging.structures import Structure
from lvseg.studies.analysis.assessment import OK, Assessment, Verdict
from lvseg.studies.analysis.measurements import Measurements
from lvseg.studies.analysis.result import ModelFacts, StudyResult

CENTRE = (40.0, 34.0)  # column and row, in pixels
DISTANCE_MM = 10.0
ANGLES = np.linspace(0, 2 * np.pi, 60, endpoint=False)


def radius(place: int, slices: int, share: float) -> float:
    """Of the disc in pixels, `share` of a beat after end-diastole; 0 on the first and the last of many slices."""
    beyond = slices > 2 and place in (0, slices - 1)
    return 0.0 if beyond else 9 - 4 * place / slices - 1.5 * (1 - math.cos(2 * math.pi * share))


def result(
    slices: int = 10,
    phases: int = 20,
    *,
    held: Sequence[int] = (),
    size: tuple[int, int] = (72, 80),
    spacing: tuple[float, float] | None = (1.4, 1.4),
    beat_ms: float = 800.0,
    segmented: bool = True,
    verdict: Verdict = OK,
    words: Sequence[str] = ("CINESAX", "the only one", "a note", "a reason"),
    name: str = "study-1",
) -> StudyResult:
    """Return a study.

    Args:
        slices: S.
        phases: T.
        held: frames of each slice; T where it is empty.
        size: rows and columns.
        spacing: of the pixels in mm.
        beat_ms: duration of the beat.
        segmented: whether the masks hold anything.
        verdict: on the study.
        words: series, why, and those of one note and of one reason.
        name: of the study.
    """
    rows, columns = np.mgrid[: size[0], : size[1]]
    apart = np.hypot(columns - CENTRE[0], rows - CENTRE[1])
    noise = np.random.default_rng(0)
    frames: list[PlacedImage] = []
    pixels, masks, contours = [], [], []
    for place, count in enumerate(held or [phases] * slices):
        for phase in range(count):
            inside = radius(place, slices, phase / count)
            frames.append(PlacedImage(image(size, spacing, place), len(frames) + 1, place + 1, phase + 1))
            picture = np.where(apart < inside, 600, np.where(apart < inside + 6, 100, 250))
            pixels.append(picture + noise.normal(0, 10, size))
            predicted = inside if segmented else 0.0
            masks.append(apart < predicted)
            circle = np.add(CENTRE, predicted * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1))
            contours.append(circle if predicted else None)
    cine = Cine(
        frames=tuple(frames),
        pixels=np.array(pixels, np.float32),
        phases=phases,
        depths_mm=tuple(DISTANCE_MM * place for place in range(slices)),
        distance_mm=DISTANCE_MM if slices > 1 else math.nan,
        thickness_mm=8.0,
        beat_ms=beat_ms,
        series=words[0],
        why=words[1],
        notes=(words[2],),
    )
    area = np.array(
        [[masks[cine.at[place + 1, phase + 1]].sum() for phase in range(phases)] for place in range(slices)]
    )
    measured = measurements(area * np.prod(spacing or math.nan), beat_ms, segmented)
    quality = {"slices_found": float((area > 0).any(axis=1).sum()), "jump": 0.1234, "unknown": math.nan}
    return StudyResult(
        name=name,
        cine=cine,
        labels=np.array(masks, np.uint8),
        outlines={Structure.CAVITY: tuple(contours)},
        measurements=measured,
        assessment=Assessment(verdict, () if verdict == OK else (words[3],), quality),
        model=ModelFacts("unet", "v3", "0123456789abcdef" * 4, "0.1.0"),
    )


def measurements(area_mm2: NDArray[np.float64], beat_ms: float, segmented: bool) -> Measurements:
    """Return the volumes of areas (S, T) and their largest and smallest."""
    volume = area_mm2.sum(axis=0) * DISTANCE_MM / 1000
    known = segmented and bool(np.isfinite(volume).all())
    ed, es = (int(volume.argmax()) + 1, int(volume.argmin()) + 1) if known else (None, None)
    return Measurements(
        area_mm2=area_mm2,
        volume_ml=volume,
        time_ms=np.arange(volume.size) * beat_ms / volume.size,
        ed_phase=ed,
        es_phase=es,
        edv_ml=math.nan if ed is None else float(volume[ed - 1]),
        esv_ml=math.nan if es is None else float(volume[es - 1]),
    )


def image(size: tuple[int, int], spacing: tuple[float, float] | None, place: int) -> Image:
    """Return the header of a frame of the slice at `place`."""
    return Image(
        item=Item("/folder", "file", 0, -1, 0), rows=size[0], columns=size[1], number=None, patient_id="Doe^Jane",
        sop_uid="", series_uid="", series_number=None, description="", image_type=(),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), position=(0.0, 0.0, DISTANCE_MM * place), spacing=spacing,
        thickness=None, slice_spacing=None, trigger_time=None, phases=None, inverted=False, dtype=None, offset=0,
    )  # fmt: skip
