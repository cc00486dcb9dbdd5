"""Attacks on the orchestrator: from a web page, without a password, and by what a run may bring along."""

import socket
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

from prefect.workers.process import ProcessWorker

from flows.service.pools import closed, is_open
from tests.flows.site import PASSWORD, FlowRun, Site, wait_for

BASIC = f"Basic {b64encode(PASSWORD.encode()).decode()}"
OPEN_POOL = {
    "name": "open",
    "type": "process",
    "base_job_template": ProcessWorker.get_default_base_job_template(),
}


def ask(api: str, path: str, **headers: str) -> tuple[int, str]:
    """Return the status of a POST and who may read the answer in a browser."""
    request = urllib.request.Request(f"{api}/{path}", b"{}", {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers.get("access-control-allow-origin", "")
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, error.headers.get("access-control-allow-origin", "")


def test_only_who_knows_the_password_from_our_own_pages_is_served(prefect_server: str) -> None:
    own = f"http://{urlsplit(prefect_server).netloc}"
    deployments = "deployments/filter"
    assert ask(prefect_server, deployments)[0] == 401
    assert ask(prefect_server, deployments, Authorization="Basic bHZzZWc6")[0] == 401
    known = {"Authorization": BASIC}
    assert ask(prefect_server, deployments, **known)[0] == 200
    assert ask(prefect_server, deployments, **known, Origin=own) == (200, own)
    for origin in (
        "https://evil.example",
        "null",
        own.replace("http:", "https:"),
        own + "0",
        f"{own}.evil.example",
    ):
        assert ask(prefect_server, deployments, **known, Origin=origin) == (403, ""), origin
    # A name of the attacker's that points here: then the page and the server have one origin.
    for host in ("evil.example", f"evil.example:{urlsplit(own).port}", "127.0.0.1.evil.example", "[", ""):
        assert ask(prefect_server, deployments, **known, Host=host)[0] == 403, host


def test_a_page_elsewhere_opens_no_websocket(prefect_server: str) -> None:
    at = urlsplit(prefect_server)
    for origin, status in (("https://evil.example", b"403"), (f"http://{at.netloc}", b"101")):
        asked = (
            f"GET /api/events/out HTTP/1.1\r\nHost: {at.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: prefect\r\nOrigin: {origin}\r\n\r\n"
        )
        with socket.create_connection((at.hostname or "", at.port or 0), timeout=30) as line:
            line.sendall(asked.encode())
            assert line.recv(100).split()[1] == status, origin


def test_the_login_page_keeps_the_password_in_the_browser(prefect_server: str) -> None:
    page = prefect_server.replace("/api", "/open")
    with urllib.request.urlopen(page, timeout=30) as answer:
        said = answer.read().decode()
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "location.hash" in said and PASSWORD not in said
    with urllib.request.urlopen(prefect_server.replace("/api", "/"), timeout=30) as answer:
        assert answer.headers["x-frame-options"] == "DENY"


def test_no_server_without_a_password_or_for_everybody(site: Site) -> None:
    (said,) = site.refused("flows.server --port 1")
    assert said.startswith("error: PREFECT_SERVER_API_AUTH_STRING must be user:password")
    for password in ("short:secret", "nocolonbutlong", ":nouserbutlong"):
        said = site.python("-m", "flows.server", PREFECT_SERVER_API_AUTH_STRING=password, fails=True)
        assert "must be user:password" in said and password not in said
    known = {"PREFECT_SERVER_API_AUTH_STRING": PASSWORD}
    assert "PREFECT_SERVER_UI_API_URL is not set" in site.python(
        "-m", "flows.server", "--host", "0.0.0.0", fails=True, **known
    )


def test_a_run_brings_no_command_and_no_environment(site: Site, tmp_path: Path) -> None:
    found = site.call("deployments/name/watch-data/poll")
    brought = {
        "command": f"touch {tmp_path}/executed",
        "working_dir": str(tmp_path),
        "env.PYTHONINSPECT": "1",
    }
    try:
        run = site.call(f"deployments/{found['id']}/create_flow_run", {"job_variables": brought})
    except urllib.error.HTTPError as error:
        error.close()  # Prefect may as well refuse what the pool does not take
    else:
        # Nothing more is heard of a run whose command took the place of ours.
        made = FlowRun(site, run["id"])
        wait_for(lambda: made.is_over() or any(tmp_path.iterdir()), "the run to end or to execute", pause=0.5)
    assert not list(tmp_path.iterdir())


def test_a_pool_that_takes_commands_has_no_worker_until_it_is_closed(site: Site) -> None:
    site.call("work_pools/", OPEN_POOL)
    (said,) = site.refused("flows.worker --pool open")
    assert (
        said
        == "error: the work pool open takes commands from flow runs: `python -m flows.deploy` closes it\n"
    )
    site.python("-m", "flows.deploy")
    pools = {pool["name"]: pool["base_job_template"] for pool in site.call("work_pools/filter", {})}
    for name in ("open", "local", "gpu"):
        assert set(pools[name]["variables"]["properties"]) == {"stream_output"}, name
        assert set(pools[name]["job_configuration"]) == {"stream_output"}, name


def test_what_an_administrator_fixed_in_a_pool_stays() -> None:
    template = ProcessWorker.get_default_base_job_template()
    template["job_configuration"]["env"] = {"MLFLOW_TRACKING_USERNAME": "machine"}
    assert is_open(template) and not is_open(closed(template))
    assert closed(template)["job_configuration"]["env"] == {"MLFLOW_TRACKING_USERNAME": "machine"}
    smuggled = {**template, "job_configuration": {"command": "x {{ stream_output }} {{ y }}"}}
    assert closed(smuggled)["job_configuration"] == {}
