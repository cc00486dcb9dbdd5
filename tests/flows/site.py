"""A repository whose flows run on a real Prefect server, seen through the server's API as its pages see it."""

import ast
import base64
import json
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.project import Project

PATIENCE = 900.0  # seconds; a busy machine is not a broken program
PASSWORD = "tests:a-password-of-the-tests"


@dataclass(frozen=True)
class Site:
    """A project and the address of a Prefect API."""

    project: Project
    api: str
    password: str = PASSWORD

    @property
    def root(self) -> Path:
        return self.project.root

    @property
    def workspace(self) -> Path:
        return self.root / ".lvseg/workspaces/run-0"

    def environment(self) -> dict[str, str]:
        return self.project.environment(**self.settings())

    def settings(self) -> dict[str, str]:
        return {
            "PREFECT_API_URL": self.api,
            "PREFECT_API_AUTH_STRING": self.password,
            "PREFECT_HOME": str(self.project.home / "prefect"),
            # What cohorts may read and write: the folders of this session's tests.
            "LVSEG_STUDIES": str(self.root.parent.parent),
            "LVSEG_RESULTS": str(self.root.parent.parent),
        }

    def python(self, *arguments: str, **options: Any) -> str:
        return self.project.python(*arguments, **self.settings(), **options)

    def in_turn(self, flow: str, runs: list[dict[str, Any]], module: str = "") -> list[str]:
        """Run a flow here without a worker, once with each of some parameters; return how each ended."""
        script = (
            "import json, sys\n"
            f"from flows.{module or flow} import {flow}\n"
            "for parameters in json.load(sys.stdin):\n"
            f"    state = {flow}(return_state=True, **parameters)\n"
            "    print('ENDED', state.type.name, state.message)\n"
        )
        said = self.python("-c", script, input=json.dumps(runs)).splitlines()
        ended = [line.removeprefix("ENDED ") for line in said if line.startswith("ENDED ")]
        assert len(ended) == len(runs), said
        return ended

    def refused(self, *commands: str) -> list[str]:
        """Return what modules say that are run in turn and fail; one process, for Prefect takes seconds to import."""
        script = (
            "import contextlib, io, runpy, sys\n"
            "for line in sys.stdin.read().splitlines():\n"
            "    sys.argv, said = line.split(), io.StringIO()\n"
            "    with contextlib.redirect_stderr(said):\n"
            "        try:\n"
            "            runpy.run_module(sys.argv[0], run_name='__main__')\n"
            "        except SystemExit as end:\n"
            "            print(repr((end.code, said.getvalue())))\n"
        )
        ended = [
            ast.literal_eval(line)
            for line in self.python("-c", script, input="\n".join(commands)).splitlines()
        ]
        assert [status for status, _ in ended] == [1] * len(commands), ended
        return [said for _, said in ended]

    def call(self, path: str, body: Any = None) -> Any:
        """Ask the Prefect API."""
        data = None if body is None else json.dumps(body).encode()
        known = base64.b64encode(self.password.encode()).decode()
        headers = {"content-type": "application/json", "authorization": f"Basic {known}"}
        request = urllib.request.Request(f"{self.api}/{path}", data, headers)
        for _ in range(20):
            try:
                with urllib.request.urlopen(
                    request, timeout=90
                ) as answer:  # SQLite waits a minute for its lock
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 503:  # SQLite was busy: Prefect's own client tries again, too
                    raise
                time.sleep(0.5)
        raise TimeoutError(f"{path}: the server is busy")

    def start(self, deployment: str = "retrain/weekly", **parameters: Any) -> "FlowRun":
        """Press Run."""
        found = self.call(f"deployments/name/{deployment}")
        run = self.call(f"deployments/{found['id']}/create_flow_run", {"parameters": parameters})
        return FlowRun(self, run["id"])

    def run(self, deployment: str = "retrain/weekly", **parameters: Any) -> "FlowRun":
        """Press Run and wait for the end."""
        run = self.start(deployment, **parameters)
        run.ended()
        return run

    def mlflow(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database of MLflow runs."""
        with sqlite3.connect(f"file:{self.root}/mlflow/mlflow.db?mode=ro", uri=True) as database:
            return database.execute(query).fetchall()

    def runs_by_status(self) -> dict[str, int]:
        active = "where lifecycle_stage = 'active'"  # a training repeated by force deletes the second run
        return dict(self.mlflow(f"select status, count(*) from runs {active} group by status"))

    def weights(self) -> dict[str, str]:
        """The weights hash of each model in the workspace."""
        found = self.workspace.glob("models/*/run.json")
        return {path.parent.name: json.loads(path.read_text())["weights_hash"] for path in found}

    def stages(self) -> list[psutil.Process]:
        """What runs below the workspaces: DVC and the stages."""
        here = str(self.root / ".lvseg/workspaces")
        return [p for p in psutil.process_iter(["cwd"]) if (p.info["cwd"] or "").startswith(here)]


@dataclass(frozen=True)
class FlowRun:
    """A flow run on the server."""

    site: Site
    id: str

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.site.call(f"flow_runs/{self.id}")["state"]
        return state

    def ended(self) -> dict[str, Any]:
        """Wait for the end and return the state."""
        wait_for(self.is_over, f"flow run {self.id} to end", pause=0.5)
        return self.state

    def is_over(self) -> bool:
        return self.state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

    def tasks(self) -> dict[str, dict[str, Any]]:
        """The task runs, by name."""
        wanted = {"flow_runs": {"id": {"any_": [self.id]}}}
        return {run["name"]: run for run in self.site.call("task_runs/filter", wanted)}

    def states(self) -> dict[str, str]:
        return {name: run["state"]["name"] for name, run in self.tasks().items()}

    def artifacts(self) -> dict[str, Any]:
        wanted = {"flow_runs": {"id": {"any_": [self.id]}}}
        return {entry["key"]: entry["data"] for entry in self.site.call("artifacts/filter", wanted)}

    def log(self) -> str:
        wanted = {"logs": {"flow_run_id": {"any_": [self.id]}}, "limit": 200, "sort": "TIMESTAMP_ASC"}
        return "\n".join(entry["message"] for entry in self.site.call("logs/filter", wanted))


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE, pause: float = 0.2) -> Any:
    """Wait until something is so, and return what the condition returned.

    Whoever asks a server pauses longer: each question takes it time from the run that is waited for.
    """
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if found := condition():
            return found
        time.sleep(pause)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")
