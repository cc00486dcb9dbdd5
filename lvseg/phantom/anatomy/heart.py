"""A left and a right ventricle as continuous functions of position and contraction.

Heart coordinates in mm: x towards the lateral wall, y towards the inferior wall, w along the long axis from the mitral
plane at end-diastole (w = 0) to the endocardial apex (w = length). Every surface is star-shaped about the long axis, so
that it is a radius over the angle atan2(y, x): the septum lies at pi, left in the image.

The wall is incompressible: material at one relative height keeps its volume while the cavity shrinks and the base
descends, which is what thickens the wall in systole. Volumes are integrals of these functions, not of pixels.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

ANGLES: Array = np.arange(512) * (2 * np.pi / 512)
GROUPS = ("HF-I", "HF-NI", "HYP", "N")
MUSCLE_G_PER_ML = 1.05
_SMALLEST_RADIUS_MM = 3.0  # a cavity smaller than this is not drawn by an expert
_STEPS = 300  # of the volume integrals: their error stays below 0.01 %
# Heads of one papillary muscle, side by side: angle off its middle, relative size.
_HEADS = (((0.0, 1.0), (0.0, 0.7)), ((-0.16, 0.75), (0.2, 0.8)))
_APEX_EXPONENT = 2.4  # blunter than an ellipsoid (2), as ventricles are


@dataclass(frozen=True)
class Kind:
    """Ranges (low, high) from which one group's hearts are drawn: mm, and ejection fraction in percent."""

    radius: tuple[float, float]
    length: tuple[float, float]
    wall: tuple[float, float]
    septal_excess: tuple[float, float]  # share by which the septum is thicker than the rest
    descent: tuple[float, float]  # of the base in systole
    ejection: tuple[float, float]


KINDS = {
    "HF-I": Kind((31, 36), (66, 73), (7.5, 9.5), (0.0, 0.1), (1, 3), (26, 34)),
    "HF-NI": Kind((33.5, 39), (67, 73), (7, 9), (0.0, 0.1), (1, 3), (29, 36)),
    "HYP": Kind((24, 27.5), (55, 71), (13, 16), (0.1, 0.45), (8, 10), (60, 67)),
    "N": Kind((25.5, 29.5), (54, 73), (7.5, 9.5), (0.0, 0.1), (8, 10), (56, 64)),
}


