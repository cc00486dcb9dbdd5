"""`make mlflow` says where its pages are when they are there, and what to do where the port is taken."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow


def test_a_port_that_is_taken_is_one_line_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = serve(port)
        said, faults = done.communicate(timeout=60)
    assert done.returncode == 1 and said == ""
    remedy = f"end what uses it, or choose another: PORT={port + 1} make mlflow"
    assert faults == f"error: port {port} is taken: {remedy}\n"


def test_the_address_is_said_once_the_server_answers_there(tmp_path: Path) -> None:
    """A stand-in for the server: one that answers after a second, behind a proxy that nobody reaches."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = (
        "import time, http.server as h; time.sleep(1)\n"
        "class Health(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_response(200); self.end_headers()\n"
        f"h.HTTPServer(('127.0.0.1', {port}), Health).serve_forever()\n"
    )
    began = time.monotonic()
    server = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    try:
        said = announced(port, server.pid)
        assert said == f"MLflow: http://127.0.0.1:{port}/#/page (Ctrl-C ends it)\n"
        assert time.monotonic() - began > 1
    finally:
        server.kill()
        server.wait()
    assert announced(port, server.pid) == "", "it ended before it answered"


def announced(port: int, process: int) -> str:
    command = [
        sys.executable,
        "-m",
        "tracking.server.loopback",
        "announce",
        str(port),
        "#/page",
        str(process),
    ]
    surroundings = {**os.environ, "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        command, cwd=REPOSITORY, env=surroundings, capture_output=True, text=True, timeout=60, check=True
    ).stdout


def serve(port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["sh", "mlflow/serve"],
        cwd=REPOSITORY,
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
