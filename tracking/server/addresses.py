"""Where the run of a model is found: its id, and its page where a server shows it."""

import json
from dataclasses import dataclass
from pathlib import Path

from lvseg import params
from tracking.runs.store import open_store, reason, shown, tracking_uri, warn
from tracking.scores.evaluation import REPORT
from tracking.server.mlflow_internals import run_route
from tracking.server.runs_view import ranking


@dataclass(frozen=True)
class RunAddress:
    """A run and its pages.

    Attributes:
        id, title: as MLflow has them.
        page, report, ranking: addresses for a browser, of the run, of its report, and of the list of all runs ranked by
            Dice; None where no server shows the store.
    """

    id: str
    title: str
    page: str | None
    report: str | None
    ranking: str | None


def model_of(workspace: Path, stage: str) -> Path | None:
    """Return the folder of the model that a stage makes, or None if it makes none or has not yet."""
    return next((folder for folder in models(workspace) if _summary(folder)["stage"] == stage), None)


def models(workspace: Path) -> list[Path]:
    """Return the folders of all models in a workspace."""
    return sorted(path.parent for path in (workspace / "models").glob("*/run.json"))


def run_of(workspace: Path, model: Path) -> RunAddress | None:
    """Return where the run of a model is; None, with a warning, if the store cannot say."""
    from tracking.runs import mlflow_runs

    summary = _summary(model)
    try:
        store = open_store(params.load(workspace / "params.yaml").tracking.experiment)
        run = mlflow_runs.find(store, summary["fingerprint"], summary["weights_hash"])
        list_of_runs = ranking(store) if store.uri.startswith("http") else None
    except Exception as error:
        warn(f"the tracking store {shown(tracking_uri())} cannot be asked for runs ({reason(error)})")
        return None
    if run is None:
        return None
    server = shown(store.uri).rstrip("/")
    page = list_of_runs and f"{server}/{run_route(store.experiment_id, run.info.run_id)}"
    return RunAddress(
        id=run.info.run_id,
        title=run.info.run_name,
        page=page,
        report=page and f"{page}/artifacts/evaluation/{REPORT}",
        ranking=list_of_runs and f"{server}/{list_of_runs}",
    )


def _summary(model: Path) -> dict[str, str]:
    """Return `run.json` of a model."""
    content: dict[str, str] = json.loads((model / "run.json").read_text(encoding="utf-8"))
    return content
