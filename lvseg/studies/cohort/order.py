"""What is ordered of a run of `cohort.predict`: the same for all its inputs, and for all its workers."""

import json
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.code.closure import code_hash
from lvseg.core.errors import UserError
from lvseg.studies.analysis.body import NOBODY, Body
from lvseg.studies.analysis.result import KnownError, ModelFacts
from lvseg.studies.outputs.study_folder import Outputs


@dataclass(frozen=True)
class Order:
    """Which model to apply, how, and what to write where.

    Attributes:
        out: the output folder.
        model: folder with `model.keras` and `run.json`.
        facts: of that model.
        threads: of one operation; fixed, because it can change the last digits.
        series: number, UID or part of the description of the series to take in each study; None lets the program
            choose.
        outputs: which files are written of each study.
        with_ids: names of studies begin with the patient's id.
        body: what the user says of the patient's size.
    """

    out: Path
    model: Path
    facts: ModelFacts
    threads: int
    series: str | None
    outputs: Outputs
    with_ids: bool
    body: Body = NOBODY

    def identity(self) -> str:
        """Return a text that differs where the same files would give other outputs, code included."""
        code = code_hash("lvseg.studies.cohort.worker")
        return repr((self.facts, self.threads, self.series, self.outputs, self.with_ids, self.body, code))


def model_facts(
    folder: Path, version: str = "", tested: str = "", errors: tuple[KnownError, ...] = ()
) -> ModelFacts:
    """Return what the outputs say of the model in a folder.

    Args:
        folder: with `model.keras` and `run.json`.
        version: of the registered model, such as `v3`; empty for a model from a folder.
        tested: how it did on patients that it had not learnt from, in words; empty where that is not known.
        errors: of its measures there, as far as they are known.

    Raises:
        UserError: the folder holds no model of this program.
    """
    from importlib.metadata import version as installed

    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        learnt_from = run.get("learnt_from") or {}
        facts = ModelFacts(
            run["model"],
            version,
            run["weights_hash"],
            installed("lvseg"),
            learnt_from.get("patients"),
            learnt_from.get("synthetic", 0),
            tested,
            errors,
        )
        (folder / "model.keras").open("rb").close()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder} holds no model ({error}): name a folder with model.keras and run.json, such as models/unet"
        ) from None
    return facts
