"""The server that comes with the project: MLflow without what executes commands and opens any file."""

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.tracking.server.asked import status

pytestmark = pytest.mark.slow


def test_nobody_names_a_model_whose_commands_the_server_executes(server: str) -> None:
    """Anybody on this machine could: of MLflow's own application the first two answer 200."""
    for path in ("config", "providers", "sessions/any/stream"):
        assert status(f"{server}/ajax-api/3.0/mlflow/assistant/{path}") == 404, path
    assert status(f"{server}/api/2.0/mlflow/experiments/search?max_results=1") == 200


def test_nobody_names_a_place_for_the_servers_own_rights(server: str, tmp_path: Path) -> None:
    """A link in that folder would lead to the files of whoever runs the server."""
    create = f"{server}/api/2.0/mlflow/experiments/create"
    for number, place in enumerate((tmp_path.as_uri(), str(tmp_path), "mlflow-artifacts:/../../home")):
        assert status(create, body={"name": f"led-{number}", "artifact_location": place}) == 400, place
    assert status(create, body={"name": "not led"}) == 200


def test_pages_of_other_sites_learn_nothing(server: str) -> None:
    """MLflow alone lets pages of `localhost` ask, and answers under names that begin as private addresses do."""
    search = f"{server}/ajax-api/2.0/mlflow/experiments/search"
    body = {"max_results": 1}
    assert status(search, body=body, Origin=server) == 200
    for origin in ("http://localhost:9999", "http://127.0.0.1", "null", "http://example.org"):
        assert (
            status(search, body=body, Origin=origin)
            == status(f"{search}?max_results=1", Origin=origin)
            == 403
        ), origin
    port = server.rpartition(":")[2]
    assert status(f"{search}?max_results=1", Host=f"localhost:{port}") == 200
    for host in (f"10.example.org:{port}", "192.168.example.org", "example.org"):
        assert status(f"{search}?max_results=1", Host=host) == 403, host


@pytest.mark.parametrize("script", ["serve", "serve-team"])
def test_the_scripts_start_this_server_alone(script: str) -> None:
    text = (REPOSITORY / "mlflow" / script).read_text()
    assert 'exec "$python" -m tracking.server.application ' in text and "-m mlflow" not in text
    assert "MLFLOW_ENABLE_AI_GATEWAY=false" in (REPOSITORY / "mlflow/common.sh").read_text()
