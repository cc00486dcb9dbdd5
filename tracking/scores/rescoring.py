"""An older model on the test set of today."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lvseg import params
from lvseg.core.errors import UserError
from lvseg.data.parts.testset import hash_of_test_set
from tracking.runs.store import Store
from tracking.scores.results import patients_table

if TYPE_CHECKING:
    from mlflow.entities import Run

FOLDER = "evaluation/rescored"  # of the run: a folder for each test set, by the beginning of its hash
_TABLE = "per_patient.csv"


def rescored(store: Store, run: "Run", test_hash: str) -> pd.DataFrame:
    """Return the scores by patient of a run's model on the test slices in `data/`; done once for each test set.

    Raises:
        UserError: `data/` does not hold the test set of this hash.
    """
    folder = f"{FOLDER}/{test_hash[:12]}"
    if f"{folder}/{_TABLE}" in {entry.path for entry in store.client.list_artifacts(run.info.run_id, folder)}:
        return patients_table(store, run, f"{folder}/{_TABLE}")
    settings = params.load()

    from lvseg.core import backend

    backend.prepare(settings.evaluate.threads, seed=0)

    from lvseg.evaluation.scored import score_model
    from lvseg.evaluation.sources import Sources
    from lvseg.evaluation.trained_models import TrainedModel
    from tracking.model.package import downloaded

    examples = Sources().select("test", settings.quality.drop_from_test).examples
    if hash_of_test_set(examples) != test_hash:
        raise UserError(
            f"{run.info.run_name} was tested on another test set, and data/ does not hold the one of "
            f"{test_hash[:12]} to score it again: check out the candidate's revision and run `make repro`"
        )
    with tempfile.TemporaryDirectory() as temporary:
        home = downloaded(run.data.tags["lvseg.model_uri"], Path(temporary, "model"))
        summary = json.loads((home / "run.json").read_text(encoding="utf-8"))
        model = TrainedModel(run.data.tags["lvseg.model"], home, summary)
        drop, batch_size = settings.quality.drop_from_test, settings.evaluate.batch_size
        table = score_model(model, Sources(), drop, batch_size).patients()
        table.to_csv(Path(temporary, _TABLE), index=False)
        store.client.log_artifact(run.info.run_id, str(Path(temporary, _TABLE)), folder)
    return table
