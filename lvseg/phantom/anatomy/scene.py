"""The beating heart laid over its surroundings, on any plane: an image of tissue signal before the scanner.

The heart is nested, ring in ring: cavity, wall, right cavity, right wall, fat, pericardium. Each border is a
radius over height and angle, so a pixel needs one table look-up per border; only pixels near the heart are
computed per frame.
"""

from dataclasses import dataclass

import numpy as np

from lvseg.imaging.boxes import Box
from lvseg.phantom.anatomy.body import FAT, Body
from lvseg.phantom.anatomy.heart import ANGLES, Array, Heart
from lvseg.phantom.anatomy.texture import Field, ellipse, lay

MYOCARDIUM, PERICARDIUM = 0.27, 0.2
_ATRIA_MM = 95.0  # how far atria and outflow tract reach from the axis
_BASAL_MM = 13.0  # the mitral plane descends at most so far
_LAYER_MM = 1.25  # height step of the tables on planes along the axis


@dataclass(frozen=True)
class View:
    """Where the pixels of an image lie: heart coordinates in mm, each (layers, rows, columns).

    Several layers share a pixel's thickness: their mean is the partial volume through the plane.
    """

    x: Array
    y: Array
    w: Array
    pixel: float

    @property
    def flat(self) -> bool:
        """Whether a layer has one height: a short-axis plane."""
        return bool(np.ptp(self.w[0]) < 1e-6)


