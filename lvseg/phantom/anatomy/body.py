"""Everything around the heart: chest wall, lungs with vessels, diaphragm, liver, stomach, spleen, bowel, spine, fat.

A function of position in heart coordinates (see `heart`), blood being 1: so it can be cut along any plane. The
arrangement follows a short-axis view: sternum and chest wall up and left, left lung up and right, abdomen below.
"""

from dataclasses import dataclass

import numpy as np

from lvseg.phantom.anatomy.heart import Heart
from lvseg.phantom.anatomy.texture import Field, Texture, ellipse, lay

FAT, MUSCLE, LUNG, LIVER, SPLEEN, BONE = 0.92, 0.2, 0.03, 0.34, 0.27, 0.4


@dataclass(frozen=True)
class Body:
    """One patient's surroundings; made by `draw_body`. Lengths in mm."""

    texture: Texture
    centre: tuple[float, float]
    axes: tuple[float, float]
    turn: float
    fat: float  # thickness under the skin in front
    diaphragm: float  # height below the long axis
    spleen: tuple[float, float]
    liver: float  # how far its left lobe reaches under the heart
    stomach: tuple[float, float, float, float]  # x, y, axes
    slope: float
    loops: tuple[tuple[float, float, float, float, float, float], ...]  # bowel: x, y, axes, turn, content
    vessels: tuple[tuple[float, ...], ...]  # of the lung: x, y, their drift per mm of w, radius, brightness
    gas: bool  # in the stomach
    build: tuple[float, float, float]  # angles at which fat and muscle of the chest wall are thickest
    coil: tuple[float, float, float]  # x, y, reach of the anterior receive coil

    def signal(self, x: Field, y: Field, w: Field, pixel: float) -> Field:
        """Tissue signal (any shape) at points in mm; `pixel` in mm sets how soft borders are."""
        tex = self.texture
        # the chest leans towards the apex, so the wall comes nearer from slice to slice
        bx, by = x - 0.22 * w, y - 0.12 * w
        marks = tex(x, y, w, 30, 7)
        angle = np.arctan2(by - self.centre[1], bx - self.centre[0])
        a, b, c = self.build
        wobble = np.sin(3 * angle + c + b) + 0.6 * np.sin(5 * angle + w / 40 + b)
        skin = ellipse(bx, by, self.centre, self.axes, self.turn) + 3 * wobble + 0.5 * marks
        under = skin + np.maximum(
            self.fat * (0.8 + 0.3 * np.cos(angle + a) + 0.3 * np.cos(3 * angle + b)), 3.5
        )
        cavity = under + 9 + 4 * np.sin(2 * angle + c) + 1.5 * np.sin(9 * angle + w / 9) - 2 * wobble

        canvas = np.zeros_like(x)
        fat = FAT * (1 + 0.08 * tex(x, y, w, 9, 3) + 0.1 * marks - 0.15 * _streaks(tex(x, y, w, 13, 5), 0.35))
        lay(canvas, skin, fat, pixel)
        strands = MUSCLE * (1 + 0.25 * tex(x, y, w, 7, 5)) + 0.4 * _streaks(marks, 0.1)
        lay(canvas, under, strands, pixel, 0.6)
        ribs = np.abs(cavity - 5) - 3.5 + 7 * (1 - np.clip(1.3 * np.cos(8 * angle + w / 7 + a), 0, 1))
        lay(canvas, ribs, BONE * (1 + 0.2 * tex(x, y, w, 5, 6)), pixel, 0.8)
        lung = LUNG * (1 + 0.5 * tex(x, y, w, 8, 2)) + np.clip(0.08 - np.abs(cavity + 4) / 100, 0, 1)
        lay(canvas, cavity, lung, pixel, 0.6)
        lungs = (cavity < 0) & (y < self.floor(x, w) + 5)
        canvas[lungs] += self._vessels(x[lungs], y[lungs], w[lungs], pixel)
        self._spine(canvas, x, y, w, pixel)
        self._mediastinum(canvas, x, y, w, pixel, cavity, fat, marks)
        self._abdomen(canvas, x, y, w, pixel, cavity, fat, marks)
        return np.clip(canvas, 0, None)

    def sensitivity(self, x: Field, y: Field, w: Field) -> Field:
        """Receive-coil bias (any shape), about 1 at the heart: strong near the chest wall, falling off behind."""
        ax, ay, reach = self.coil
        near = ((x - ax - 0.2 * w) ** 2 + (y - ay - 0.15 * w) ** 2 + 30.0**2) / reach**2
        behind = ((x - 60) ** 2 + (y - 110) ** 2 + 40.0**2) / 90.0**2
        at_heart = (ax**2 + ay**2 + 30.0**2) / reach**2
        field = 0.25 + near**-0.85 + 0.35 / (1 + behind)
        return np.asarray(field / (0.25 + at_heart**-0.85 + 0.1))

    def floor(self, x: Field, w: Field) -> Field:
        """y of the diaphragm's dome."""
        return self.diaphragm + self.slope * x + ((x + 12) / 62) ** 2 * 10 - 0.25 * np.clip(w - 25, -10, 60)

    def _vessels(self, x: Field, y: Field, w: Field, pixel: float) -> Field:
        total = np.zeros_like(x)
        for px, py, dx, dy, radius, bright in self.vessels:
            size = radius**2 + (0.4 * pixel) ** 2
            square = (x - (px + dx * w)) ** 2 + (y - (py + dy * w)) ** 2
            total += (bright * radius**2 / size) * np.clip(1 - square / (4 * size), 0, None) ** 2
        return total

    def _spine(self, canvas: Field, x: Field, y: Field, w: Field, pixel: float) -> None:
        tex = self.texture
        bone = ellipse(x, y, (52, 118), (22, 19), 0.5) + 1.5 * tex(x, y, w, 20, 8)
        lay(
            canvas,
            ellipse(x, y, (60, 128), (48, 34), 0.5),
            MUSCLE * (1 + 0.3 * tex(x, y, w, 8, 9)),
            pixel,
            0.5,
        )
        lay(canvas, bone, BONE * (1 + 0.2 * tex(x, y, w, 5, 4)), pixel, 0.9)
        lay(canvas, ellipse(x, y, (66, 139), (8, 7)), 0.9, pixel, 0.8)

    def _mediastinum(
        self,
        canvas: Field,
        x: Field,
        y: Field,
        w: Field,
        pixel: float,
        limit: Field,
        fat: Field,
        marks: Field,
    ) -> None:
        """Fat between the right ventricle and the sternum, with its strands; the descending aorta behind."""
        edge = 6 * marks + 3 * self.texture(x, y, w, 12, 13)
        cloudy = fat * (0.72 + 0.2 * self.texture(x, y, w, 10, 17) - 0.3 * _streaks(marks, 0.25))
        pad = ellipse(x, y, (-50 + 0.2 * w, -16), (36, 38), 0.6) + edge
        lay(canvas, np.maximum(pad, limit + 2), cloudy, pixel, 0.4)
        tip = ellipse(x, y, (-10, 6), (22, 18)) + edge
        lay(canvas, np.maximum(tip, limit + 2), cloudy * (0.85 + 0.15 * marks), pixel)
        lay(canvas, ellipse(x, y, (46, 64), (12.5, 11.5)), 0.9, pixel, 0.9)

    def _abdomen(
        self,
        canvas: Field,
        x: Field,
        y: Field,
        w: Field,
        pixel: float,
        cavity: Field,
        fat: Field,
        marks: Field,
    ) -> None:
        tex = self.texture
        fine, slow = tex(x, y, w, 6, 31), tex(x, y, w, 24, 23)
        below = np.maximum(self.floor(x, w) - y + 1.5 * slow, cavity + 3)
        lay(canvas, below, fat * (0.7 + 0.12 * tex(x, y, w, 14, 21) - 0.25 * _streaks(slow, 0.2)), pixel, 0.9)
        for lx, ly, a, b, turn, content in self.loops:
            wavy = ellipse(x, y, (lx - 0.1 * w, ly + 0.1 * w), (a, b), turn) + 2.5 * slow * np.sin(lx)
            loop = np.maximum(wavy + 1.2 * marks, below + 6)
            lay(canvas, loop, 0.26 + 0.03 * fine, pixel, 0.8)
            lay(canvas, loop + 2.6, content * (1 + 0.35 * fine), pixel)
        lay(canvas, np.maximum(ellipse(x, y, (12, 98), (9.5, 9), 0.2), below), 0.85, pixel, 0.9)
        sx, sy = self.spleen
        spleen = np.maximum(ellipse(x, y, (sx, sy), (15, 33), -0.25) + 1.5 * marks, below + 2.5)
        lay(canvas, spleen, SPLEEN * (1 + 0.07 * fine), pixel, 0.85)
        gx, gy, ga, gb = self.stomach
        stomach = np.maximum(ellipse(x, y, (gx - 0.1 * w, gy), (ga, gb), -0.15) + 2.5 * slow, below + 3)
        lay(canvas, stomach, 0.25, pixel, 0.85)
        lay(canvas, stomach + 4, 0.03 if self.gas else 0.42 + 0.12 * fine + 0.08 * slow, pixel)
        dome = ellipse(x, y, (-46 + 0.15 * w, self.diaphragm + 34), (self.liver, 38), 0.12) + 2.5 * slow
        liver = np.maximum(dome, below + 1.2)
        branch = _streaks(marks, 0.12) * np.clip(tex(x, y, w, 16, 53), 0, 1)
        lay(canvas, liver, LIVER * (1 + 0.05 * fine) + 0.4 * branch, pixel, 0.8)


