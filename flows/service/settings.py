"""Addresses and surroundings of servers, workers and clients: one place, so that all mean the same."""

import os

from flows.service import password
from lvseg.core.environment import command_environment
from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT, state_home

LOOPBACK = "127.0.0.1"
HEARTBEAT = 30  # seconds between two signs of life of a flow run; Prefect allows no less
SILENCE = 180  # seconds without one after which a flow run counts as crashed: a server may restart meanwhile
START = (
    3600  # seconds for infrastructure to start a flow run: a container may wait for its image, or for a node
)
FLOWS = ("retrain", "run-stage", "watch-data", "predict-cohort", "predict-shard")


def environment() -> dict[str, str]:
    """Return the surroundings of a Prefect process: this venv first, nothing reported to anyone.

    What the user has set wins. Without an address of a server it is the one that `make ui` starts.
    """
    state_home().mkdir(parents=True, exist_ok=True)  # Prefect makes its home there, and nothing above it
    return {
        "PREFECT_API_URL": api_url(),
        **({"PREFECT_API_AUTH_STRING": known} if (known := api_password()) else {}),
        "PREFECT_HOME": str(state_home() / "prefect"),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT),
        "PREFECT_CLIENT_MAX_RETRIES": "8",  # some five minutes: a server that restarts ends no run
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "5",  # seconds; each batch costs the server some work
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_CLI_COLORS": "false",
        "LVSEG_REPOSITORY": str(ROOT),
        **command_environment(DO_NOT_TRACK="1", PREFECT_SERVER_ANALYTICS_ENABLED="false"),
    }


def api_url() -> str:
    """Return the address of the Prefect server's API."""
    return os.environ.get("PREFECT_API_URL") or f"http://{LOOPBACK}:{port('PREFECT_PORT', 4200)}/api"


def api_password() -> str | None:
    """Return the password of that server, as `user:password`; None where nobody has told it."""
    told = os.environ.get("PREFECT_API_AUTH_STRING")
    # That of `make ui` goes to `make ui` alone.
    return told or (None if os.environ.get("PREFECT_API_URL") else password.kept())


def no_server(fault: Exception) -> UserError:
    """Return the error that says why the Prefect server is of no use, and what to do."""
    said = " ".join(str(fault).split())
    if "401 Unauthorized" in said:
        return UserError(f"the Prefect server {api_url()} wants a password: set PREFECT_API_AUTH_STRING")
    return UserError(
        f"the Prefect server {api_url()} does not answer ({said}): start it, or set PREFECT_API_URL"
    )


def port(variable: str, default: int) -> int:
    """Return the port that an environment variable names.

    Raises:
        UserError: it is no port.
    """
    text = os.environ.get(variable, str(default))
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise UserError(f"{variable}: {text!r} is no port")
    return int(text)