class Scene:
    """One view of one patient; `frame` renders a moment. What does not move is computed once."""

    def __init__(self, heart: Heart, body: Body, view: View) -> None:
        self._heart, self._pixel = heart, view.pixel
        middle = view.x.shape[0] // 2
        x, y, w = (np.asarray(a[middle], np.float32) for a in (view.x, view.y, view.w))
        self.sensitivity = body.sensitivity(x, y, w)
        self._still = body.signal(x, y, w, view.pixel)

        self._heights = (
            view.w[:, 0, 0].copy()
            if view.flat
            else np.arange(view.w.min(), view.w.max() + _LAYER_MM, _LAYER_MM)
        )
        reach = max(float(self._borders(c)[-1].max()) for c in (0.0, 1.0)) + 12
        close = np.hypot(x, y) < (_ATRIA_MM if view.w.min() < _BASAL_MM else reach)
        near = Box.of_mask(close)
        assert near, "the heart lies in the image"
        self._box = near.slices
        x, y, w = (np.asarray(a[(slice(None), *self._box)], np.float32) for a in (view.x, view.y, view.w))
        self._w = w
        cx, cy = heart.centre(self._heights)
        if view.flat:
            layer = np.broadcast_to(np.arange(len(w))[:, None, None], w.shape)
        else:
            layer = np.rint((w - self._heights[0]) / _LAYER_MM).astype(int)
        dx, dy = x - cx[layer], y - cy[layer]
        turn = np.arctan2(dy, dx) % (2 * np.pi)
        self._radius = np.hypot(dx, dy).astype(np.float32)
        self._toward = [
            (self._radius * np.cos(turn - angle)).astype(np.float32) for angle, _, _ in heart.papillary
        ]
        self._at = layer * len(ANGLES) + np.rint(turn / (2 * np.pi) * len(ANGLES)).astype(int) % len(ANGLES)
        tex = body.texture
        self._grain = 1 + 0.07 * tex(x, y, w, 4, 61)
        self._clouds = (tex(x, y, w, 12, 67), tex(x, y, w, 12, 71))
        self._rough = tex(x, y, w * 0.4, 5, 73)
        self._lumps = tex(np.cos(turn) * 30, np.sin(turn) * 30, w, 16, 79)
        self._fat = FAT * (0.85 + 0.08 * tex(x, y, w, 7, 83))
        wavy = 2.2 * tex(x, y, w, 20, 89)
        basal = w.min() < _BASAL_MM
        self._atria = self._draw_atria(dx.astype(np.float32), dy.astype(np.float32), wavy) if basal else None

    def frame(self, contraction: float, turn: float) -> Field:
        """Signal (rows, columns), blood about 1, at a contraction (0..1); `turn` (0..1) is the time in the cycle."""
        borders = self._borders(contraction)
        inner, outer, right, right_wall, fat = (table.ravel()[self._at] for table in borders)
        r, px = self._radius, self._pixel

        def inside(border: Field) -> Field:
            return np.asarray(np.clip(0.5 + (border - r) / px, 0, 1))

        flow = self._clouds[0] * np.float32(np.cos(2 * np.pi * turn))
        flow += self._clouds[1] * np.float32(np.sin(2 * np.pi * turn))
        muscle = MYOCARDIUM * self._grain
        blood = self._trabeculae(1 + 0.065 * flow, muscle, inner, contraction)
        fringe = np.clip(1 - (right - r) / 9, 0, 1) * np.clip(0.6 * self._rough + 0.3 * self._lumps, 0, 0.7)
        right_blood = 0.97 + 0.06 * flow - fringe

        fat = fat + self._lumps * np.clip(0.6 * (fat - right_wall), 0, 2.5)
        fat = np.maximum(fat, right_wall)
        sac, covered = inside(fat + 0.5), inside(fat)
        value = PERICARDIUM * (sac - covered)
        covered, last = inside(right_wall), covered
        value += self._fat * (last - covered)
        covered, last = inside(right), covered
        value += (muscle * 1.05) * (last - covered)
        covered, last = inside(outer), covered
        value += right_blood * (last - covered)
        covered, last = inside(inner) * (inner > 0), covered
        value += muscle * (last - covered)
        value += blood * covered
        if self._atria is not None:
            above = np.clip(0.5 + (self._heart.base(contraction) - self._w) / 2.5, 0, 1)
            signal, extent = self._atria
            value += above * (signal * extent - value)
            sac = sac + above * (extent - sac)
        image = self._still.copy()
        part = image[self._box]
        part += (value - sac * part).mean(0)
        return image

    def _borders(self, contraction: float) -> tuple[Field, ...]:
        heart, w = self._heart, self._heights
        inner, outer = heart.endocardium(w, contraction), heart.epicardium(w, contraction)
        right, wall = heart.right_ventricle(w, contraction, outer)
        # fat fills the grooves where the right ventricle joins and lies over its free wall
        groove = np.exp(-(((np.abs(ANGLES - np.pi) - heart.right_angle) / 0.35) ** 2))
        front = np.exp(-(((ANGLES - np.pi) / 1.3) ** 4))
        fat = wall + np.clip(outer / 12, 0, 1) * (0.7 + 4 * groove + 2.5 * front)
        return tuple(a.astype(np.float32) for a in (inner, outer, right, wall, fat))

    def _trabeculae(self, blood: Field, muscle: Field, inner: Field, contraction: float) -> Field:
        """Papillary muscles and the ragged border of the cavity, inside the contour as experts draw it."""
        r, px = self._radius, np.float32(self._pixel)
        height = self._heart.relative_height(self._w, contraction).astype(np.float32)
        rag = np.clip((self._rough + 0.4 + 0.8 * height) * 0.6, 0, 1)
        dark = np.clip(1 - (inner - r) / (1.8 + 3 * height), 0, 1) * rag * 0.8
        present = np.clip((height - 0.22) / 0.12, 0, 1) * np.clip((0.86 - height) / 0.15, 0, 1)
        lobed = (1 + 0.3 * self._rough) * present * (0.8 + 0.2 * np.clip(inner / 25, 0, 1))
        for (_, size, share), toward in zip(self._heart.papillary, self._toward, strict=True):
            reach = inner * share
            away = np.sqrt(np.maximum(r * r + reach * (reach - 2 * toward), 0))
            np.maximum(dark, 0.5 + (size * lobed - away) / px, out=dark)
        return np.asarray(blood + np.clip(dark, 0, 1) * (muscle - blood))

    def _draw_atria(self, x: Field, y: Field, wavy: Field) -> tuple[Field, Field]:
        """Signal and extent above the mitral plane: atria, aortic root and outflow tract, walls thin, fat between."""
        heart, px, w = self._heart, self._pixel, self._w
        size = heart.radius / 27
        rise = np.sqrt(np.clip(1 - (w / 60) ** 2, 0.05, 1))
        chambers = (
            ((8, 9), (27, 21), 0.2, 0.93),  # left atrium
            ((-38, 20), (23, 20), -0.3, 0.9),  # right atrium
            ((-30, -24), (20, 14), 0.8, 0.95),  # outflow tract
            ((-46, -4), (7, 8), 0.0, 0.8),  # right auricle
            ((-9, -10), (14, 13.5), 0.0, 1.0),  # aortic root
        )
        signal = np.array(self._fat)
        union = np.full_like(x, 1e-12)
        for centre, axes, turn, blood in chambers:
            place = (centre[0] * size, centre[1] * size)
            edge = ellipse(x / rise, y / rise, place, (axes[0] * size, axes[1] * size), turn) + wavy
            lay(signal, edge - 0.9 - 0.4 * self._lumps, MYOCARDIUM + 0.1, px)
            lay(signal, edge, blood + 0.08 * self._clouds[0] + 0.02 * wavy, px)
            union += np.exp(np.clip(-edge / 5, -30, 5))
        # fat fills the clefts between the chambers: a smooth union
        extent = -5 * np.log(union) - 1.5 - self._lumps
        return signal, np.clip(0.5 - extent / px, 0, 1)
