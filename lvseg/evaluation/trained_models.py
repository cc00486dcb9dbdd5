"""Trained models on disk, as the stages of training leave them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvseg.core.errors import UserError
from lvseg.inference.segmenter import Segmenter, load_segmenter


@dataclass(frozen=True)
class TrainedModel:
    """A trained model on disk: its name, its folder, and what its `run.json` tells of the training."""

    name: str
    folder: Path
    run: dict[str, Any]

    def load(self) -> Segmenter:
        """Return the network, ready to predict in the way that it was trained for.

        Raises:
            UserError: the file is missing or damaged.
        """
        return load_segmenter(self.folder / "model.keras", self.run["prediction"])


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
