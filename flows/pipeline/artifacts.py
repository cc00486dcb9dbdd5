"""The artifacts of a run, which Prefect shows: the comparison, the parameters, the hashes before and after."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.client.schemas.objects import State

from flows.pipeline import promotion
from flows.workspace.snapshot import RunRecord
from flows.workspace.worktree import Workspace
from lvseg.pages.headlines import HEADLINES, cells, ranked, synthetic, tested
from tracking.server import addresses
from tracking.server.addresses import RunAddress

SHORT = 12  # characters: enough to tell hashes apart


def write(
    place: Workspace,
    states: Mapping[str, State[Any]],
    before: Mapping[str, str],
    record: RunRecord,
) -> None:
    """Create the artifacts of a run: `comparison`, `params`, `dvc-lock`, and `report` where a server has it.

    Args:
        place: the workspace of the run.
        states: the states of the stages and of the promotion, by name.
        before: DVC's hashes when the run began, as `hashes` returns them.
        record: the commit and the git ref that hold the run.
    """
    metrics = _metrics(place.path)
    names = ranked(metrics["models"]) if metrics else []
    folders = {folder.name: folder for folder in addresses.models(place.path)}
    runs = {name: addresses.run_of(place.path, folders[name]) if name in folders else None for name in names}
    best = runs[names[0]] if names else None
    page = best.report if best else None
    parts = [
        _models(metrics, names, runs) if metrics else "No evaluation yet.",
        _champion(states),
        f"[The report: curves, overlays, every slice]({page})" if page else _where(place.path),
        _stages(states),
        _hashes(before, hashes(place.path)),
        f"Commit `{record.commit}`, git ref `{record.ref}`"
        + (f", branch `{record.branch.removeprefix('refs/heads/')}`" if record.branch else ""),
    ]
    create_markdown_artifact(
        "\n\n".join(part for part in parts if part), key="comparison", description="The models, compared"
    )
    for key, name in (("params", "params.yaml"), ("dvc-lock", "dvc.lock")):
        if (place.path / name).is_file():
            text = (place.path / name).read_text(encoding="utf-8")
            create_markdown_artifact(f"```yaml\n{text}```\n", key=key, description=f"{name} of this run")
    if page:
        create_link_artifact(page, key="report", link_text="the report of the evaluation")


def hashes(workspace: Path) -> dict[str, str]:
    """Return DVC's hash of every out that a stage or a `.dvc` file has, by path."""
    by_path: dict[str, str] = {}
    lock = workspace / "dvc.lock"
    stages = (
        (yaml.safe_load(lock.read_text(encoding="utf-8")) or {}).get("stages", {}) if lock.is_file() else {}
    )
    for stage in stages.values():
        by_path |= {out["path"]: out.get("md5", "") for out in stage.get("outs", [])}
    for pointer in sorted(workspace.glob("data/**/*.dvc")):
        for out in yaml.safe_load(pointer.read_text(encoding="utf-8")).get("outs", []):
            path = (pointer.parent / out["path"]).relative_to(workspace).as_posix()
            by_path[path] = out.get("md5", "")
    return by_path


def _metrics(workspace: Path) -> dict[str, Any] | None:
    """Return what `evaluate` found in a workspace; None where it has not been."""
    path = workspace / "reports" / "metrics.json"
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _models(metrics: Mapping[str, Any], names: Sequence[str], runs: Mapping[str, RunAddress | None]) -> str:
    """Return the table of models, the best first, each with its MLflow run, and what they were tested on."""
    models, test = metrics["models"], metrics["test"]
    heads = ["model", *(headline.head for headline in HEADLINES), "parameters", "MLflow run"]
    rows = [
        [name, *cells(models[name], test["patients"]), f"{models[name]['parameters']:,}", _link(runs[name])]
        for name in names
    ]
    parts = [
        f"**{warning}**" if (warning := synthetic(test)) else "",
        _table(heads, rows),
        f"{tested(test)} Test set `{test['hash'][:SHORT]}`.",
        _ranking(runs.values()),
    ]
    return "\n\n".join(part for part in parts if part)


def _ranking(runs: Iterable[RunAddress | None]) -> str:
    """Return the link to the list of all runs in MLflow; "" where no server shows it."""
    pages = [run.ranking for run in runs if run and run.ranking]
    return f"[All runs, ranked by Dice on the test set]({pages[0]})" if pages else ""


def _champion(states: Mapping[str, State[Any]]) -> str:
    """Return the section on what the promotion decided; "" where there was none."""
    state = states.get(promotion.STEP)
    return f"## Champion\n\n{_told(state.message)}" if state and state.message else ""


def _stages(states: Mapping[str, State[Any]]) -> str:
    """Return the section on what each stage, and the promotion after them, did."""
    return "## Stages\n\n" + _table(
        ["stage", "state", "what happened"],
        [[name, state.name or "", _told(state.message or "")] for name, state in states.items()],
    )


def _hashes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the section on DVC's hashes that went in and came out; "" where there are none."""
    rows = [
        [
            path,
            f"`{before.get(path, '')[:SHORT]}`" if path in before else "-",
            f"`{value[:SHORT]}`",
        ]
        for path, value in sorted(after.items())
    ]
    return "## Data, by DVC's hashes\n\n" + _table(["path", "before", "after"], rows) if rows else ""


def _where(workspace: Path) -> str:
    """Return the sentence on where the report lies, for a run whose report no server shows."""
    return f"The report: `{workspace.name}/reports/index.html` in the folder of workspaces."


def _link(run: RunAddress | None) -> str:
    """Return an MLflow run as a link, where a server shows it."""
    if run is None:
        return "-"
    title = _told(run.title)
    return f"[{title}]({run.page})" if run.page else f"{title} (`{run.id}`)"


def _told(text: str) -> str:
    """Return a text of a program or a store as Markdown that shows it, in one line: no cell, link or tag of its own.

    Whoever may write to MLflow names its runs. Prefect's pages leave `javascript:` in a link, and the browser keeps the
    password for them.
    """
    return " ".join(re.sub(r"([\\\[\]<|])", r"\\\1", text).split())


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
