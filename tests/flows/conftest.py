"""A real Prefect server, and a site that uses it: a repository with a worker and deployments."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from flows.process.leash import PR_SET_PDEATHSIG, prctl
from tests.flows.site import PASSWORD, Site
from tests.project import ROOT, working_copy


@contextmanager
def process(
    command: list[str], cwd: Path, surroundings: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for the time of the block; it ends with this process, even if that is killed."""
    with log.open("wb") as file:
        started = subprocess.Popen(
            command,
            cwd=cwd,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM),
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the API of a Prefect server of this session."""
    folder = tmp_path_factory.mktemp("prefect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    surroundings = {**os.environ, "PREFECT_HOME": str(folder), "PREFECT_SERVER_LOGGING_LEVEL": "WARNING"}
    surroundings |= {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    surroundings["PREFECT_SERVER_API_AUTH_STRING"] = PASSWORD
    command = [sys.executable, "-m", "flows.server", "--port", str(port)]
    with process(command, ROOT, surroundings, folder / "log") as server:
        for _ in range(600):
            assert server.poll() is None, (folder / "log").read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2):
                    break
            except OSError:
                time.sleep(0.1)
        else:
            raise TimeoutError((folder / "log").read_text())
        yield f"http://127.0.0.1:{port}/api"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Iterator[Site]:
    """A repository like this one with a tiny phantom, deployed, and a worker for its pool `local`.

    Its worker takes parts of cohorts, too. Tests leave its commit and its files as they were.
    """
    folder = tmp_path_factory.mktemp("site")
    project = working_copy(folder)
    described = yaml.safe_load((project.root / "prefect.yaml").read_text())
    deployments = {(one["entrypoint"], one["name"]): one for one in described["deployments"]}
    part = deployments["flows/predict_cohort.py:predict_shard", "gpu"]
    described["deployments"].append({**part, "name": "local", "work_pool": {"name": "local"}})
    # By itself it would look when a test has changed something, every ten minutes.
    deployments["flows/watch.py:watch_data", "poll"]["schedules"] = []
    (project.root / "prefect.yaml").write_text(yaml.safe_dump(described))
    project.commit("as it is here, but for the deployments")
    place = Site(project, prefect_server)
    place.python("-m", "flows.deploy", "--gpu")
    command = [sys.executable, "-m", "flows.worker", "--pool", "local"]
    with process(command, project.root, place.environment(), folder / "worker.log"):
        yield place


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Site:
    """A repository like that of `site`, whose `run-stage` is the flow of `tests/flows/stand_in.py`.

    A worker that runs there takes the runs of what `site` deployed: its code is where the worker is.
    """
    project = working_copy(tmp_path_factory.mktemp("stand-in"))
    shutil.copy(Path(__file__).with_name("stand_in.py"), project.root / "flows/run_stage.py")
    project.commit("as it is here, but for run-stage")
    return Site(project, site.api)
