"""All contoured slices of one patient with their contours, small, in one picture."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lvseg.labels.study import Study
from lvseg.labels.sunnybrook_text import ENDO, EPI

_HALF = 40  # pixels of the image to each side of the heart
_ZOOM = 2
_COLUMNS = 10
_COLOURS = {ENDO: (255, 212, 0), EPI: (86, 180, 233)}
_FLAGGED = (213, 94, 0)


def draw_montage(study: Study, path: Path) -> None:
    """Draw every contoured frame, cropped around the median contour, flagged ones with an orange frame."""
    frames = study.joined
    if not frames:
        return
    centre = np.median([study.endo[frame.number].mean(axis=0) for frame in frames], axis=0)
    tile = 2 * _HALF * _ZOOM
    rows = -(-len(frames) // _COLUMNS)
    sheet = Image.new("RGB", (tile * min(len(frames), _COLUMNS), tile * rows))
    for position, frame in enumerate(frames):
        crop = _tile(study, frame.number, centre)
        text = f"{frame.slice} {study.cycle.get(frame.phase, f'phase {frame.phase}')}"
        ImageDraw.Draw(crop).text((4, 2), text, fill=(255, 255, 255))
        sheet.paste(crop, (tile * (position % _COLUMNS), tile * (position // _COLUMNS)))
    sheet.save(path, quality=88)


def _tile(study: Study, number: int, centre: np.ndarray) -> Image.Image:
    """Return one frame around the heart with its contours."""
    corner = np.round(centre).astype(int) - _HALF
    pixels = np.pad(study.pixels[number].astype(float), _HALF, mode="edge")
    window = pixels[corner[1] + _HALF :, corner[0] + _HALF :][: 2 * _HALF, : 2 * _HALF]
    low, high = np.percentile(window, (1, 99.5))
    grey = (255 * np.clip((window - low) / max(high - low, 1), 0, 1)).astype(np.uint8)
    tile = Image.fromarray(grey).resize((2 * _HALF * _ZOOM,) * 2, Image.Resampling.BICUBIC).convert("RGB")
    pen = ImageDraw.Draw(tile)
    for kind, colour in _COLOURS.items():
        if (number, kind) in study.points:
            line = (study.points[number, kind] - corner + 0.5) * _ZOOM
            pen.line([*map(tuple, line), tuple(line[0])], fill=colour, width=1)
    if any(number in flagged for flagged in study.flags.values()):
        pen.rectangle((0, 0, tile.width - 1, tile.height - 1), outline=_FLAGGED, width=3)
    return tile
