"""The page of a comparison, written with its pictures."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from lvseg.comparison import comparison_page
from lvseg.comparison.compare import ComparedModel, Comparison, disagreements
from lvseg.comparison.dice_scatter import draw_dice_scatter
from lvseg.core.paths.files import atomic_path
from lvseg.data import drawn_frames
from lvseg.data.examples import Example
from lvseg.evaluation.predictions import predicted
from lvseg.evaluation.trained_models import TrainedModel
from lvseg.pictures.overlays import Overlay, draw_overlays
from lvseg.pictures.samples import caption

_MOST_SLICES = 5  # that are shown: those on which the models differ most


def write_page(
    path: Path,
    comparison: Comparison,
    compared: Sequence[ComparedModel],
    models: Sequence[TrainedModel],
    examples: Sequence[Example],
) -> None:
    """Write the page of a comparison; it is whole or as before.

    Args:
        path: of the HTML file.
        comparison: the figures.
        compared: what they are made of.
        models: the networks of what is compared, in the same order.
        examples: the test slices; without them the page has no pictures of slices.

    Raises:
        UserError: a network or an image cannot be read.
    """
    with tempfile.TemporaryDirectory() as temporary:
        scatter, differ = Path(temporary, "scatter.png"), Path(temporary, "differ.png")
        draw_dice_scatter(scatter, comparison)
        rows = _overlays(compared, models, examples) if examples else {}
        if any(rows.values()):
            draw_overlays(differ, "where the models differ most", rows)
        text = comparison_page.html(comparison, scatter, differ if differ.exists() else None)
        with atomic_path(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def _overlays(
    compared: Sequence[ComparedModel],
    models: Sequence[TrainedModel],
    examples: Sequence[Example],
) -> dict[str, list[Overlay]]:
    """Return a row of overlays for each model, on the slices on which they differ most."""
    by_place = {(example.patient, example.slice, example.phase): example for example in examples}
    widest = disagreements(compared, _MOST_SLICES)
    rows: dict[str, list[Overlay]] = {}
    shown = [
        (row, by_place[row["patient"], row["slice"], row["phase"]])
        for row in widest[widest["apart"] > 0].to_dict("records")
    ]
    asked = sorted((example for _, example in shown), key=lambda example: example.shard)
    for number, (entry, model) in enumerate(zip(compared, models, strict=True)):
        segmenter = model.load()
        rows[entry.title] = []
        predictions = dict(predicted(segmenter, asked))
        for row, example in shown:
            frame = drawn_frames.load(example)
            overlay = Overlay(
                image=frame.image,
                reference=frame.endo,
                predicted=predictions[example].mask,
                pixel_width_mm=frame.spacing_mm.columns_mm,
                dice=float(row[f"dice_{number}"]),
                caption=caption(example),
            )
            rows[entry.title].append(overlay)
    return rows
