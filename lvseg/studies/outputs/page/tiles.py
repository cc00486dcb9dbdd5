"""How the frames of a study are shown: one square around the heart, one grey scale, the contours as thin lines."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from lvseg.imaging.boxes import Box
from lvseg.imaging.structures import Structure
from lvseg.studies.analysis.result import StudyResult

# RGB of each outline, as reading stations show them: endocardium red, epicardium green, right ventricle yellow.
COLOURS = {
    Structure.CAVITY: (255, 77, 77),
    Structure.MYOCARDIUM: (60, 220, 90),
    Structure.RIGHT_VENTRICLE: (255, 212, 0),
}
_SURROUND = 1.7  # side of the square, in sides of what the cavity fills: wall and septum are seen as well
_MARGIN = 1.15  # the same in sides of all that is drawn
_LEAST = 32  # pixels: a mask of a few pixels is shown with what lies around it
_MIDDLE = 0.6  # of the image, where there is no mask
_OVERSAMPLING = 4  # a contour is drawn this many times larger and made small again, which smooths it
_LINES_PER_TILE = 70  # of contours side by side: a line is that thin
_GREY_PERCENTILES = (1, 99)  # of the pixels shown: black, and the brightness of blood
_HEADROOM = 1.25  # white, in brightnesses of blood: the lines show on it
_GREY_SAMPLES = 200_000  # pixels that tell the grey scale
_FLAT = 1e-9  # the least difference of white and black, so that an image of one grey can be shown


@dataclass(frozen=True)
class TileCrop:
    """What all tiles of a study share: the part of the image that they show, and its grey scale.

    Attributes:
        left: column of the first pixel shown; may lie outside the image.
        top: its row.
        columns: how many are shown.
        rows: how many are shown; differs from `columns` where pixels are not square.
        black: value shown black.
        white: value shown white.
    """

    left: int
    top: int
    columns: int
    rows: int
    black: float
    white: float


def tile_crop(result: StudyResult) -> TileCrop:
    """Return the square that holds all that is drawn, or the image's middle, and a grey scale for all frames.

    The scale is that of the square's inner half: fat at its border may be far brighter than blood.
    """
    shape = result.labels.shape[1:]
    pixel_mm = np.array(result.cine.spacing_mm)
    pixel_mm = pixel_mm if np.isfinite(pixel_mm).all() else np.ones(2)
    box = Box.of_mask(np.any(result.labels, axis=0))
    if box:
        cavity = Box.of_mask(np.any(result.masks, axis=0)) or box
        sides = (_SURROUND * np.array(cavity.shape) * pixel_mm, _MARGIN * np.array(box.shape) * pixel_mm)
        side_mm = max(np.max(sides), _LEAST * pixel_mm.max())
    else:
        box = Box(0, 0, *shape)
        side_mm = _MIDDLE * (np.array(shape) * pixel_mm).min()
    rows, columns = np.maximum(np.rint(side_mm / pixel_mm), 1).astype(int).tolist()
    box = box.resized(rows, columns)
    inner_half = [
        slice(max(start + length // 4, 0), start + length - length // 4)
        for start, length in ((box.top, rows), (box.left, columns))
    ]
    pixels = result.cine.pixels[:, *inner_half].ravel()
    black, blood = np.percentile(pixels[:: pixels.size // _GREY_SAMPLES + 1], _GREY_PERCENTILES)
    white = black + _HEADROOM * (blood - black)
    return TileCrop(box.left, box.top, columns, rows, float(black), float(white))


def drawn_structures(result: StudyResult) -> list[Structure]:
    """Return the structures that are drawn on any frame of a study."""
    return [structure for structure in result.outlines if (result.labels == structure).any()]


def draw_tile(result: StudyResult, position: int, crop: TileCrop, size: int) -> Image.Image:
    """Return one frame with the outlines that it has, that of the cavity on top.

    Args:
        result: the study.
        position: of the frame in `result.cine.frames`.
        crop: as `tile_crop` returns it.
        size: rows and columns of the RGB picture.
    """
    scale = 255 / max(crop.white - crop.black, _FLAT)
    grey = np.clip((result.cine.pixels[position] - crop.black) * scale, 0, 255).astype(np.uint8)
    box = (crop.left, crop.top, crop.left + crop.columns, crop.top + crop.rows)
    picture = Image.fromarray(grey).crop(box).resize((size, size), Image.Resampling.BICUBIC).convert("RGB")
    large = size * _OVERSAMPLING
    for structure in reversed(tuple(result.outlines)):
        outline = result.outlines[structure][position]
        # Where there is no wall, its outer border is that of the cavity.
        if outline is None or not (result.labels[position] == structure).any():
            continue
        # From pixels of the image, whose first centre is 0, to those of the large picture, by their edges.
        points = (outline + 0.5 - box[:2]) * large / (crop.columns, crop.rows) - 0.5
        line = Image.new("L", (large, large))
        closed = [(float(x), float(y)) for x, y in (*points, points[0])]
        ImageDraw.Draw(line).line(closed, fill=255, width=max(round(large / _LINES_PER_TILE), _OVERSAMPLING))
        picture.paste(COLOURS[structure], mask=line.reduce(_OVERSAMPLING))
    return picture
