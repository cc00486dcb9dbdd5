"""Raw data that changed starts a retraining: `watch-data` looks, every ten minutes or when git says so.

`python -m flows.watch` does the same at once, for a git hook (docs/deploy.md).
"""

import json

from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Completed

from flows.pipeline.end_states import EndState, errors_to_states
from flows.service import settings
from flows.workspace import repository, snapshot
from lvseg.core.command import run
from lvseg.core.paths.files import write_text
from lvseg.core.paths.places import state_home

EVENT, RESOURCE = "lvseg.raw-data.changed", "lvseg.raw-data"  # prefect.yaml waits for them


@flow(name="watch-data")
@errors_to_states
def watch_data(branch: str | None = None) -> EndState:
    """Announce raw data that no run has seen yet.

    Args:
        branch: A branch of origin to look at, fetched first. Empty: the revision that is deployed.
    """
    said = look(branch)
    get_run_logger().info(said)
    return Completed(message=said)


def look(branch: str | None) -> str:
    """Compare the committed `.dvc` files with those of the last run; emit an event if they differ.

    The same change is announced once.

    Args:
        branch: of origin, fetched first; None: the revision that this code is at.

    Returns:
        What the comparison came to, in words.

    Raises:
        UserError: the branch cannot be fetched, or the server does not answer.
    """
    commit = repository.fetch_branch(branch) if branch else repository.resolve(None)
    now, last = _pointers(commit), snapshot.last_run()
    if not now:
        return "no raw data is tracked in this revision"
    if last and _pointers(last) == now:
        return "the raw data is that of the last run"
    announced = state_home() / "watch.json"
    if announced.is_file() and json.loads(announced.read_text(encoding="utf-8")) == now:
        return "the raw data has changed; it was announced before"
    _check_server()
    emit_event(
        event=EVENT,
        resource={"prefect.resource.id": RESOURCE},
        payload={"revision": commit, "files": sorted(now)},
    )
    write_text(announced, json.dumps(now))
    return f"the raw data has changed: {', '.join(sorted(now))} at {commit[:12]}"


def _check_server() -> None:
    """Refuse to announce anything to nobody: an event that is not heard is lost without a word.

    Raises:
        UserError: the Prefect server does not answer.
    """
    with get_client(sync_client=True) as client:
        if fault := client.api_healthcheck():
            raise settings.no_server(fault)


def _pointers(commit: str) -> dict[str, str]:
    """Return the git hash of every `.dvc` file that a commit holds, by path."""
    pointers = {}
    for line in repository.git("ls-tree", "-r", "--full-tree", commit).splitlines():
        facts, path = line.split("\t", 1)
        if path.endswith(".dvc"):
            pointers[path] = facts.split()[2]
    return pointers


def main(branch: str | None = None) -> None:
    """Look once, and tell the Prefect server."""
    server = {PREFECT_API_URL: settings.api_url(), PREFECT_API_AUTH_STRING: settings.api_password()}
    with temporary_settings(updates=server):
        print(look(branch))


if __name__ == "__main__":
    run(main)
