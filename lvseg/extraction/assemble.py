"""A study as a shard, and as rows of the index."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lvseg.data.parts.sunnybrook import official_part
from lvseg.data.shards import SYNTHETIC, Shard
from lvseg.imaging.raster import rasterise
from lvseg.imaging.structures import STRUCTURES, Structure
from lvseg.imaging.types import Mask
from lvseg.labels.study import Study
from lvseg.labels.sunnybrook_text import ENDO, EPI, KINDS

COLUMNS = (
    "patient", "group", "official_part", "shard", "frame", "slice", "phase", "cycle", "image_number", "rows",
    "columns", "spacing_row_mm", "spacing_column_mm", "thickness_mm", "gap_mm", "dtype", "endo", "epi", "flags",
    "source", "rv", "vendor", "collection",
)  # fmt: skip


def to_shard(study: Study, name: str) -> Shard:
    """Return the shard of a study that has frames and all their pixels.

    Args:
        study: read with all pixels.
        name: the pseudonym under which the patient is stored.
    """
    first = study.frames[0].image
    size = (first.rows, first.columns)
    place = {frame.number: index for index, frame in enumerate(study.frames)}
    drawn = sorted(
        (key for key in study.points if key[0] in place), key=lambda key: (place[key[0]], KINDS.index(key[1]))
    )
    lines = [study.points[key] for key in drawn]
    labelled = study.labelled
    known = [[structure in study.known(frame.number) for structure in STRUCTURES] for frame in labelled]
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
        label_frame=_whole(place[frame.number] for frame in labelled),
        labels=np.array([_label_map(study, frame.number, size) for frame in labelled], np.uint8).reshape(
            -1, *size
        ),
        known=np.array(known, bool).reshape(-1, len(STRUCTURES)),
        cycle=np.array([study.cycle.get(frame.phase, "") for frame in labelled], dtype="U2"),
        patient=np.array(name),
        group=np.array(study.group),
        official_part=np.array(study.official_part or official_part(study.id)),
        vendor=np.array(study.vendor),
        collection=np.array(study.collection),
        source=np.array(_source(study)),
        convention=np.array(study.convention),
    )


def index_rows(shard: Shard) -> list[dict[str, Any]]:
    """Return one row of the index, with the keys `COLUMNS`, for each frame of a shard."""
    flags: dict[int, str] = dict(zip(shard.contour_frame.tolist(), shard.contour_flags.tolist(), strict=True))
    lines = set(zip(shard.contour_frame.tolist(), shard.contour_kind.tolist(), strict=True))
    maps = {frame: index for index, frame in enumerate(shard.label_frame.tolist())}
    rows = []
    for frame in range(len(shard.pixels)):
        index = maps.get(frame)
        values = (
            str(shard.patient), str(shard.group), str(shard.official_part), f"{shard.patient}.npz", frame,
            int(shard.slice[frame]), int(shard.phase[frame]), "" if index is None else str(shard.cycle[index]),
            int(shard.image_number[frame]), *shard.pixels.shape[1:], *map(float, shard.spacing_mm),
            float(shard.thickness_mm), float(shard.gap_mm), shard.pixels.dtype.name,
            int(index is not None and (frame, ENDO) in lines), int(index is not None and (frame, EPI) in lines),
            flags.get(frame, ""), str(shard.source),
            int(index is not None and bool(shard.mask(index, Structure.RIGHT_VENTRICLE).any())),
            str(shard.vendor), str(shard.collection),
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
    return sorted(name for name, flagged in study.flags.items() if number in flagged)


def _label_map(study: Study, number: int, size: tuple[int, int]) -> Mask:
    """Return the label map of a frame: its own, or the cavity within the endocardium and the wall around it."""
    if study.maps:
        return study.maps[number].labels
    labels = np.zeros(size, np.uint8)
    if (number, EPI) in study.points:
        labels[rasterise(study.points[number, EPI], size) > 0] = Structure.MYOCARDIUM
    labels[rasterise(study.points[number, ENDO], size) > 0] = Structure.CAVITY
    return labels