@dataclass(frozen=True)
class Heart:
    """One patient's heart; made by `draw_heart`. Angles in radians, lengths in mm."""

    group: str
    length: float
    radius: float
    wall: Array  # (512,) end-diastolic thickness at the base over ANGLES
    outline: Array  # (512,) relative radius over ANGLES: no cavity is a circle
    descent: float
    shortening: float  # radial, at full contraction, where the wall is healthy
    scar_angle: float
    scar_height: float  # relative, 0 base .. 1 apex
    scar: float  # 0 healthy .. 1 akinetic
    tilt: tuple[float, float]  # drift of the axis in x and y from base to apex
    right_depth: float
    right_angle: float  # half the angle between the horns
    right_corner: float  # angle below the septum of the cavity's inferior corner
    papillary: tuple[
        tuple[float, float, float], ...
    ]  # angle, radius, distance from the axis (share) of each head

    def base(self, contraction: float) -> float:
        """Height of the mitral plane in mm."""
        return self.descent * contraction

    def centre(self, w: Array) -> tuple[Array, Array]:
        """x and y of the long axis at heights w (n,)."""
        height = np.clip(w / self.length, -0.5, 1.2)
        bow = height * (1 - height)
        return self.tilt[0] * (height + bow), self.tilt[1] * (height + bow)

    def relative_height(self, w: Array, contraction: float) -> Array:
        """0 at the mitral plane of this moment, 1 at the endocardial apex."""
        base = self.base(contraction)
        return (np.asarray(w, float) - base) / (self.length - base)

    def endocardium(self, w: Array, contraction: float) -> Array:
        """Radii (n, 512) at heights w (n,); 0 beyond the apex. Above the base the shape simply goes on."""
        return self._cavity(self.relative_height(w, contraction), contraction)

    def epicardium(self, w: Array, contraction: float) -> Array:
        """Radii (n, 512) of the outer border of the left ventricle's wall; 0 beyond its apex."""
        height = self.relative_height(w, contraction)
        stretch = self.length / (self.length - self.base(contraction))
        return np.sqrt(self._cavity(height, contraction) ** 2 + self._wall_area(height) * stretch)

    def right_ventricle(self, w: Array, contraction: float, inner: Array) -> tuple[Array, Array]:
        """Radii (n, 512) of the cavity's outer border and of its free wall's; `inner` is the epicardium.

        The free border is a circle through both horns; where it lies inside the left ventricle there is no right one.
        """
        height = self.relative_height(w, contraction)[:, None]
        mean = inner.mean(1, keepdims=True)
        reach = np.clip(1 - np.clip(height / 0.9, 0, 1) ** 2.2, 0, 1) ** 0.6
        depth = self.right_depth * reach * (1 - (0.3 if self.group in ("N", "HYP") else 0.15) * contraction)
        half = self.right_angle * (1 - 0.3 * np.clip(height, 0, 1))
        top = mean + depth
        away = (top**2 - mean**2) / (2 * (top - mean * np.cos(half)) + 1e-9)
        # the anterior part (towards the outflow tract) is rounder than the inferior corner
        angle = ANGLES[None, :] - np.pi
        skew = angle + 0.12 * np.sin(angle)
        across = (top - away) ** 2 - (away * np.sin(skew)) ** 2
        circle = away * np.cos(skew) + np.sqrt(np.clip(across, 0, None))
        # flat in front, drawn out to the corner that rests on the diaphragm
        circle *= 1 + 0.07 * np.clip(depth / 20, 0, 1) * np.cos(3 * (angle + self.right_corner)) * np.cos(
            angle
        )
        circle = np.where((across > 0) & (np.cos(skew) > -0.2), circle, 0)
        cavity = np.maximum(inner, circle)
        thickness = (3.0 + 1.5 * contraction) * np.clip((cavity - inner) / 3, 0, 1)
        return cavity, cavity + thickness

    def draws_cavity(self, w: float, contraction: float) -> bool:
        """Whether an expert draws the cavity in the slice at height w."""
        inside = self.base(contraction) < w < self.length
        return inside and float(self.endocardium(np.array([w]), contraction).mean()) > _SMALLEST_RADIUS_MM

    def volume_ml(self, contraction: float) -> float:
        """Volume of the cavity, papillary muscles included as in the contours."""
        height = (np.arange(_STEPS) + 0.5) / _STEPS
        area = 0.5 * (self._cavity(height, contraction) ** 2).mean(1) * 2 * np.pi
        return float(area.mean() * (self.length - self.base(contraction)) / 1000)

    def mass_g(self) -> float:
        """Mass of the left ventricle's wall from base to the outer apex."""
        end = self._outer_end()
        height = (np.arange(_STEPS) + 0.5) / _STEPS * end
        area = 0.5 * self._wall_area(height).mean(1) * 2 * np.pi
        return float(area.mean() * end * self.length / 1000 * MUSCLE_G_PER_ML)

    def scarring(self, height: Array) -> Array:
        """How much of the motion is lost, (n, 512), 0..1."""
        if not self.scar:
            return np.zeros((len(height), len(ANGLES)))
        turn = np.angle(np.exp(1j * (ANGLES - self.scar_angle)))[None, :]
        far = (turn / 0.75) ** 4 + ((height[:, None] - self.scar_height) / 0.42) ** 4
        return np.asarray(self.scar * np.exp(-far))

    def _cavity(self, height: Array, contraction: float) -> Array:
        motion = (0.92 + 0.16 * np.clip(height, 0, 1))[:, None] * (1 - self.scarring(height))
        still = self.radius * self.outline[None, :] * _taper(height)[:, None]
        return still * np.clip(1 - contraction * self.shortening * motion, 0.08, None)

    def _wall_area(self, height: Array) -> Array:
        """Squared outer minus squared inner radius at end-diastole, (n, 512)."""
        thin = 1 - 0.4 * self.scarring(height)
        outer = (self.radius * self.outline + self.wall)[None, :] * _taper(height / self._outer_end())[
            :, None
        ]
        inner = self.radius * self.outline[None, :] * _taper(height)[:, None]
        return np.clip((outer**2 - inner**2) * thin, 0, None)

    def _outer_end(self) -> float:
        return 1 + 0.8 * float(self.wall.mean()) / self.length


