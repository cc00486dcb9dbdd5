"""The stage `report`: pictures and the page, from the scores and masks that the evaluation kept."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lvseg.core.errors import UserError
from lvseg.data import drawn_frames
from lvseg.data.examples import Example
from lvseg.evaluation import kept, summaries
from lvseg.evaluation.kept import PackedMask
from lvseg.evaluation.sources import Sources
from lvseg.evaluation.trained_models import TrainedModel, trained_models
from lvseg.pictures.agreement import draw_agreement
from lvseg.pictures.curves import draw_curves
from lvseg.pictures.distribution import draw_distribution
from lvseg.pictures.network import draw_network
from lvseg.pictures.overlays import Overlay, draw_overlays
from lvseg.pictures.samples import caption, draw_samples
from lvseg.report import report_page

if TYPE_CHECKING:
    from lvseg.params import Params

PICTURES = Path("pictures")
PAGE = "index.html"


def build(
    folder: Path, metrics: Path, scores: Path, sources: Sources, params: "Params"
) -> dict[str, list[Path]]:
    """Fill `folder` with `index.html` and `pictures/`; nothing is predicted again.

    Args:
        folder: to fill.
        metrics: `metrics.json` of the evaluation.
        scores: the folder that the evaluation kept; see `lvseg.evaluation.kept`.
        sources: where models, shards and split lie.
        params: all parameters.

    Returns:
        The pictures that belong to each model, relative to `folder`.

    Raises:
        UserError: the evaluation is missing, or of other slices or models.
    """
    models = trained_models(sources.models)
    every = sources.select("test", ()).examples
    with_flagged = kept.read_slices(scores)
    _check_same(every, models, with_flagged, scores)
    slices = summaries.without_flags(with_flagged, params.quality.drop_from_test)
    patients = summaries.per_patient(slices)
    pictures = {"samples": PICTURES / "samples.png", "dice": PICTURES / "dice.png"}
    training = {
        name: sources.select(part, params.quality.drop_from_training).examples
        for name, part in (("training", "train"), ("validation", "validation"))
    }
    draw_samples(folder / pictures["samples"], training)
    draw_distribution(folder / pictures["dice"], slices)
    drawn = {
        model.name: _draw(
            folder,
            model,
            _of(model, with_flagged),
            patients[patients["model"] == model.name],
            every,
            kept.read_masks(scores, model.name),
            params,
        )
        for model in models
    }
    text = report_page.render(
        report_page.content(
            slices,
            patients,
            json.loads(metrics.read_text(encoding="utf-8")),
            models,
            params,
            pd.read_csv(sources.split, keep_default_na=False),
        ),
        {name: folder / path for name, path in pictures.items()},
        {name: {kind: folder / path for kind, path in paths.items()} for name, paths in drawn.items()},
    )
    (folder / PAGE).write_text(text, encoding="utf-8")
    return {name: [pictures["samples"], *paths.values()] for name, paths in drawn.items()}


def _of(model: TrainedModel, slices: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one model."""
    return slices[slices["model"] == model.name].reset_index(drop=True)


def _check_same(
    every: Sequence[Example], models: Sequence[TrainedModel], slices: pd.DataFrame, scores: Path
) -> None:
    """Refuse scores of other slices or models than there are."""
    place = ["patient", "slice", "phase"]
    expected = [(example.patient, example.slice, example.phase) for example in every]
    scored = [list(_of(model, slices)[place].itertuples(index=False, name=None)) for model in models]
    if any(places != expected for places in scored):
        raise UserError(f"{scores}/ is of other slices or models than there are: run `dvc repro evaluate`")


def _draw(
    folder: Path,
    model: TrainedModel,
    slices: pd.DataFrame,
    patients: pd.DataFrame,
    examples: Sequence[Example],
    masks: Sequence[PackedMask],
    params: "Params",
) -> dict[str, Path]:
    """Return one model's pictures by kind, relative to `folder`.

    Args:
        folder: to fill.
        model: whose pictures they are.
        slices: its scores, flagged slices included.
        patients: its scores by patient.
        examples: a slice for each row of `slices`.
        masks: what it predicted, the same.
        params: all parameters.
    """
    home = PICTURES / model.name
    drawn = {"curves": home / "curves.png", "network": home / "network.png"}
    draw_curves(folder / drawn["curves"], model.name, _history(model.folder / "history.csv"))
    segmenter = model.load()
    draw_network(folder / drawn["network"], model.name, segmenter.network, segmenter.grid.size)
    scored = slices.assign(place=range(len(slices)))
    scored = summaries.without_flags(scored, params.quality.drop_from_test)
    ranks = summaries.ranked(scored, params.report.overlays)
    if any(ranks.values()):
        rows = {
            rank: [
                _overlay(examples[scored["place"][row]], masks[scored["place"][row]], scored["dice"][row])
                for row in chosen
            ]
            for rank, chosen in ranks.items()
        }
        drawn["overlays"] = home / "overlays.png"
        draw_overlays(folder / drawn["overlays"], model.name, rows)
    drawn["agreement"] = home / "agreement.png"
    draw_agreement(folder / drawn["agreement"], model.name, patients)
    return drawn


def _overlay(example: Example, mask: PackedMask, dice: float) -> Overlay:
    """Return one slice with both contours."""
    frame = drawn_frames.load(example)
    return Overlay(
        frame.image, frame.endo, mask.unpacked(), frame.spacing_mm.columns_mm, dice, caption(example)
    )


def _history(path: Path) -> Mapping[str, Sequence[float]]:
    """Return the columns of a training's history."""
    try:
        return {str(name): column.tolist() for name, column in pd.read_csv(path).items()}
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro` to train the model again") from None
