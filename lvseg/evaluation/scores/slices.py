"""Scores of trained models on held-out slices, on the original grid of every image."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from lvseg.data.drawn_frames import DrawnFrame
from lvseg.data.examples import Example
from lvseg.imaging.outline import area
from lvseg.imaging.raster import rasterise, with_border
from lvseg.imaging.structures import Structure
from lvseg.imaging.types import Region
from lvseg.inference.segmenter import Prediction
from lvseg.metrics import challenge2009, overlap
from lvseg.metrics.surfaces import SurfaceDistances, surface_distances

LEVELS = ("base", "mid", "apex")


@dataclass(frozen=True)
class SliceScore:
    """One model on one slice. Millimetres are those that the image's spacing says.

    Attributes:
        loss: mean cross-entropy per pixel in nats.
        accuracy: share of pixels with the right class.
        dice: Dice coefficient; 0 for a missed contour, NaN where both masks are empty.
        dice_smoothed: the article's (2 intersection + 1) / (sum of areas + 1).
        contour_dice: Dice of the areas inside both contours; NaN where the model draws nothing. The model's contour is
            that of its largest region: the challenge's DM is made of it.
        apd_mm: average perpendicular distance of the contours; NaN where the official evaluator has none.
        apd_px: the same in pixels, which an image of unknown spacing has as well.
        judged: whether the official evaluator judges the predicted contour at all.
        good: whether it is judged and its APD is below 5 mm.
        hd_mm: Hausdorff distance of the masks' borders; NaN where either mask is empty.
        hd95_mm: its 95th percentile.
        surface_mm: mean distance of the borders.
        rendering_dice: Dice of two honest renderings of the manual contour (see `lvseg.imaging.raster`): finer
            differences between a model and the expert say nothing.
        manual_mm2: area of the manual contour.
        predicted_mm2: area of the predicted contour.
        epi_mm2: area of the manual epicardial contour; NaN where it was not drawn.
        slice_distance_mm: from slice to slice; NaN where the source does not say.
        manual_pixels: area of the manual mask.
        predicted_pixels: area of the predicted mask.
    """

    model: str
    patient: str
    group: str
    slice: int
    phase: int
    cycle: str
    image_number: int
    loss: float
    accuracy: float
    dice: float
    dice_smoothed: float
    contour_dice: float
    apd_mm: float
    apd_px: float
    judged: bool
    good: bool
    hd_mm: float
    hd95_mm: float
    surface_mm: float
    rendering_dice: float
    manual_mm2: float
    predicted_mm2: float
    epi_mm2: float
    slice_distance_mm: float
    manual_pixels: int
    predicted_pixels: int
    pixels: int
    flags: str


@dataclass(frozen=True)
class Comparison:
    """One frame as an expert and as a model drew it; the distances of a structure are computed once for all scores.

    Attributes:
        frame: what the expert drew.
        prediction: what the model drew on the same pixels.
    """

    frame: DrawnFrame
    prediction: Prediction
    _distances: dict[Structure, SurfaceDistances] = field(default_factory=dict)

    def masks(self, structure: Structure) -> tuple[Region, Region]:
        """Return where a structure is, (H, W) bool: for the expert and for the model."""
        return self.frame.labels == structure, self.prediction.labels == structure

    def distances(self, structure: Structure) -> SurfaceDistances:
        """Return the distances between the borders of a structure in mm."""
        if structure not in self._distances:
            reference, predicted = self.masks(structure)
            self._distances[structure] = surface_distances(predicted, reference, self.frame.spacing_mm)
        return self._distances[structure]


def score_of(name: str, example: Example, comparison: Comparison) -> SliceScore:
    """Return the score of the cavity that the model `name` predicts for one example."""
    return SliceScore(
        model=name,
        patient=example.patient,
        group=example.group,
        slice=example.slice,
        phase=example.phase,
        cycle=example.cycle,
        image_number=example.image_number,
        flags=" ".join(example.flags),
        **_overlap(comparison.frame, comparison.prediction),
        **_contours(comparison),
    )


def _overlap(frame: DrawnFrame, prediction: Prediction) -> dict[str, Any]:
    """Return the scores of a mask, pixel by pixel."""
    return {
        "loss": overlap.cross_entropy(prediction.margin, frame.endo),
        "accuracy": overlap.accuracy(prediction.mask, frame.endo),
        "dice": overlap.dice(prediction.mask, frame.endo),
        "dice_smoothed": overlap.dice_smoothed(prediction.mask, frame.endo),
        "rendering_dice": overlap.dice(with_border(frame.contour, frame.endo.shape), frame.endo),
        "manual_pixels": int(frame.endo.sum()),
        "predicted_pixels": int(prediction.mask.sum()),
        "pixels": frame.endo.size,
    }


def _contours(comparison: Comparison) -> dict[str, Any]:
    """Return distances between the contours, and their areas."""
    frame, distances = comparison.frame, comparison.distances(Structure.CAVITY)
    spacing = frame.spacing_mm
    pixel = spacing.pixel_mm2
    predicted = comparison.prediction.contour()
    measures = {
        "contour_dice": math.nan,
        "apd_mm": math.nan,
        "apd_px": math.nan,
        "judged": False,
        "predicted_mm2": 0.0,
        "hd_mm": distances.hausdorff,
        "hd95_mm": distances.hausdorff_95,
        "surface_mm": distances.mean,
        "manual_mm2": abs(area(frame.contour)) * pixel,
        "epi_mm2": math.nan if frame.epi_contour is None else abs(area(frame.epi_contour)) * pixel,
        "slice_distance_mm": frame.slice_distance_mm,
    }
    if predicted is not None:
        shape = (frame.image.shape[0], frame.image.shape[1])
        measures |= {
            "contour_dice": overlap.dice(rasterise(predicted, shape), frame.endo),
            "apd_mm": challenge2009.average_perpendicular_distance(predicted, frame.contour, spacing),
            "apd_px": challenge2009.average_perpendicular_distance(predicted, frame.contour),
            "predicted_mm2": abs(area(predicted)) * pixel,
        }
        measures["judged"] = challenge2009.judged(predicted, shape) and not math.isnan(measures["apd_px"])
    return measures | {"good": bool(measures["judged"] and measures["apd_mm"] < challenge2009.GOOD_MM)}


def table(scores: Sequence[SliceScore]) -> pd.DataFrame:
    """Return one row per model and slice: the fields of `SliceScore`, and `level` (base, mid or apex)."""
    slices = pd.DataFrame([asdict(score) for score in scores])
    levels = {str(patient): _levels(of_patient) for patient, of_patient in slices.groupby("patient")}
    named = [levels[score.patient][score.slice] for score in scores]
    slices.insert(list(slices.columns).index("cycle") + 1, "level", named)
    return slices


def _levels(slices: pd.DataFrame) -> dict[int, str]:
    """Return the level of each contoured slice of one patient: thirds of the stack.

    The base is the end with the larger cavity: stacks run either way.
    """
    areas = slices.groupby("slice")["manual_mm2"].max().sort_index()
    third = max(len(areas) // 3, 1)
    order = list(
        areas.index if areas.iloc[:third].mean() >= areas.iloc[-third:].mean() else areas.index[::-1]
    )
    if len(order) == 1:
        return {order[0]: "mid"}
    return {slice_: LEVELS[place * len(LEVELS) // len(order)] for place, slice_ in enumerate(order)}
