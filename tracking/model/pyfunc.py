"""The model as MLflow loads and serves it.

A copy of this file goes into each artifact, beside the part of `lvseg` that it needs.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException

from lvseg.core.errors import UserError
from lvseg.inference.segmenter import Segmenter, load_segmenter
from lvseg.inference.serving import segment


class Refused(MlflowException):
    """A refusal that says its reason only: MLflow puts what was sent in front of it, DICOM header and all."""

    @property
    def message(self) -> str:
        """The reason, whatever is set later."""
        return self._reason

    @message.setter
    def message(self, text: str) -> None:
        self._reason: str = getattr(self, "_reason", text)


class ServedModel:
    """Frames in, masks out; see `lvseg.inference.serving.segment`."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter

    def predict(self, frames: pd.DataFrame) -> pd.DataFrame:
        """Return a row of answers for each row of `frames`.

        Raises:
            Refused: a frame cannot be used; the server answers 400.
        """
        try:
            answers = segment(self._segmenter, frames.to_dict("records"))
        except UserError as error:
            raise Refused.invalid_parameter_value(str(error)) from None
        return pd.DataFrame(answers, dtype=object)  # an area that is unknown stays None: JSON has no NaN


def _load_pyfunc(data: str) -> ServedModel:
    """Load the model from the artifact's folder of data; MLflow calls this by name."""
    how: dict[str, Any] = json.loads((Path(data) / "run.json").read_text(encoding="utf-8"))["prediction"]
    return ServedModel(load_segmenter(Path(data) / "model.keras", how))
