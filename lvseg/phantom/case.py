"""One phantom patient: everything about him drawn from a seed, and the planes on which he is scanned."""

import math
from dataclasses import dataclass

import numpy as np

from lvseg.phantom.acquisition import Scanner, draw_scanner
from lvseg.phantom.anatomy.body import Body, draw_body
from lvseg.phantom.anatomy.heart import ANGLES, GROUPS, Array, Heart, contraction_curve, draw_heart
from lvseg.phantom.plane import Plane, Pose, draw_pose, long_axis, short_axis
from lvseg.phantom.record import Record

THICKNESS_MM = 8.0
_USUAL_FIELD_PX = 192  # smaller images cover the same field with larger pixels


@dataclass(frozen=True)
class Case:
    """A patient, his heart beat and his examination. Phases are 0-based here, 1-based in files."""

    record: Record
    heart: Heart
    body: Body
    scanner: Scanner
    pose: Pose
    contraction: Array  # (phases,)
    end_diastole: int
    end_systole: int
    beat_ms: float
    heights: Array  # (slices,) of the short-axis planes, mm along the long axis
    gap: float  # mm from slice to slice
    planes: list[Plane]  # short axis, base to apex
    long_axis: Plane

    def contour(self, index: int, phase: int, surface: str) -> Array | None:
        """Polygon (n, 2) of columns and rows on short-axis slice `index`, or None where an expert draws none.

        `surface` is `endocardium` or `epicardium`. Points are about a pixel apart; pixel centres are integers.
        """
        w, plane, now = float(self.heights[index]), self.planes[index], float(self.contraction[phase])
        if not self.heart.draws_cavity(w, now):
            return None
        at = np.array([w])
        border = self.heart.endocardium if surface == "endocardium" else self.heart.epicardium
        radius = border(at, now)[0]
        count = max(24, round(2 * math.pi * radius.mean() / plane.spacing))
        angle = np.arange(count) * (2 * math.pi / count)
        length = np.interp(angle, ANGLES, radius, period=2 * math.pi)
        cx, cy = self.heart.centre(at)
        points = np.stack([cx + length * np.cos(angle), cy + length * np.sin(angle), np.full(count, w)], 1)
        return plane.pixels(points)

    def truth(self) -> dict[str, object]:
        """A row of the table of true values: volumes are integrals over the model, phases 1-based."""
        filled, emptied = self.heart.volume_ml(0.0), self.heart.volume_ml(1.0)
        return {
            "patient": self.record.original_id,
            "group": self.record.group,
            "edv_ml": f"{filled:.3f}",
            "esv_ml": f"{emptied:.3f}",
            "sv_ml": f"{filled - emptied:.3f}",
            "ef_percent": f"{100 * (1 - emptied / filled):.3f}",
            "ed_phase": self.end_diastole + 1,
            "es_phase": self.end_systole + 1,
            "lv_mass_g": f"{self.heart.mass_g():.3f}",
        }


def draw_case(seed: int, number: int, slices: int, phases: int, matrix: int) -> Case:
    """Patient `number` (1-based) of the data set with this seed; the groups take turns."""
    rng = np.random.default_rng([seed, number])
    group = GROUPS[(number - 1) % len(GROUPS)]
    record = Record(
        seed=seed,
        number=number,
        group=group,
        number_in_group=(number - 1) // len(GROUPS) + 1,
        sex=str(rng.choice(["M", "F"])),
        age=int(rng.integers(28, 86)),
    )
    heart = draw_heart(group, rng)
    body = draw_body(heart, rng)
    # end-diastole is rarely the first phase: series are triggered late or kept in another order
    end_diastole = int(rng.choice([-2, -1, 0, 1], p=[0.15, 0.5, 0.2, 0.15])) % phases
    systole = min(max(1, round(phases * rng.uniform(0.32, 0.42))), phases - 1)
    end_systole = (end_diastole + systole) % phases
    heights, gap = _stack(heart, slices, rng)
    spacing = round(rng.uniform(1.2, 1.6) * max(1.0, _USUAL_FIELD_PX / matrix), 4)
    centre = (rng.uniform(-18, 18), rng.uniform(-6, 26))
    roll = rng.normal(0, 0.2)
    return Case(
        record=record,
        heart=heart,
        body=body,
        scanner=draw_scanner(rng),
        pose=draw_pose(rng),
        contraction=contraction_curve(phases, end_diastole, end_systole),
        end_diastole=end_diastole,
        end_systole=end_systole,
        beat_ms=rng.uniform(700, 1050),
        heights=heights,
        gap=gap,
        planes=short_axis(heights, centre, roll, spacing, matrix, THICKNESS_MM),
        long_axis=long_axis(rng.normal(0.2, 0.1), heart.length / 2, spacing, matrix, THICKNESS_MM),
    )


def _stack(heart: Heart, slices: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Heights of the slices and the distance between them, in mm.

    Slices are 8 or 10 mm apart as in practice, farther where they are too few to reach from the atria to beyond the
    apex; left-over ones lie beyond both ends. One to three slices all lie in the ventricle.
    """
    if slices < 4:
        gap = heart.length / slices
        return (np.arange(slices) + 0.5) * gap, gap
    reach = slices - 1.7
    gap = next((g for g in (8.0, 10.0) if g * reach >= heart.length), math.ceil(heart.length / reach) * 1.0)
    left_over = slices - 2 - math.ceil(heart.length / gap - 0.3)
    above = 1 + max(0, left_over) // 2
    return (np.arange(slices) - above + 0.5 + rng.uniform(-0.15, 0.15)) * gap, gap
