"""Scores of trained models on held-out slices, on the original grid of every image."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from lvseg import dataset, metrics
from lvseg.dataset import Example
from lvseg.errors import UserError
from lvseg.prediction import load_model, predict


@dataclass(frozen=True)
class TrainedModel:
    """A trained model on disk: its name, its folder, and what its `run.json` tells of the training."""

    name: str
    folder: Path
    run: dict[str, Any]

    def load(self) -> keras.Model:
        """Load the network."""
        return load_model(self.folder / "model.keras")


@dataclass(frozen=True)
class SliceScore:
    """One model on one slice.

    Attributes:
        loss: mean cross-entropy per pixel in nats.
        accuracy: share of pixels with the right class.
        dice: Dice coefficient; 0 for a missed contour, NaN where both masks are empty.
        dice_smoothed: the article's (2 intersection + 1) / (sum of areas + 1).
        manual_pixels: area of the manual mask.
        predicted_pixels: area of the predicted mask.
    """

    model: str
    patient: str
    group: str
    slice: int
    phase: int
    cycle: str
    image_number: int
    loss: float
    accuracy: float
    dice: float
    dice_smoothed: float
    manual_pixels: int
    predicted_pixels: int
    pixels: int
    flags: str


def trained_models(folder: Path) -> list[TrainedModel]:
    """Return the models in the subfolders of `folder`, by name.

    Raises:
        UserError: there is none, or one lacks a file.
    """
    models = []
    for path in sorted(folder.glob("[!.]*/model.keras")):  # a folder half written has a hidden name
        record = path.with_name("run.json")
        try:
            run = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise UserError(
                f"{record} is missing or damaged: run `dvc repro` to train the model again"
            ) from None
        models.append(TrainedModel(path.parent.name, path.parent, run))
    if not models:
        raise UserError(f"{folder}/ holds no trained model: run `dvc repro` to train them")
    return models


def score_slices(
    name: str, model: keras.Model, examples: Sequence[Example], batch_size: int
) -> Iterator[SliceScore]:
    """Yield the score of `model` on every example, in order; one batch of images is in memory at a time."""
    for start in range(0, len(examples), batch_size):
        batch = examples[start : start + batch_size]
        loaded = [dataset.load(example) for example in batch]
        predictions = predict(model, [image for image, _ in loaded])
        for example, (_, manual), prediction in zip(batch, loaded, predictions, strict=True):
            yield SliceScore(
                model=name,
                patient=example.patient,
                group=example.group,
                slice=example.slice,
                phase=example.phase,
                cycle=example.cycle,
                image_number=example.image_number,
                loss=metrics.cross_entropy(prediction.scores, manual),
                accuracy=metrics.accuracy(prediction.mask, manual),
                dice=metrics.dice(prediction.mask, manual),
                dice_smoothed=metrics.dice_smoothed(prediction.mask, manual),
                manual_pixels=int(manual.sum()),
                predicted_pixels=int(prediction.mask.sum()),
                pixels=manual.size,
                flags=" ".join(example.flags),
            )


def table(scores: Sequence[SliceScore]) -> pd.DataFrame:
    """Return one row per model and slice, with the fields of `SliceScore` as columns."""
    return pd.DataFrame([asdict(score) for score in scores])


def per_patient(slices: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model and patient: counts, and the mean Dice of the patient's slices.

    Columns: model, patient, group, slices, missed, undefined, dice_mean, dice_lowest, dice_ed, dice_es.
    """
    rows = []
    for (model, patient), own in slices.groupby(["model", "patient"], sort=False):
        by_cycle = own.groupby("cycle")["dice"].mean()
        rows.append(
            {
                "model": model,
                "patient": patient,
                "group": own["group"].iloc[0],
                **counts(own),
                "dice_mean": own["dice"].mean(),
                "dice_lowest": own["dice"].min(),
                "dice_ed": by_cycle.get("ED", np.nan),
                "dice_es": by_cycle.get("ES", np.nan),
            }
        )
    return pd.DataFrame(rows)


def counts(slices: pd.DataFrame) -> dict[str, int]:
    """Return how many slices there are, and how many are missed or undefined."""
    nothing = slices["predicted_pixels"] == 0
    drawn = slices["manual_pixels"] > 0
    return {
        "slices": len(slices),
        "missed": int((nothing & drawn).sum()),
        "undefined": int((nothing & ~drawn).sum()),
    }


def summary(slices: pd.DataFrame) -> dict[str, float]:
    """Return the scores of one model over the given slices.

    Dice over slices weighs every contour alike: a missed one counts 0, two empty masks count nothing. Dice
    over patients is the mean (median) over patients of the mean over each patient's slices. Where no Dice is
    defined at all they are NaN.
    """
    dice = slices["dice"]
    patients = dice.groupby(slices["patient"]).mean()
    scores: dict[str, Any] = {
        "loss": slices["loss"].mean(),
        "accuracy": slices["accuracy"].mean(),
        "dice_smoothed": slices["dice_smoothed"].mean(),
        "dice_slice_mean": dice.mean(),
        "dice_slice_q1": dice.quantile(0.25),
        "dice_slice_median": dice.median(),
        "dice_slice_q3": dice.quantile(0.75),
        "dice_patient_mean": patients.mean(),
        "dice_patient_median": patients.median(),
    }
    return {name: float(value) for name, value in scores.items()}


def ranked(slices: pd.DataFrame, count: int) -> dict[str, list[int]]:
    """Return the positions of the best, median and worst slices of one model by Dice, up to `count` of each.

    Of equal scores the one with the larger manual contour comes first: it tells more. Slices with undefined
    Dice are out. With fewer than 3 x `count` slices each rank takes a third of them.
    """
    scored = slices.reset_index(drop=True).dropna(subset="dice")
    by = ["dice", "manual_pixels"]
    best = scored.sort_values(by, ascending=[False, False], kind="stable").index.tolist()
    worst = scored.sort_values(by, ascending=[True, False], kind="stable").index.tolist()
    count = min(count, max(len(scored) // 3, 1))
    middle = (len(scored) - count) // 2
    return {"best": best[:count], "median": best[middle : middle + count], "worst": worst[:count]}