def draw_body(heart: Heart, rng: np.random.Generator) -> Body:
    """Surroundings that fit the heart: the diaphragm touches it, the chest wall stays clear of it."""
    outer = heart.radius + float(heart.wall.mean())
    ahead = outer + 0.75 * heart.right_depth  # from the axis to the right ventricle's front
    width, height = rng.uniform(108, 128), rng.uniform(128, 150)
    loops = tuple(
        (
            rng.uniform(-30, 70),
            outer + rng.uniform(38, 110),
            rng.uniform(7, 15),
            rng.uniform(6, 10),
            rng.uniform(0, np.pi),
            float(rng.choice([0.05, 0.3, 0.55, 0.8])),
        )
        for _ in range(12)
    )
    fan = rng.uniform(-2.3, 0.35, 90)
    far = rng.uniform(0.0, 1.0, 90) ** 1.3
    vessels = tuple(
        (
            np.cos(a) * (outer + 6 + 62 * f),
            np.sin(a) * (outer + 6 + 62 * f),
            rng.normal(0, 0.5),
            rng.normal(0, 0.5),
            0.7 + 1.0 * rng.random() * (1.3 - f),
            rng.uniform(0.15, 0.85) * (1.25 - f),
        )
        for a, f in zip(fan, far, strict=True)
    )
    wall = rng.uniform(0, 8)
    floor = outer + rng.uniform(-4, 1)
    return Body(
        texture=Texture(rng),
        centre=(width - ahead - 27 - wall, height - outer - 74 - rng.uniform(0, 10)),
        axes=(width, height),
        turn=rng.uniform(0.25, 0.65),
        fat=rng.uniform(8, 22),
        diaphragm=floor,
        liver=rng.uniform(64, 88),
        spleen=(rng.uniform(58, 76), floor + rng.uniform(18, 36)),
        stomach=(rng.uniform(24, 42), floor + rng.uniform(15, 26), rng.uniform(18, 30), rng.uniform(11, 18)),
        slope=rng.uniform(-0.08, 0.12),
        loops=loops,
        vessels=vessels,
        gas=bool(rng.random() < 0.4),
        build=(rng.normal(2.3, 0.5), rng.uniform(0, 6.3), rng.normal(-0.2, 0.5)),
        coil=(rng.uniform(-95, -70), rng.uniform(-85, -55), rng.uniform(60, 80)),
    )


def _streaks(field: Field, width: float) -> Field:
    """Thin branching sheets: where a smooth field crosses zero."""
    return np.asarray(np.exp(-((field / width) ** 2)))
