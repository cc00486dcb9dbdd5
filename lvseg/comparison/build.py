"""The page of a comparison, written."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lvseg.comparison import comparison_page
from lvseg.comparison.content import Entry, disagreements
from lvseg.comparison.pictures import draw_scatter
from lvseg.core.files import atomic_path
from lvseg.data import drawn_frames
from lvseg.data.examples import Example
from lvseg.evaluation import scores
from lvseg.evaluation.scores import TrainedModel
from lvseg.pictures.overlays import Overlay, draw_overlays
from lvseg.pictures.samples import caption

PICTURES = 5  # slices on which the models differ most


def write(
    path: Path,
    told: Mapping[str, Any],
    entries: Sequence[Entry],
    models: Sequence[TrainedModel],
    examples: Sequence[Example],
) -> None:
    """Write the page.

    Args:
        told: as `content` returns it.
        entries: what is compared.
        models: their networks, in the same order.
        examples: the test slices; without them the page has no pictures of slices.
    """
    with tempfile.TemporaryDirectory() as temporary:
        scatter, differ = Path(temporary, "scatter.png"), Path(temporary, "differ.png")
        draw_scatter(scatter, told["titles"], told["patients"])
        rows = _overlays(entries, models, examples) if examples else {}
        if any(rows.values()):
            draw_overlays(differ, "where the models differ most", rows)
        text = comparison_page.html(told, scatter, differ if differ.exists() else None)
        with atomic_path(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def _overlays(
    entries: Sequence[Entry], models: Sequence[TrainedModel], examples: Sequence[Example]
) -> dict[str, list[Overlay]]:
    """Return a row of overlays for each model, on the slices on which they differ most."""
    by_place = {(e.patient, e.slice, e.phase): e for e in examples}
    widest = disagreements(entries, PICTURES)
    rows: dict[str, list[Overlay]] = {}
    for number, (entry, model) in enumerate(zip(entries, models, strict=True)):
        segmenter = model.load()
        rows[entry.title] = []
        for row in widest[widest["apart"] > 0].to_dict("records"):
            example = by_place[row["patient"], row["slice"], row["phase"]]
            frame = drawn_frames.load(example)
            (found,) = scores.predicted(segmenter, [example], [frame])
            dice = float(row[f"dice_{number}"])
            overlay = Overlay(
                frame.image, frame.endo, found.mask, float(frame.spacing_mm[1]), dice, caption(example)
            )
            rows[entry.title].append(overlay)
    return rows
