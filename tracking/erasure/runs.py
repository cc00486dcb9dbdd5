"""What MLflow holds of one patient, in every experiment: tables, pages and pictures of runs, tags."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvseg.core.errors import UserError
from lvseg.erasure.traces import Traces
from lvseg.privacy.contents import UnopenedError
from tracking.registry.living_run import has_model
from tracking.runs.store import Store, reason, shown
from tracking.server.mlflow_internals import artifact_repository

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True, order=True)
class Trace:
    """A place in the store that holds him.

    Attributes:
        run_id: of the run; empty for what is no run's.
        place: a path among its artifacts, a tag, or in words what nothing here can mend.
        kind: `rows` of a table, `file`, `tag`, or `left`.
    """

    run_id: str
    place: str
    kind: str


def every_run(store: Store) -> "list[Run]":
    """Return the runs of all experiments, deleted ones included."""
    from mlflow.entities import ViewType

    experiments = store.client.search_experiments(view_type=ViewType.ALL)
    ids, token, runs = [one.experiment_id for one in experiments], None, list["Run"]()
    while True:
        page = store.client.search_runs(ids, run_view_type=ViewType.ALL, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def traces_in(store: Store, traces: Traces, shown_in: "Callable[[Run], bool]") -> list[Trace]:
    """Return all places of the store that hold him.

    Args:
        shown_in: whether the data of a run held him, so that its pictures may show him.

    Raises:
        UserError: the store does not give all that it holds.
    """
    try:
        listed = list(_models(store, traces))
        for run in every_run(store):
            listed += _facts(run, traces)
            for name, content in _artifacts(run.info.artifact_uri):
                listed += _artifact(run.info.run_id, name, content, traces, shown_in(run))
        return sorted(listed)
    except Exception as error:
        message = f"the tracking store {shown(store.uri)} does not show all that it holds ({reason(error)})"
        raise UserError(f"{message}: nothing was erased, mend it first") from error


def remove(store: Store, listed: list[Trace], traces: Traces) -> None:
    """Remove what was found, as far as it can be: of tables his rows, of other files the whole."""
    for trace in listed:
        if trace.kind == "tag":
            store.client.delete_tag(trace.run_id, trace.place)
        elif trace.kind != "left":
            _mend(store.client.get_run(trace.run_id).info.artifact_uri, trace, traces)


def _mend(address: str, trace: Trace, traces: Traces) -> None:
    repository, (folder, _, name) = artifact_repository(address), trace.place.rpartition("/")
    if trace.kind == "file":
        repository.delete_artifacts(trace.place)
        return
    with tempfile.TemporaryDirectory(prefix="lvseg-") as temporary:
        path = Path(repository.download_artifacts(trace.place, temporary))
        left = traces.without(trace.place, path.read_bytes())
        if left is not None:
            (new := Path(temporary, "new")).mkdir()
            (new / name).write_bytes(left)
            repository.log_artifact(str(new / name), folder or None)


def _artifact(run_id: str, name: str, content: bytes, traces: Traces, shown: bool) -> Iterator[Trace]:
    try:
        left = traces.mended(name, content, shown)
    except UnopenedError as error:
        yield Trace(run_id, f"{error}", "left")
        return
    if left is None:
        yield Trace(run_id, name, "file")
    elif left != content:
        yield Trace(run_id, name, "rows")


def _facts(run: "Run", traces: Traces) -> Iterator[Trace]:
    """Yield what a run itself says of him; tags can go, parameters and names of metrics cannot."""
    run_id = run.info.run_id
    for key, value in run.data.tags.items():
        if traces.in_content("tag", f"{key}\n{value}".encode()):
            yield Trace(run_id, key, "tag")
    rest: dict[str, Any] = {
        "name": run.info.run_name,
        "parameters": run.data.params,
        "metrics": run.data.metrics,
    }
    for key, value in rest.items():
        if traces.in_content(key, str(value).encode()):
            yield Trace(run_id, f"its {key}: `mlflow gc` after the run is deleted removes them", "left")


def _models(store: Store, traces: Traces) -> Iterator[Trace]:
    """Yield logged models and registered versions that name him: a file of theirs cannot go alone."""
    from mlflow.entities import ViewType

    ids = [one.experiment_id for one in store.client.search_experiments(view_type=ViewType.ALL)]
    token = None
    while ids:
        page = store.client.search_logged_models(ids, page_token=token)
        for model in page:
            named = traces.in_content("model", str(dict(model)).encode())
            files = _artifacts(model.artifact_location)
            if named or any(
                traces.in_path(name) or traces.in_content(name, content) for name, content in files
            ):
                yield Trace("", f"model {model.model_id}: delete it in MLflow, then `mlflow gc`", "left")
        token = page.token
        if not token:
            break
    for version in store.client.search_model_versions(max_results=10_000):
        if has_model(store, version) and traces.in_content("version", str(dict(version)).encode()):
            yield Trace(
                "", f"version {version.version} of {version.name}: edit its tags and description", "left"
            )


def _artifacts(address: str) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every artifact below an address, one at a time."""
    repository = artifact_repository(address)
    folders: list[str | None] = [None]
    while folders:
        for entry in repository.list_artifacts(folders.pop()):
            if entry.is_dir:
                folders.append(entry.path)
                continue
            with tempfile.TemporaryDirectory(prefix="lvseg-") as temporary:
                yield entry.path, Path(repository.download_artifacts(entry.path, temporary)).read_bytes()