def draw_heart(group: str, rng: np.random.Generator) -> Heart:
    """A heart of the group whose ejection fraction is exactly the one drawn."""
    kind = KINDS[group]
    bend = [rng.uniform(0.01, 0.045), rng.uniform(0.0, 0.022)]
    turn = rng.uniform(0, 2 * np.pi, 2)
    outline = 1 + bend[0] * np.cos(2 * ANGLES - turn[0]) + bend[1] * np.cos(3 * ANGLES - turn[1])
    septum = np.exp(-((np.angle(np.exp(1j * (ANGLES - np.pi - 0.3))) / 0.9) ** 2))
    uneven = 1 + 0.05 * np.cos(2 * ANGLES - turn[1])
    dilated = group.startswith("HF")
    heart = Heart(
        group=group,
        length=rng.uniform(*kind.length),
        radius=rng.uniform(*kind.radius),
        wall=rng.uniform(*kind.wall) * (1 + rng.uniform(*kind.septal_excess) * septum) * uneven,
        outline=outline,
        descent=rng.uniform(*kind.descent),
        shortening=0.0,
        scar_angle=float(rng.choice([-1.9, 2.6, 1.2, 0.1])) + rng.normal(0, 0.2),
        scar_height=rng.uniform(0.35, 0.75),
        scar=rng.uniform(0.85, 1.0) if group == "HF-I" else 0.0,
        tilt=(rng.uniform(-4, 5), rng.uniform(-4, 4)),
        right_depth=rng.uniform(19, 27) + (3 if dilated else 0),
        right_angle=rng.uniform(1.25, 1.5),
        right_corner=rng.uniform(0.4, 0.8),
        papillary=tuple(
            (
                float(place + rng.normal(0, 0.16) + turn),
                float(rng.uniform(3.8, 5.8) * size),
                rng.uniform(0.74, 0.88),
            )
            for place in (-0.85, 0.95)
            for turn, size in rng.choice(_HEADS)
        ),
    )
    wanted = rng.uniform(*kind.ejection) / 100
    full = heart.volume_ml(0)
    low, high = 0.0, 0.95
    for _ in range(24):
        middle = (low + high) / 2
        heart = replace(heart, shortening=middle)
        low, high = (middle, high) if 1 - heart.volume_ml(1) / full < wanted else (low, middle)
    return heart


def contraction_curve(phases: int, end_diastole: int, end_systole: int) -> Array:
    """Contraction (phases,) from 0 at end-diastole to 1 at end-systole (0-based phases, both unique).

    Systole is one smooth stroke; filling has its rapid part, a pause and the atrial kick.
    """
    since = (np.arange(phases) - end_diastole) % phases
    systole = (end_systole - end_diastole) % phases
    filling = np.clip((since - systole) / (phases - systole), 0, 1)
    rapid = 1 - 0.78 * (1 - np.cos(np.pi * np.clip(filling / 0.45, 0, 1))) / 2
    kick = 0.22 * (1 - np.cos(np.pi * np.clip((filling - 0.7) / 0.3, 0, 1))) / 2
    squeeze = (1 - np.cos(np.pi * since / systole)) / 2
    return np.where(since <= systole, squeeze, rapid - kick)


def _taper(height: Array) -> Array:
    """Relative radius along the axis: widest a third below the base, 0 from the apex on."""
    inside = np.clip(height, 0, 1)
    neck = 1 - 0.09 * np.clip(1 - inside / 0.33, 0, 1) ** 2
    return np.asarray(neck * (1 - inside**_APEX_EXPONENT) ** (1 / 2))
