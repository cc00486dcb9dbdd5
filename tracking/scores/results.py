"""Finished runs and what their evaluation says of each patient: what a comparison or a promotion reads."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lvseg.core.errors import UserError
from tracking.runs.store import Store, mlflow_command, reason

if TYPE_CHECKING:
    from mlflow.entities import Run

PATIENTS = "evaluation/per_patient.csv"
SLICES = "evaluation/per_slice.csv"


@dataclass(frozen=True)
class EvaluatedRun:
    """A training run that was evaluated.

    Attributes:
        run: as MLflow has it.
        test_hash: of the test slices; scores compare only where it is equal.
        patients: a row per test patient, as `lvseg.evaluation.summaries.per_patient` makes them.
        slices: a row per contoured test slice, as `lvseg.evaluation.scores.slices.table` makes them.
    """

    run: "Run"
    test_hash: str
    patients: pd.DataFrame
    slices: pd.DataFrame

    @property
    def title(self) -> str:
        """Return the name of the run."""
        return str(self.run.info.run_name)


def find_run(store: Store, text: str) -> "Run":
    """Return the run that a person means by its id, the beginning of its id, or its name.

    Raises:
        UserError: no run, or more than one, answers to that.
    """
    runs = store.client.search_runs([store.experiment_id], max_results=10_000)
    named = [run for run in runs if text in (run.info.run_id, run.info.run_name)]
    matches = named or [run for run in runs if len(text) >= 4 and run.info.run_id.startswith(text)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise UserError(f"no run is called {text}: give its name or its id, as `make mlflow` shows them")
    ids = ", ".join(run.info.run_id for run in matches)
    raise UserError(f"{len(matches)} runs are called {text}: give an id instead ({ids})")


def result_of(store: Store, run: "Run") -> EvaluatedRun:
    """Return what the evaluation of a run says.

    Raises:
        UserError: the run was never evaluated.
    """
    test_hash = run.data.tags.get("lvseg.test_hash")
    if test_hash is None:
        raise UserError(f"{run.info.run_name} ({run.info.run_id}) was not evaluated: run `make repro`")
    tables = (patients_table(store, run, path) for path in (PATIENTS, SLICES))
    return EvaluatedRun(run, test_hash, *tables)


def patients_table(store: Store, run: "Run", path: str) -> pd.DataFrame:
    """Return a table among the artifacts of a run; patients and groups are texts, also where they look like numbers.

    Raises:
        UserError: it is gone.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            file = store.client.download_artifacts(run.info.run_id, path, folder)
        except Exception as error:
            delete = mlflow_command(store.uri, f"runs delete --run-id {run.info.run_id}")
            raise UserError(
                f"{path} of {run.info.run_name} ({run.info.run_id}) cannot be read ({reason(error)}); if its files are "
                f"gone for good, {delete} and `dvc repro --force --single-item evaluate` log it anew"
            ) from error
        table = pd.read_csv(
            file, keep_default_na=False, na_values=[""], dtype={"patient": str, "group": str, "flags": str}
        )
    texts = [name for name in ("group", "flags", "cycle") if name in table]
    return table.fillna(dict.fromkeys(texts, ""))


def summary_of(store: Store, run: "Run") -> dict[str, Any]:
    """Return `run.json` of a training: what the fingerprint is a hash of, and how the network is asked."""
    with tempfile.TemporaryDirectory() as folder:
        path = store.client.download_artifacts(run.info.run_id, "training/run.json", folder)
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content
