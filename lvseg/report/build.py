"""Everything that an evaluation writes: scores, tables, pictures and the page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lvseg.core.errors import UserError
from lvseg.data import drawn_frames, examples
from lvseg.data.examples import Example, Selection
from lvseg.data.testset import hash_of_test_set
from lvseg.evaluation import summaries
from lvseg.evaluation.scores import (
    TrainedModel,
    drawn_on_empty,
    predicted,
    score_slices,
    table,
    trained_models,
)
from lvseg.inference.segmenter import Segmenter
from lvseg.params import Params
from lvseg.pictures.agreement import draw_agreement
from lvseg.pictures.curves import draw_curves
from lvseg.pictures.distribution import draw_distribution
from lvseg.pictures.network import draw_network
from lvseg.pictures.overlays import Overlay, draw_overlays
from lvseg.pictures.samples import caption, draw_samples
from lvseg.report import report_page, tables


@dataclass(frozen=True)
class Sources:
    """Where an evaluation reads."""

    models: Path = Path("models")
    shards: Path = Path("data/shards")
    split: Path = Path("data/split.csv")

    def select(self, part: str, drop: tuple[str, ...]) -> Selection:
        """Return the contoured slices of one part of the split."""
        return examples.select_examples(self.shards, self.split, part, drop)

    def empty(self, part: str, drop: tuple[str, ...]) -> list[Example]:
        """Return the slices of one part of the split that are known to hold no ventricle."""
        every = examples.select_examples(self.shards, self.split, part, drop, empty=True).examples
        return [example for example in every if example.mask is None]


def build(folder: Path, sources: Sources, params: Params) -> dict[str, list[Path]]:
    """Score every trained model on the test patients and fill `folder`.

    Returns:
        The pictures that belong to each model, relative to `folder`.

    Raises:
        UserError: no model is trained, or no test slice is left.
    """
    models = trained_models(sources.models)
    drop = params.quality.drop_from_test
    every, test = sources.select("test", ()).examples, sources.select("test", drop)
    if not test.examples:
        raise UserError(
            f"{sources.split} leaves no test slice (left out by flag: {test.left_out or 'none'}): add patients, "
            "raise split.test_fraction or drop fewer flags in quality.drop_from_test"
        )
    pictures = {"samples": Path("pictures/samples.png"), "dice": Path("pictures/dice.png")}
    training = {
        name: sources.select(part, params.quality.drop_from_training).examples
        for name, part in (("training", "train"), ("validation", "validation"))
    }
    draw_samples(folder / pictures["samples"], training)

    parts: list[pd.DataFrame] = []
    drawn: dict[str, dict[str, Path]] = {}
    facts: dict[str, dict[str, int]] = {}
    empty = sources.empty("test", drop)
    for model in models:
        segmenter = model.load()
        found = score_slices(model.name, segmenter, every, params.evaluate.batch_size)
        parts.append(table(list(found)))
        scores = _without(drop, parts[-1])
        drawn[model.name] = _draw(folder, model, segmenter, test.examples, scores, params)
        facts[model.name] = {
            "parameters": model.run["parameters"],
            "drawn_on_empty": drawn_on_empty(segmenter, empty, params.evaluate.batch_size),
        }
    with_flagged = pd.concat(parts, ignore_index=True)
    slices = _without(drop, with_flagged)
    draw_distribution(folder / pictures["dice"], slices)

    patients = summaries.per_patient(slices)
    for model in models:
        drawn[model.name]["agreement"] = Path("pictures") / model.name / "agreement.png"
        draw_agreement(
            folder / drawn[model.name]["agreement"], model.name, patients[patients["model"] == model.name]
        )
    metrics = tables.metrics(
        slices,
        patients,
        with_flagged,
        facts,
        {
            "empty_slices": len(empty),
            "hash": hash_of_test_set(test.examples),
            "left_out": test.left_out,
        },
    )
    tables.write_json(folder / "metrics.json", metrics)
    tables.write_csv(folder / "per_slice.csv", slices)
    tables.write_csv(folder / "per_patient.csv", patients)
    tables.write_csv(folder / "by_group.csv", tables.by_division(slices))
    tables.write_csv(folder / "plots/dice_by_rank.csv", tables.dice_by_rank(slices))
    text = report_page.render(
        report_page.content(
            slices, patients, metrics, models, params, pd.read_csv(sources.split, keep_default_na=False)
        ),
        {name: folder / path for name, path in pictures.items()},
        {name: {kind: folder / path for kind, path in own.items()} for name, own in drawn.items()},
    )
    (folder / "index.html").write_text(text, encoding="utf-8")
    return {name: [pictures["samples"], *own.values()] for name, own in drawn.items()}


def _without(drop: Collection[str], slices: pd.DataFrame) -> pd.DataFrame:
    """Return the slices that bear none of the flags."""
    flagged = [not set(flags.split()).isdisjoint(drop) for flags in slices["flags"]]
    return slices[~np.array(flagged, bool)].reset_index(drop=True)


def _draw(
    folder: Path,
    model: TrainedModel,
    segmenter: Segmenter,
    examples: Sequence[Example],
    scores: pd.DataFrame,
    params: Params,
) -> dict[str, Path]:
    """Return one model's pictures by kind, relative to `folder`; `scores` has a row for each of `examples`."""
    home = Path("pictures") / model.name
    drawn = {"curves": home / "curves.png", "network": home / "network.png"}
    draw_curves(folder / drawn["curves"], model.name, _history(model.folder / "history.csv"))
    draw_network(folder / drawn["network"], model.name, segmenter.network, segmenter.grid.size)
    ranks = summaries.ranked(scores, params.evaluate.overlays)
    if any(ranks.values()):
        rows = {
            rank: [_overlay(segmenter, examples[i], scores["dice"][i]) for i in places]
            for rank, places in ranks.items()
        }
        drawn["overlays"] = home / "overlays.png"
        draw_overlays(folder / drawn["overlays"], model.name, rows)
    return drawn


def _overlay(segmenter: Segmenter, example: Example, dice: float) -> Overlay:
    """Predict one slice once more: keeping every mask for the few that are drawn would cost memory."""
    frame = drawn_frames.load(example)
    mask = predicted(segmenter, [example], [frame])[0].mask
    return Overlay(frame.image, frame.endo, mask, float(frame.spacing_mm[1]), dice, caption(example))


def _history(path: Path) -> Mapping[str, Sequence[float]]:
    """Return the columns of a training's history."""
    try:
        return {str(name): column.tolist() for name, column in pd.read_csv(path).items()}
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro` to train the model again") from None
