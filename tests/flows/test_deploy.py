"""What `python -m flows.deploy` puts on a server, and what the server then starts by itself."""

from datetime import UTC, datetime
from typing import Any

from flows.deploy import NEVER_BEGAN, SILENT
from tests.flows.site import Site, wait_for

TRIGGER = "raw data changed"
DEPLOYMENTS = {
    "retrain/weekly": "local",
    "watch-data/poll": "local",
    "run-stage/gpu": "gpu",
    "predict-cohort/cohort": "local",
    "predict-shard/gpu": "gpu",
}


def test_deployed_twice_everything_is_there_once(stand_in: Site) -> None:
    said = stand_in.python("-m", "flows.deploy")
    commit = stand_in.project.run("git", "rev-parse", "HEAD")[:12]
    assert said == f"deployed {commit}: {', '.join(DEPLOYMENTS)}\n"
    pools = {pool["name"]: pool["type"] for pool in stand_in.call("work_pools/filter", {})}
    assert pools["local"] == pools["gpu"] == "process"
    automations = [automation["name"] for automation in stand_in.call("automations/filter", {})]
    assert sorted(automations) == sorted([SILENT, NEVER_BEGAN, TRIGGER])
    for name, pool in DEPLOYMENTS.items():
        deployment = deployed(stand_in, name)
        assert deployment["work_pool_name"] == pool
        assert deployment["version"] == commit
        # Each worker has the code where its own LVSEG_REPOSITORY says.
        assert "{{ $LVSEG_REPOSITORY }}" in str(deployment["pull_steps"])
    weekly = deployed(stand_in, "retrain/weekly")
    assert weekly["global_concurrency_limit"]["limit"] == 1
    assert weekly["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    described = weekly["parameter_openapi_schema"]["properties"]
    assert all(described[name].get("description") for name in ("targets", "overrides", "train_on", "push"))


def test_the_weekly_run_is_scheduled(stand_in: Site) -> None:
    """The server plans runs ahead, some seconds after a deployment."""
    scheduled = wait_for(lambda: runs(stand_in, "retrain/weekly", auto=True), "a scheduled run", seconds=30)
    for run in scheduled:
        start = datetime.fromisoformat(run["expected_start_time"]).astimezone(UTC)
        assert (start.isoweekday(), start.hour, start.minute) == (7, 2, 0)


def test_raw_data_that_changed_starts_a_retraining_once(stand_in: Site) -> None:
    (stand_in.root / "sunnybrook.dvc").write_text("outs:\n- md5: 0\n  path: sunnybrook\n")
    stand_in.project.commit("raw data")
    commit = stand_in.project.run("git", "rev-parse", "HEAD").strip()

    refused = stand_in.project.python(
        "-m", "flows.watch", fails=True, PREFECT_API_URL="http://127.0.0.1:1/api"
    )
    assert "http://127.0.0.1:1/api does not answer" in refused and refused.count("\n") == 1

    assert f"changed: sunnybrook.dvc at {commit[:12]}" in stand_in.python("-m", "flows.watch")
    (run,) = wait_for(lambda: runs(stand_in, "retrain/weekly", auto=False), "the run", seconds=30)
    # Before the worker of another test finds it.
    stand_in.call(f"flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLED"}})
    assert run["parameters"] == {"revision": commit}

    again = (
        "import subprocess; from flows.watch import look; print(look(None));"
        f"subprocess.run(['git', 'update-ref', 'refs/lvseg/runs/1', '{commit}'], check=True); print(look(None))"
    )
    announced, ran = stand_in.python("-c", again).splitlines()
    assert "announced before" in announced
    assert "that of the last run" in ran


def test_without_a_server_it_says_so(stand_in: Site) -> None:
    said = stand_in.project.python("-m", "flows.deploy", fails=True, PREFECT_API_URL="http://127.0.0.1:1/api")
    assert "http://127.0.0.1:1/api does not answer" in said and said.count("\n") == 1


def deployed(site: Site, name: str) -> dict[str, Any]:
    found: dict[str, Any] = site.call(f"deployments/name/{name}")
    return found


def runs(site: Site, deployment: str, auto: bool) -> list[dict[str, Any]]:
    """The runs of a deployment that the schedule made (`auto`), or that something else started."""
    wanted = {"deployments": {"id": {"any_": [deployed(site, deployment)["id"]]}}}
    return [run for run in site.call("flow_runs/filter", wanted) if run["auto_scheduled"] == auto]
