"""Everything that a tracking store shows of runs: what a scan for patients' data has to look at."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvseg.core.code.closure import PACKAGES
from lvseg.core.code.git import git, git_bytes
from lvseg.core.errors import UserError
from lvseg.core.paths.places import state_home
from tracking.registry.living_run import has_model
from tracking.registry.versions import MODEL
from tracking.runs.record import outbox
from tracking.runs.store import Store, reason, shown

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion

Shown = Iterator[tuple[str, bytes]]  # place and content

# Folders and files of git that hold the program, in every version.
_PROGRAM = (*PACKAGES, "tests", "bench", "docs", "mlflow", "requirements", ".ci", ".github", ".dvc")
_PAGES = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CITATION.cff", "LICENSE",
    "Makefile", "pyproject.toml", "prefect.yaml", "dvc.yaml",
)  # fmt: skip

# What stages make on this machine, for people and for the next stage.
_LOCAL = (
    "reports", "scores", "data/quality", "data/index.csv", "data/split.csv", "data/shards", "models", "training",
    "dvc.lock", "comparison.html",
)  # fmt: skip


def local_paths() -> list[Path]:
    """Return the files and folders on this machine that may be shown or shared, records in waiting included.

    Of predicted studies what is not for their owner alone; of Prefect the database of `make ui`.
    """
    workspaces = (state_home() / "workspaces").glob("*/")
    results = [path for path in Path("results").glob("*") if path.name != "private"]
    prefect = sorted((state_home() / "prefect").glob("*.db*"))
    in_workspaces = [folder / name for folder in sorted(workspaces) for name in _LOCAL]
    return [*map(Path, _LOCAL), *sorted(results), outbox(), *in_workspaces, *prefect]


def in_git(root: Path) -> Shown:
    """Yield what git holds beside the program: names and messages of all refs and commits, data and parameters.

    All versions of files below the program's own folders are code and pages of this project, and left out.
    """
    named = git("for-each-ref", "--format=%(refname) %(contents)", root=root)
    yield "names and messages of refs", named.encode()
    yield "messages of commits", git("log", "--all", "--format=%B", root=root).encode()
    listed = git("rev-list", "--all", "--objects", "--filter=object:type=blob", root=root).splitlines()
    blobs = dict(line.partition(" ")[::2] for line in listed if " " in line)
    for blob, path in sorted(blobs.items(), key=lambda pair: pair[::-1]):
        if path.partition("/")[0] not in _PROGRAM and path not in _PAGES:
            yield f"{path} ({blob[:8]})", git_bytes("cat-file", "blob", blob, root=root)


def every_experiment(store: Store) -> list[Store]:
    """Return the store as seen from each of its experiments, ours first, deleted ones included."""
    from mlflow.entities import ViewType

    ids = [one.experiment_id for one in store.client.search_experiments(view_type=ViewType.ALL)]
    return [store, *(replace(store, experiment_id=one) for one in ids if one != store.experiment_id)]


def all_runs(store: Store) -> "list[Run]":
    """Return every run of the experiment, deleted ones included until `mlflow gc` removes them."""
    from mlflow.entities import ViewType

    return list(
        store.client.search_runs([store.experiment_id], run_view_type=ViewType.ALL, max_results=10_000)
    )


def shown_in(store: Store, run: "Run | None" = None) -> Shown:
    """Yield everything that one run or all of them, their models and registered versions hold: facts and files.

    Raises:
        UserError: the store does not give all of it.
    """
    try:
        yield from _common(store)
        for each in [run] if run else all_runs(store):
            yield from _facts(f"run {each.info.run_id}", each.to_dictionary())
            if store.client.list_artifacts(each.info.run_id):
                download = partial(store.client.download_artifacts, each.info.run_id, "")
                yield from _files(f"run {each.info.run_id}", download)
        yield from _shown_by_models(store, run)
    except Exception as error:
        message = f"the tracking store {shown(store.uri)} does not show all that it holds ({reason(error)})"
        raise UserError(f"{message}: what it keeps back cannot be judged, mend it first") from error


def _common(store: Store) -> Shown:
    """Yield the facts of the experiment and of the registered model."""
    from mlflow.exceptions import MlflowException

    yield from _facts("experiment", dict(store.client.get_experiment(store.experiment_id)))
    try:
        yield from _facts(f"registered model {MODEL}", dict(store.client.get_registered_model(MODEL)))
    except MlflowException as error:  # nothing was registered yet
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _shown_by_models(store: Store, run: "Run | None") -> Shown:
    """Yield what the models and versions hold; a version's files are most often its model's, which come once."""
    from mlflow.artifacts import download_artifacts

    seen = set()
    for thing, name, source in _made(store, run):
        yield from _facts(name, dict(thing))
        if name.startswith("version ") and not has_model(store, thing):
            continue  # it was deleted in MLflow, which gives no file of it any more
        if source not in seen:
            seen.add(source)
            yield from _files(name, partial(download_artifacts, source))


def days_of(store: Store, run: "Run | None" = None) -> set[str]:
    """Return the days (YYYYMMDD, here and in UTC) on which runs, models and versions were made or changed."""
    runs = [run] if run else all_runs(store)
    times = [time for each in runs for time in (each.info.start_time, each.info.end_time)]
    for thing, _, _ in _made(store, run):
        times += [thing.creation_timestamp, thing.last_updated_timestamp]
    moments = [datetime.fromtimestamp(time / 1000, UTC) for time in times if time]
    return {day.strftime("%Y%m%d") for moment in moments for day in (moment, moment.astimezone())}


def _made(store: Store, run: "Run | None") -> "Iterator[tuple[LoggedModel | ModelVersion, str, str]]":
    """Yield models and registered versions, with what they are called and where their files are.

    Without a run these are all, those whose run is gone for good included.
    """
    query, token = run and f"source_run_id = '{run.info.run_id}'", None
    while True:
        page = store.client.search_logged_models([store.experiment_id], query, page_token=token)
        for model in page:
            yield model, f"model {model.model_id}", model.model_uri
        token = page.token
        if not token:
            break
    query = f"run_id = '{run.info.run_id}'" if run else f"name = '{MODEL}'"
    for version in store.client.search_model_versions(query):
        yield version, f"version {version.version} of {version.name}", str(version.source)


def _facts(place: str, facts: Any) -> Shown:
    """Yield every value of nested facts; keys become part of the place."""
    if isinstance(facts, dict):
        for key, value in facts.items():
            yield from _facts(f"{place}/{key}", value)
    elif isinstance(facts, list | tuple):
        for number, value in enumerate(facts):
            yield from _facts(f"{place}/{number}", value)
    elif facts is not None:
        yield place, str(facts).encode()


def _files(place: str, download: Callable[..., object]) -> Shown:
    """Yield all files of a folder that `download` brings to this machine for the time being."""
    with tempfile.TemporaryDirectory() as folder:
        download(dst_path=folder)
        for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            yield f"{place}/{path.relative_to(folder).as_posix()}", path.read_bytes()
