"""How a run predicts: the same for all its inputs."""

import json
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.closure import code_hash
from lvseg.core.errors import UserError
from lvseg.studies.analysis.result import ModelFacts
from lvseg.studies.outputs.study_folder import Outputs


@dataclass(frozen=True)
class Order:
    """What a process that predicts must know.

    Attributes:
        out: the output folder.
        model: folder with `model.keras` and `run.json`.
        facts: of that model.
        threads: of one operation; fixed, because it can change the last digits.
        series: that the user asks for, or None.
        outputs: what is written of each study.
        with_ids: names of studies begin with the patient's id.
    """

    out: Path
    model: Path
    facts: ModelFacts
    threads: int
    series: str | None
    outputs: Outputs
    with_ids: bool

    def how(self) -> str:
        """Return what an input must be done again for, if it changes."""
        code = code_hash("lvseg.studies.cohort.worker")
        return repr((self.facts, self.threads, self.series, self.outputs, self.with_ids, code))


def model_facts(folder: Path, version: str = "") -> ModelFacts:
    """Return what is said of the model in a folder.

    Raises:
        UserError: it holds no model of this program.
    """
    from importlib.metadata import version as installed

    try:
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        facts = ModelFacts(told["model"], version, told["weights_hash"], installed("lvseg"))
        (folder / "model.keras").open("rb").close()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder} holds no model ({error}): name a folder with model.keras and run.json, such as models/unet"
        ) from None
    return facts
