"""Prefect and MLflow as their servers tell of them, over HTTP: a benchmark imports neither library."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.rig.process import PASSWORD
from lvseg.core.errors import UserError

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
LOOK = 0.5  # seconds between two questions
BUSY, BUSY_TRIES = 503, 10  # what Prefect says when SQLite is locked for a moment; its clients try again, too


def call(address: str, body: Any = None) -> Any:
    """Return the answer of a server: POST with a body, GET without.

    Raises:
        UserError: the server refuses.
    """
    data = None if body is None else json.dumps(body).encode()
    known = base64.b64encode(PASSWORD.encode()).decode()  # of Prefect; the rig's MLflow asks for none
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {known}"}
    request = urllib.request.Request(address, data, headers)
    for _ in range(BUSY_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
            return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            refusal = UserError(f"{address}: {error} {error.read().decode()[:500]}")
            if error.code != BUSY:
                raise refusal from None
            time.sleep(LOOK)
    raise refusal


@dataclass(frozen=True)
class Prefect:
    """A Prefect server, by the address of its API."""

    address: str

    def start(self, deployment: str, **parameters: Any) -> str:
        """Start a run of a deployment such as `retrain/weekly`; return its id."""
        answer = call(f"{self.address}/deployments/name/{deployment}")
        run = call(
            f"{self.address}/deployments/{answer['id']}/create_flow_run",
            {"parameters": parameters, "state": {"type": "SCHEDULED"}},
        )
        return str(run["id"])

    def cancel(self, run_id: str) -> None:
        """Do what the button Cancel does."""
        call(f"{self.address}/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})

    def pause(self, deployment: str) -> None:
        """Let the schedules of a deployment rest."""
        answer = call(f"{self.address}/deployments/name/{deployment}")
        call(f"{self.address}/deployments/{answer['id']}/pause_deployment", {})

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a flow run as the server describes it."""
        run: dict[str, Any] = call(f"{self.address}/flow_runs/{run_id}")
        return run

    def runs(self, *states: str) -> list[dict[str, Any]]:
        """Return the flow runs in these types of state, all without one."""
        chosen = {"flow_runs": {"state": {"type": {"any_": list(states)}}}} if states else {}
        runs: list[dict[str, Any]] = call(f"{self.address}/flow_runs/filter", chosen)
        return runs

    def until(
        self, run_id: str, met: Callable[[dict[str, Any]], bool], patience: float, look: float = LOOK
    ) -> dict[str, Any]:
        """Wait until a flow run meets a condition or has ended, and return it; look every `look` seconds.

        Raises:
            UserError: it took longer than `patience` seconds.
        """
        give_up = time.monotonic() + patience
        while time.monotonic() < give_up:
            run = self.run(run_id)
            if met(run) or run["state_type"] in FINAL:
                return run
            time.sleep(look)
        raise UserError(f"flow run {run['name']} is still {run['state_name']} after {patience:.0f} s")

    def ended(self, run_id: str, patience: float = 300.0, look: float = LOOK) -> dict[str, Any]:
        """Wait until a flow run has ended, and return it; see `until`."""
        return self.until(run_id, lambda _run: False, patience, look)

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the last task run of every name in a flow run."""
        runs = call(
            f"{self.address}/task_runs/filter",
            {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC"},
        )
        return {run["name"]: run for run in runs}

    def log(self, run_id: str) -> list[str]:
        """Return what a flow run logged, oldest first."""
        messages: list[str] = []
        while True:
            page = call(
                f"{self.address}/logs/filter",
                {
                    "logs": {"flow_run_id": {"any_": [run_id]}},
                    "sort": "TIMESTAMP_ASC",
                    "limit": 200,
                    "offset": len(messages),
                },
            )
            messages += [line["message"] for line in page]
            if len(page) < 200:
                return messages


def moment(text: str) -> float:
    """Return a time of Prefect as seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def mlflow_runs(address: str, experiment: str) -> list[dict[str, Any]]:
    """Return `name`, `status`, `stage` and the number of logged `epochs` of every run in an experiment."""
    try:
        answer = call(f"{address}/api/2.0/mlflow/experiments/get-by-name?experiment_name={experiment}")
    except UserError:
        return []
    body = {"experiment_ids": [answer["experiment"]["experiment_id"]], "max_results": 1000}
    runs = call(f"{address}/api/2.0/mlflow/runs/search", body).get("runs", [])
    return [
        {
            "status": run["info"]["status"],
            "name": run["info"]["run_name"],
            "stage": next(tag["value"] for tag in run["data"]["tags"] if tag["key"] == "lvseg.stage"),
            "epochs": len(_steps(address, run["info"]["run_id"])),
        }
        for run in runs
    ]


def _steps(address: str, run_id: str) -> set[int]:
    """Return the epochs for which a run of MLflow holds a loss."""
    history = call(f"{address}/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=loss")
    return {entry["step"] for entry in history.get("metrics", [])}
