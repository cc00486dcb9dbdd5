"""The server that comes with the project: MLflow without what executes commands and opens any file."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow


def ask(address: str, body: object = None, **headers: str) -> int:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_nobody_names_a_model_whose_commands_the_server_executes(server: str) -> None:
    """Anybody on this machine could: of MLflow's own application the first two answer 200."""
    for path in ("config", "providers", "sessions/any/stream"):
        assert ask(f"{server}/ajax-api/3.0/mlflow/assistant/{path}") == 404, path
    assert ask(f"{server}/api/2.0/mlflow/experiments/search?max_results=1") == 200


def test_nobody_names_a_place_for_the_servers_own_rights(server: str, tmp_path: Path) -> None:
    """A link in that folder would lead to the files of whoever runs the server."""
    create = f"{server}/api/2.0/mlflow/experiments/create"
    for number, place in enumerate((tmp_path.as_uri(), str(tmp_path), "mlflow-artifacts:/../../home")):
        assert ask(create, {"name": f"led-{number}", "artifact_location": place}) == 400, place
    assert ask(create, {"name": "not led"}) == 200


def test_pages_of_other_sites_learn_nothing(server: str) -> None:
    """MLflow alone lets pages of `localhost` ask, and answers under names that begin as private addresses do."""
    search = f"{server}/ajax-api/2.0/mlflow/experiments/search"
    body = {"max_results": 1}
    assert ask(search, body, Origin=server) == 200
    for origin in ("http://localhost:9999", "http://127.0.0.1", "null", "http://example.org"):
        assert ask(search, body, Origin=origin) == ask(f"{search}?max_results=1", Origin=origin) == 403, (
            origin
        )
    port = server.rpartition(":")[2]
    assert ask(f"{search}?max_results=1", Host=f"localhost:{port}") == 200
    for host in (f"10.example.org:{port}", "192.168.example.org", "example.org"):
        assert ask(f"{search}?max_results=1", Host=host) == 403, host


@pytest.mark.parametrize("script", ["serve", "serve-team"])
def test_the_scripts_start_this_server_alone(script: str) -> None:
    text = (REPOSITORY / "mlflow" / script).read_text()
    assert 'exec "$python" -m tracking.server.application ' in text and "-m mlflow" not in text
    assert "MLFLOW_ENABLE_AI_GATEWAY=false" in (REPOSITORY / "mlflow/common.sh").read_text()
