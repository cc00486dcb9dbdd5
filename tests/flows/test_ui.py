"""`make ui` as a person meets it: servers, worker and deployments from a fresh clone, and nothing left of them."""

import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import psutil
import pytest

from flows.process.leash import PR_SET_PDEATHSIG, prctl
from flows.ui import _await, _child
from lvseg.core.errors import UserError
from tests.flows.site import Site, wait_for
from tests.project import Project, working_copy

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Ui:
    """A `make ui` under way."""

    def __init__(self, project: Project, log: Path, **extra: str) -> None:
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.ui"],
                cwd=project.root,
                env=project.environment(**extra),
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=_prepare,
            )

    def said(self) -> str:
        return self.log.read_text()

    def below(self) -> list[psutil.Process]:
        children: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return children


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = working_copy(tmp_path_factory.mktemp("ui"))
    made.commit("as it is here")
    (made.root / ".venv").symlink_to(sys.prefix)
    return made


@pytest.fixture
def ports() -> dict[str, str]:
    return {"PREFECT_PORT": str(free_port()), "MLFLOW_PORT": str(free_port())}


@pytest.fixture
def ui(project: Project, ports: dict[str, str], tmp_path: Path) -> Iterator[Ui]:
    started = Ui(project, tmp_path / "log", **ports)
    wait_for(lambda: "Up after" in started.said() or started.process.poll() is not None, "make ui to be up")
    assert "Up after" in started.said(), started.said()
    yield started
    if started.process.poll() is None:
        started.process.terminate()
        started.process.wait(60)


def refusal(address: str) -> int:
    """Return the status by which a request without a password is refused."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(address, b"{}"), timeout=20)
    refused.value.close()
    return int(refused.value.code)


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=30)[1]


def test_all_is_up_and_ctrl_c_ends_it(
    project: Project, ui: Ui, ports: dict[str, str], tmp_path: Path
) -> None:
    for port in ports.values():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            assert b"<html" in answer.read().lower()
    kept = project.root / ".lvseg/prefect.env"
    assert kept.stat().st_mode & 0o777 == 0o600, "others would read the password"
    password = kept.read_text().partition("PREFECT_API_AUTH_STRING=")[2].strip()
    assert f"http://127.0.0.1:{ports['PREFECT_PORT']}/open#{password}\n" in ui.said()
    site = Site(project, f"http://127.0.0.1:{ports['PREFECT_PORT']}/api", password)
    assert refusal(site.api + "/deployments/filter") == 401
    deployed = {d["name"]: d for d in site.call("deployments/filter", {})}
    gpu = {"gpu"} if any(Path("/dev").glob("nvidia[0-9]*")) else set()
    assert set(deployed) == {"weekly", "poll", "cohort"} | gpu, "a pool that nobody serves stands red"
    assert {pool["name"] for pool in site.call("work_pools/filter", {})} == {"local"} | gpu
    commit = project.run("git", "rev-parse", "HEAD").strip()
    assert {d["version"] for d in deployed.values()} == {commit[:12]}
    (schedule,) = deployed["weekly"]["schedules"]
    assert schedule["active"] and schedule["schedule"]["timezone"] == "Etc/UTC"
    assert deployed["weekly"]["global_concurrency_limit"]["limit"] == 1
    assert deployed["weekly"]["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    properties = deployed["weekly"]["parameter_openapi_schema"]["properties"]
    assert all(entry.get("description") for entry in properties.values())
    names = sorted(a["name"] for a in site.call("automations/filter", {}))
    site.python("-m", "flows.deploy")
    assert sorted(a["name"] for a in site.call("automations/filter", {})) == names, "deployed twice"
    assert any("fell silent" in name for name in names)

    second = Ui(project, tmp_path / "second", **ports)
    assert second.process.wait(60) == 1 and "runs already" in second.said()
    processes = ui.below()
    assert len(processes) >= 4
    ui.process.send_signal(signal.SIGINT)
    assert ui.process.wait(60) == 0, ui.said()
    assert gone(processes)
    assert project.run("git", "status", "--porcelain") == ""


def test_kill_9_leaves_no_process(ui: Ui) -> None:
    processes = ui.below()
    ui.process.kill()
    ui.process.wait()
    assert gone(processes)


def test_who_takes_the_port_meanwhile_is_told_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user listens before our server does, and answers as it would."""
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / ".lvseg"))
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as squatter:
        answering = threading.Thread(target=squatter.serve_forever)
        answering.start()
        try:
            address = f"http://127.0.0.1:{squatter.server_port}/"
            fails = [sys.executable, "-c", "import time; time.sleep(2); raise SystemExit('address in use')"]
            with _child("prefect", fails, tmp_path, {}) as child, pytest.raises(UserError) as refused:
                _await(child, address)
        finally:
            squatter.shutdown()
            answering.join()
    assert "prefect ended with status 1" in str(refused.value) and "address in use" in str(refused.value)


def test_a_port_that_is_taken_is_named(project: Project, ports: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(ports["MLFLOW_PORT"])))
        taken.listen()
        started = Ui(project, tmp_path / "log", **ports)
        assert started.process.wait(60) == 1
    assert f"port {ports['MLFLOW_PORT']} is taken" in started.said() and "MLFLOW_PORT=" in started.said()
