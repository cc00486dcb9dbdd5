"""Tables of scores as an evaluation makes them, without a network."""

import math
from collections.abc import Mapping

import pandas as pd

from lvseg.evaluation.scores.slices import SliceScore, table

SIDE, AREA = 64, 100.0


def slices(patients: Mapping[str, tuple[str, float]]) -> pd.DataFrame:
    """Return three slices at ED and ES of each patient.

    Args:
        patients: by name, the group and the Dice of all his slices; with 0 the model draws nothing.
    """
    return table(
        [
            _score(patient, group, dice, place, cycle)
            for patient, (group, dice) in patients.items()
            for place in (1, 2, 3)
            for cycle in ("ED", "ES")
        ]
    )


def _score(patient: str, group: str, dice: float, place: int, cycle: str) -> SliceScore:
    """Return one slice, whose cavity shrinks towards the apex and at ES."""
    area = AREA * (4 - place) / (1 if cycle == "ED" else 2)
    drawn = dice > 0
    return SliceScore(
        model="unet",
        patient=patient,
        group=group,
        slice=place,
        phase=1 if cycle == "ED" else 5,
        cycle=cycle,
        image_number=place * 10,
        loss=0.1,
        accuracy=0.99,
        dice=dice,
        dice_smoothed=dice,
        contour_dice=dice if drawn else math.nan,
        apd_mm=5 * (1 - dice) if drawn else math.nan,
        apd_px=4 * (1 - dice) if drawn else math.nan,
        judged=drawn,
        good=drawn,
        hd_mm=8 * (1 - dice) if drawn else math.nan,
        hd95_mm=6 * (1 - dice) if drawn else math.nan,
        surface_mm=1.0 if drawn else math.nan,
        rendering_dice=0.965,
        manual_mm2=area,
        predicted_mm2=area * dice,
        epi_mm2=2 * area,
        slice_distance_mm=10.0,
        manual_pixels=int(area),
        predicted_pixels=int(area * dice),
        pixels=SIDE * SIDE,
        flags="",
    )
