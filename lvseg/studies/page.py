"""The report of one study: what a cardiologist reads before the numbers are used, on one page of A4."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lvseg.files import write_text
from lvseg.report.rendering import environment
from lvseg.studies.result import Result
from lvseg.studies.tiles import Tiles

_WIDTH, _HEIGHT = 1440, 1400  # pixels of the montage at most
_HEAD = 22  # pixels above the tiles
_CURVE = (620, 150)  # of the drawing of the volume curve, in points

QUALITY = {
    "slices_segmented": ("slices with a ventricle", "", 0),
    "slices_skipped": ("empty slices between them", "", 0),
    "largest_jump": ("largest step between slices, of the largest area", "%", 0),
    "curve_roughness": ("ups and downs of the volume (one beat: 1)", "", 2),
    "disagreement_percent": ("drawn otherwise when mirrored and turned", "%", 1),
}


def write(path: Path, result: Result) -> None:
    """Write the report as one HTML file with its pictures inside; it names no patient."""
    quality = result.assessment.quality
    rows = [
        (words, quality[name] * (100 if name == "largest_jump" else 1), unit, decimals)
        for name, (words, unit, decimals) in QUALITY.items()
    ]
    page = environment(Path(__file__).parent).get_template("study.html")
    write_text(
        path,
        page.render(
            result=result,
            cine=result.cine,
            measured=result.measurements,
            assessed=result.assessment,
            quality=rows,
            montage=_montage(result),
            curve=_curve(result),
        ),
    )


def _montage(result: Result) -> bytes:
    """Return slices x phases with their contours as JPEG; end-diastole and end-systole are always among them."""
    cine, ends = result.cine, _ends(result)
    side = min((_HEIGHT - _HEAD) // cine.slices, 240)
    phases = _shown(cine.phases, list(ends), max(_WIDTH // side, 4))
    side = min(side, _WIDTH // len(phases))
    tiles = Tiles(result, side)
    sheet = Image.new("RGB", (side * len(phases), side * cine.slices + _HEAD), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    for column, phase in enumerate(phases):
        words = (
            f"{ends[phase]}, phase {phase}" if phase in ends and side > 80 else ends.get(phase, str(phase))
        )
        pen.text((column * side + side / 2, _HEAD / 2), words, fill=(0, 0, 0), anchor="mm", font_size=15)
        for slice_ in range(1, cine.slices + 1):
            sheet.paste(tiles.tile(slice_, phase), (column * side, _HEAD + (slice_ - 1) * side))
        if phase in ends:
            box = (column * side, _HEAD, (column + 1) * side - 1, sheet.height - 1)
            pen.rectangle(box, outline=(86, 180, 233), width=2)
    for slice_ in range(1, cine.slices + 1):
        corner = (4, _HEAD + (slice_ - 1) * side + 2)
        pen.text(
            corner, str(slice_), fill=(255, 255, 255), font_size=15, stroke_width=2, stroke_fill=(0, 0, 0)
        )
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=82)
    return content.getvalue()


def _ends(result: Result) -> dict[int, str]:
    """Return the names of the phases that have one."""
    measured = result.measurements
    return {phase: name for phase, name in ((measured.ed_phase, "ED"), (measured.es_phase, "ES")) if phase}


def _shown(phases: int, always: list[int], most: int) -> list[int]:
    """Return up to `most` phases, evenly over the beat, each of `always` in place of its nearest."""
    count = min(phases, most)
    chosen = [1 + n * phases // count for n in range(count)]
    for phase in always:
        free = [i for i, other in enumerate(chosen) if other not in always or other == phase]
        chosen[min(free, key=lambda i: abs(chosen[i] - phase))] = phase
    return sorted(set(chosen))


def _curve(result: Result) -> dict[str, object] | None:
    """Return the points of the volume curve in the drawing, or None where there is no curve."""
    volume, time = result.measurements.volume_ml, result.measurements.time_ms
    if len(volume) < 2 or not np.isfinite(volume).all() or not volume.any():
        return None
    width, height = _CURVE
    known = bool(np.isfinite(time).all() and (np.diff(time) > 0).all())
    x = (time - time[0]) / (time[-1] - time[0]) if known else np.linspace(0, 1, len(volume))
    top = float(volume.max()) * 1.08
    across, down = 40 + (width - 50) * x, height * (1 - volume / top)
    points = [(round(float(a), 1), round(float(b), 1)) for a, b in zip(across, down, strict=True)]
    return {
        "width": width,
        "height": height,
        "points": points,
        "ends": {
            name: (*points[phase - 1], float(volume[phase - 1])) for phase, name in _ends(result).items()
        },
        "top": top,
        "first": float(time[0]) if known else 1,
        "last": float(time[-1]) if known else len(volume),
        "unit": "ms" if known else "phase",
    }
