"""How the frames of a study are shown: one square around the heart, one grey scale, the contours as thin lines."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from lvseg.studies.analysis.result import StudyResult

CONTOUR = (255, 212, 0)
_SURROUND = 1.7  # side of the square, in sides of what the masks fill: wall and septum are seen as well
_LEAST = 32  # pixels: a mask of a few pixels is shown with what lies around it
_MIDDLE = 0.6  # of the image, where there is no mask
_FINE = 4  # a contour is drawn this many times larger and made small again, which smooths it
_LINE = 70  # of these lines side by side fill a tile
_HEADROOM = 1.25  # white, in brightnesses of blood: the lines show on it
_SAMPLES = 200_000  # pixels that tell the grey scale


@dataclass(frozen=True)
class View:
    """What all tiles of a study share.

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


def view(result: StudyResult) -> View:
    """Return the square that holds every mask of the study, or the image's middle, and a grey scale for all frames.

    The scale is that of the square's inner half: fat at its border may be far brighter than blood.
    """
    shape = np.array(result.masks.shape[1:])
    pixel = np.array(result.cine.spacing_mm)
    pixel = pixel if np.isfinite(pixel).all() else np.ones(2)
    drawn = np.argwhere(result.masks.any(axis=0))
    if drawn.size:
        low, high = drawn.min(axis=0), drawn.max(axis=0) + 1
        side = max(_SURROUND * ((high - low) * pixel).max(), _LEAST * pixel.max())
    else:
        low, high = np.zeros(2), shape
        side = _MIDDLE * (shape * pixel).min()
    rows, columns = np.maximum(np.rint(side / pixel), 1).astype(int)
    top, left = np.floor((low + high - (rows, columns)) / 2).astype(int)
    inner = [
        slice(max(start + length // 4, 0), start + length - length // 4)
        for start, length in ((top, rows), (left, columns))
    ]
    shown = result.cine.pixels[:, *inner].ravel()
    black, bright = np.percentile(shown[:: shown.size // _SAMPLES + 1], [1, 99])
    white = black + _HEADROOM * (bright - black)
    return View(int(left), int(top), int(columns), int(rows), float(black), float(white))


def tile(result: StudyResult, position: int, seen: View, size: int) -> Image.Image:
    """Return one frame with its contour, if it has one.

    Args:
        result: the study.
        position: of the frame in `result.cine.frames`.
        seen: as `view` returns it.
        size: rows and columns of the RGB picture.
    """
    scale = 255 / max(seen.white - seen.black, 1e-9)
    grey = np.clip((result.cine.pixels[position] - seen.black) * scale, 0, 255).astype(np.uint8)
    box = (seen.left, seen.top, seen.left + seen.columns, seen.top + seen.rows)
    picture = Image.fromarray(grey).crop(box).resize((size, size), Image.Resampling.BICUBIC).convert("RGB")
    points = result.contours[position]
    if points is not None:
        fine = size * _FINE
        across = (points + 0.5 - box[:2]) * fine / (seen.columns, seen.rows) - 0.5
        line = Image.new("L", (fine, fine))
        corners = [(float(x), float(y)) for x, y in (*across, across[0])]
        ImageDraw.Draw(line).line(corners, fill=255, width=max(round(fine / _LINE), _FINE))
        picture.paste(CONTOUR, mask=line.reduce(_FINE))
    return picture
