"""The environment of commands: this interpreter's programs first, nothing of a run around them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lvseg.core.environment import OF_A_RUN, command_environment, reach_loopback
from tests.conftest import REPOSITORY


def test_programs_of_this_interpreter_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/elsewhere")
    assert command_environment()["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/elsewhere"
    monkeypatch.delenv("PATH")
    assert command_environment()["PATH"].endswith(os.defpath)


def test_what_is_left_out_and_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_SSH_COMMAND", "MLFLOW_RUN_ID", "PYTHONPATH", "KEPT"):
        monkeypatch.setenv(name, "outside")
    inside = command_environment(OF_A_RUN, MLFLOW_RUN_ID="inside")
    assert "PYTHONPATH" not in inside
    assert (inside["KEPT"], inside["MLFLOW_RUN_ID"]) == ("outside", "inside")
    assert command_environment()["MLFLOW_RUN_ID"] == "outside"
    for environment in (inside, command_environment()):
        assert "GIT_DIR" not in environment, "no command works on the repository of a hook around it"
        assert environment["GIT_SSH_COMMAND"] == "outside"


def test_no_proxy_hides_loopback_and_what_was_exempt_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "one.example, localhost")
    monkeypatch.setenv("NO_PROXY", "two.example")
    wanted = "one.example,localhost,two.example,127.0.0.1,::1"
    environment = command_environment()
    assert (environment["no_proxy"], environment["NO_PROXY"]) == (wanted, wanted)
    again = dict(environment)
    reach_loopback(again)
    assert again == environment


def test_a_dead_proxy_keeps_nobody_from_a_server_of_this_machine() -> None:
    """By the libraries that Prefect, MLflow and `make ui` ask with, in the process that loads a flow."""
    script = """
import flows, threading, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
import httpx, requests
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
assert urllib.request.urlopen(address, timeout=5).status == 200
assert requests.get(address, timeout=5).status_code == httpx.get(address, timeout=5).status_code == 200
"""
    plain = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    dead = dict.fromkeys(("HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", script], env=plain | dead, cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
