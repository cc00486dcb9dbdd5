"""Frames as small pictures of the heart with the contour, all cut and windowed alike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from lvseg.studies.result import Result

LINE = (255, 212, 0)
_AROUND = 1.6  # times the ventricle's extent
_LEAST_MM = 90.0  # shown of the chest
_FINER = 2  # lines are drawn this many times larger, then reduced: they become smooth


@dataclass(frozen=True)
class Tiles:
    """How the frames of a study are shown.

    Attributes:
        result: the study.
        side: pixels of a tile.
    """

    result: Result
    side: int

    @cached_property
    def _square(self) -> tuple[float, float, float]:
        """Left, top and side of what is shown, in pixels of the frames: around all masks, or their middle."""
        rows, columns = self.result.cine.pixels.shape[1:]
        least = _LEAST_MM / float(np.nan_to_num(min(self.result.cine.spacing_mm), nan=1.4))
        where = self.result.masks.any(axis=0)
        x, y, extent = columns / 2, rows / 2, 0.0
        if where.any():
            down, across = np.nonzero(where)
            x, y = float(across.min() + across.max() + 1) / 2, float(down.min() + down.max() + 1) / 2
            extent = _AROUND * float(max(np.ptp(across), np.ptp(down)))
        side = float(min(max(extent, least), max(rows, columns)))
        return x - side / 2, y - side / 2, side

    @cached_property
    def _window(self) -> tuple[float, float]:
        """Grey values shown as black and as white: of all frames, so that they can be compared."""
        left, top, side = (round(value) for value in self._square)
        part = self.result.cine.pixels[:, max(top, 0) : top + side, max(left, 0) : left + side]
        low, high = np.percentile(
            part[:: max(len(part) // 20, 1)], (1, 97)
        )  # fat is brighter than blood and may be white
        return float(low), float(high)

    def tile(self, slice_: int, phase: int) -> Image.Image:
        """Return one frame (side x side) with its contour."""
        position = self.result.cine.at[slice_, phase]
        (left, top, shown), (low, high) = self._square, self._window
        first, last = np.floor([top, left]).astype(int), np.ceil([top + shown, left + shown]).astype(int)
        pixels = self.result.cine.pixels[position]
        inner = pixels[max(first[0], 0) : max(last[0], 0), max(first[1], 0) : max(last[1], 0)]
        grey = np.zeros(tuple(last - first), np.uint8)
        at = np.maximum(-first, 0)
        scaled = 255 * np.clip((inner - low) / max(high - low, 1e-6), 0, 1)
        grey[at[0] : at[0] + inner.shape[0], at[1] : at[1] + inner.shape[1]] = scaled
        box = (left - first[1], top - first[0], left - first[1] + shown, top - first[0] + shown)
        large = self.side * _FINER
        picture = (
            Image.fromarray(grey).resize((large, large), Image.Resampling.BICUBIC, box=box).convert("RGB")
        )
        line = self.result.contours[position]
        if line is not None:
            points = (line + 0.5 - (left, top)) * (large / shown)
            ImageDraw.Draw(picture).line([*map(tuple, points), tuple(points[0])], fill=LINE, width=_FINER)
        return picture.resize((self.side, self.side), Image.Resampling.BOX)
