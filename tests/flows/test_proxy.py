"""The recipe of docs/proxy/nginx.conf, run before a real Prefect server."""

import shutil
import socket
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.flows.conftest import process
from tests.flows.site import PASSWORD, wait_for
from tests.flows.test_ui import free_port
from tests.project import ROOT

RECIPE = ROOT / "docs/proxy/nginx.conf"
NAME = "localhost"


@pytest.fixture
def proxy(prefect_server: str, tmp_path: Path) -> Iterator[int]:
    """Return the port on which nginx answers for the Prefect server."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if not nginx:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    port, other = free_port(), free_port()
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(tmp_path / "tracker.key"), "-out", str(tmp_path / "tracker.pem")]
    subprocess.run([*command, *files, "-subj", f"/CN={NAME}", "-days", "1"], check=True, capture_output=True)
    recipe = RECIPE.read_text()
    for written, here in {
        "/etc/ssl/lvseg": str(tmp_path),
        "server_name tracker": f"server_name {NAME}",
        "listen 4443": f"listen 127.0.0.1:{port}",
        "listen 5443": f"listen 127.0.0.1:{other}",
        "127.0.0.1:4200": urlsplit(prefect_server).netloc,
    }.items():
        assert written in recipe
        recipe = recipe.replace(written, here)
    (tmp_path / "lvseg.conf").write_text(recipe)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/errors;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {tmp_path}/lvseg.conf;\n}}\n"
    )
    command = [nginx, "-p", str(tmp_path), "-e", str(tmp_path / "errors"), "-c", str(tmp_path / "nginx.conf")]
    with process(command, tmp_path, {}, tmp_path / "log") as started:
        wait_for(lambda: (tmp_path / "pid").exists() or started.poll() is not None, "nginx", 20)
        assert started.poll() is None, (tmp_path / "errors").read_text() + (tmp_path / "log").read_text()
        yield port


def status(port: int, host: str, *headers: str, path: str = "/api/admin/version") -> int:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # made a moment ago, by nobody
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as line,
        context.wrap_socket(line, server_hostname=NAME) as secret,
    ):
        secret.sendall("\r\n".join(lines).encode())
        return int(secret.recv(100).split()[1])


def test_the_recipe_brings_tls_and_keeps_the_door(proxy: int) -> None:
    known = f"Authorization: Basic {b64encode(PASSWORD.encode()).decode()}"
    own = f"{NAME}:{proxy}"
    assert status(proxy, own) == 401
    assert status(proxy, own, known) == 200
    assert status(proxy, "evil.example", known) == 421
    assert status(proxy, own, known, "Origin: https://evil.example") == 403
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    key = ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: prefect")
    assert status(proxy, own, *upgrade, *key, path="/api/events/out") == 101
