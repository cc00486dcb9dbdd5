"""A study as a shard, and as rows of the index."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lvseg.data.shards import SYNTHETIC, Shard
from lvseg.data.sunnybrook import official_part
from lvseg.imaging.raster import rasterise
from lvseg.imaging.structures import STRUCTURES, Structure
from lvseg.labels.study import Study
from lvseg.labels.sunnybrook_text import ENDO, EPI, KINDS, convention

COLUMNS = (
    "patient", "group", "official_part", "shard", "frame", "slice", "phase", "cycle", "image_number", "rows",
    "columns", "spacing_row_mm", "spacing_column_mm", "thickness_mm", "gap_mm", "dtype", "endo", "epi", "flags",
    "source",
)  # fmt: skip


def to_shard(study: Study, name: str, first_pixel: int) -> Shard:
    """Return the shard of a study that has frames and all their pixels.

    Args:
        study: read with all pixels.
        name: the pseudonym under which the patient is stored.
        first_pixel: coordinate of the centre of the first pixel in the contour files.
    """
    first = study.frames[0].image
    size = (first.rows, first.columns)
    place = {frame.number: index for index, frame in enumerate(study.frames)}
    drawn = sorted(
        (key for key in study.points if key[0] in place), key=lambda key: (place[key[0]], KINDS.index(key[1]))
    )
    lines = [study.points[key] for key in drawn]
    joined = study.joined
    outer = [study.points.get((frame.number, EPI)) for frame in joined]
    spacing = first.spacing or (np.nan, np.nan)
    thickness = np.nan if first.thickness is None else first.thickness
    return Shard(
        pixels=np.stack([study.pixels[frame.number] for frame in study.frames]),
        affine=np.stack([frame.image.affine for frame in study.frames]),
        slice=_whole(frame.slice for frame in study.frames),
        phase=_whole(frame.phase for frame in study.frames),
        image_number=_whole(frame.number for frame in study.frames),
        spacing_mm=np.array(spacing, float),
        thickness_mm=np.array(thickness, float),
        gap_mm=np.array(study.distance_mm - thickness, float),
        contour_points=np.concatenate([np.zeros((0, 2)), *lines]),
        contour_start=np.cumsum([0, *map(len, lines)], dtype=np.int64),
        contour_frame=_whole(place[number] for number, _ in drawn),
        contour_kind=np.array([kind for _, kind in drawn], dtype="U8"),
        contour_flags=np.array([",".join(_flags(study, number)) for number, _ in drawn], dtype=str),
        label_frame=_whole(place[frame.number] for frame in joined),
        labels=_label_maps([study.points[frame.number, ENDO] for frame in joined], outer, size),
        known=np.array([(True, line is not None, False) for line in outer], bool).reshape(
            -1, len(STRUCTURES)
        ),
        cycle=np.array([study.cycle.get(frame.phase, "") for frame in joined], dtype="U2"),
        patient=np.array(name),
        group=np.array(study.group),
        official_part=np.array(official_part(study.id)),
        vendor=np.array(""),
        collection=np.array(""),
        source=np.array(_source(study)),
        convention=np.array(convention(first_pixel)),
    )


def index_rows(shard: Shard) -> list[dict[str, Any]]:
    """Return one row of the index, with the keys `COLUMNS`, for each frame of a shard."""
    flags: dict[int, str] = dict(zip(shard.contour_frame.tolist(), shard.contour_flags.tolist(), strict=True))
    masks = {frame: mask for mask, frame in enumerate(shard.label_frame.tolist())}
    rows = []
    for frame in range(len(shard.pixels)):
        mask = masks.get(frame)
        values = (
            str(shard.patient), str(shard.group), str(shard.official_part), f"{shard.patient}.npz", frame,
            int(shard.slice[frame]), int(shard.phase[frame]), "" if mask is None else str(shard.cycle[mask]),
            int(shard.image_number[frame]), *shard.pixels.shape[1:], *map(float, shard.spacing_mm),
            float(shard.thickness_mm), float(shard.gap_mm), shard.pixels.dtype.name, int(mask is not None),
            int(mask is not None and shard.known[mask, 1]), flags.get(frame, ""), str(shard.source),
        )  # fmt: skip
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def _source(study: Study) -> str:
    """Return what the pixels of a study are."""
    if study.synthetic:
        return SYNTHETIC
    return "8-bit export" if study.rescaled else "original pixels"


def _whole(values: Iterable[int]) -> np.ndarray:
    return np.array(list(values), dtype=np.int32)


def _flags(study: Study, number: int) -> list[str]:
    return sorted(name for name, found in study.flags.items() if number in found)


def _label_maps(
    inner: Sequence[np.ndarray], outer: Sequence[np.ndarray | None], size: tuple[int, int]
) -> np.ndarray:
    """Return (M, rows, columns) uint8 of the cavity within each endocardium and the wall around it."""
    maps = np.zeros((len(inner), *size), np.uint8)
    for labels, endo, epi in zip(maps, inner, outer, strict=True):
        if epi is not None:
            labels[rasterise(epi, size) > 0] = Structure.MYOCARDIUM
        labels[rasterise(endo, size) > 0] = Structure.CAVITY
    return maps
