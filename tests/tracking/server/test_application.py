"""The server that comes with the project: MLflow without what executes commands."""

import urllib.error
import urllib.request

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow


def ask(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_nobody_names_a_model_whose_commands_the_server_executes(server: str) -> None:
    """Anybody on this machine could: of MLflow's own application the first two answer 200."""
    for path in ("config", "providers", "sessions/any/stream"):
        assert ask(f"{server}/ajax-api/3.0/mlflow/assistant/{path}") == 404, path
    assert ask(f"{server}/api/2.0/mlflow/experiments/search?max_results=1") == 200


@pytest.mark.parametrize("script", ["serve", "serve-team"])
def test_the_scripts_start_this_server_alone(script: str) -> None:
    text = (REPOSITORY / "mlflow" / script).read_text()
    assert 'exec "$python" -m tracking.server.application ' in text and "-m mlflow" not in text
    assert "MLFLOW_ENABLE_AI_GATEWAY=false" in (REPOSITORY / "mlflow/common.sh").read_text()
