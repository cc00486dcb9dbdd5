"""What `python -m flows.deploy` puts on a server, and what the server then starts by itself."""

import time
from datetime import UTC, datetime
from typing import Any

import yaml

from flows.deploy import NEVER_BEGAN, SILENT
from tests.flows.site import Site, wait_for

TRIGGER = "raw data changed"
DEPLOYMENTS = {
    "retrain/weekly": "local",
    "watch-data/poll": "local",
    "run-stage/gpu": "gpu",
    "predict-cohort/cohort": "local",
    "predict-shard/gpu": "gpu",
    "predict-shard/local": "local",  # of tests/flows/conftest.py
}


def test_deployed_twice_everything_is_there_once(site: Site) -> None:
    said = site.python("-m", "flows.deploy")
    commit = site.project.run("git", "rev-parse", "HEAD")[:12]
    assert said == f"deployed {commit}: {', '.join(DEPLOYMENTS)}\n"
    pools = {pool["name"]: pool["type"] for pool in site.call("work_pools/filter", {})}
    assert pools["local"] == pools["gpu"] == "process"
    automations = [automation["name"] for automation in site.call("automations/filter", {})]
    assert sorted(automations) == sorted([SILENT, NEVER_BEGAN, TRIGGER])
    for name, pool in DEPLOYMENTS.items():
        deployment = deployed(site, name)
        assert deployment["work_pool_name"] == pool
        assert deployment["version"] == commit
        # Each worker has the code where its own LVSEG_REPOSITORY says.
        assert "{{ $LVSEG_REPOSITORY }}" in str(deployment["pull_steps"])
    weekly = deployed(site, "retrain/weekly")
    assert weekly["global_concurrency_limit"]["limit"] == 1
    assert weekly["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    described = weekly["parameter_openapi_schema"]["properties"]
    stages = yaml.safe_load((site.root / "dvc.yaml").read_text())["stages"]
    assert described["targets"]["items"]["enum"] == described["force"]["items"]["enum"] == list(stages)
    assert all(described[name].get("description") for name in ("targets", "overrides", "train_on", "push"))


def test_the_weekly_run_is_scheduled(site: Site) -> None:
    """The server plans runs ahead, some seconds after a deployment."""
    scheduled = wait_for(lambda: runs(site, "retrain/weekly", auto=True), "a scheduled run", seconds=30)
    for run in scheduled:
        start = datetime.fromisoformat(run["expected_start_time"]).astimezone(UTC)
        assert (start.isoweekday(), start.hour, start.minute) == (7, 2, 0)


def test_without_a_server_each_says_so_in_one_line(site: Site) -> None:
    nowhere, began = Site(site.project, "http://127.0.0.1:1/api"), time.monotonic()
    for said in nowhere.refused("flows.deploy", "flows.worker --pool local"):
        assert said.startswith("error: the Prefect server http://127.0.0.1:1/api does not answer")
        assert said.count("\n") == 1
    assert time.monotonic() - began < 60


def deployed(site: Site, name: str) -> dict[str, Any]:
    deployment: dict[str, Any] = site.call(f"deployments/name/{name}")
    return deployment


def runs(site: Site, deployment: str, auto: bool) -> list[dict[str, Any]]:
    """The runs of a deployment that the schedule made (`auto`), or that something else started."""
    wanted = {"deployments": {"id": {"any_": [deployed(site, deployment)["id"]]}}}
    return [run for run in site.call("flow_runs/filter", wanted) if run["auto_scheduled"] == auto]
