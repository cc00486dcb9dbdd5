"""The Prefect server with a door: `python -m flows.server`, for `make ui` and for a team.

It is Prefect's own, and asks for a password, answers under its own names alone, and only to its own pages
(flows/service/guard.py). Whoever has the password has a shell on every worker: see docs/security.md.
"""

import os
from typing import Annotated

import typer

from flows.service.guard import Guard, origins
from flows.service.settings import LOOPBACK
from lvseg.core.command import run
from lvseg.core.errors import UserError

PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"
PAGE = "PREFECT_SERVER_UI_API_URL"
SHORTEST = 12  # characters


def main(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every network.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 4200,
) -> None:
    """Serve until asked to end (Ctrl-C, SIGTERM)."""
    _check_password(os.environ.get(PASSWORD, ""))
    if host != LOOPBACK and not os.environ.get(PAGE):
        raise UserError(
            f"{PAGE} is not set: name the address that browsers ask, such as http://tracker:4200/api"
        )
    addresses = origins(port, os.environ.get(PAGE))
    os.environ.setdefault(PAGE, f"http://{LOOPBACK}:{port}/api")
    os.environ |= {
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(addresses),
        "PREFECT_SERVER_API_HOST": host,
        "PREFECT_SERVER_API_PORT": str(port),
    }

    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    settings = get_current_settings().server
    uvicorn.run(
        Guard(create_app(final=True), addresses),
        host=host,
        port=port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        log_level=settings.logging_level.lower(),
        proxy_headers=False,
    )


def _check_password(password: str) -> None:
    """Refuse to serve everybody.

    Raises:
        UserError: there is no password, or none to speak of; it is not repeated.
    """
    user, colon, secret = password.partition(":")
    if not (user and colon) or len(secret) < SHORTEST:
        raise UserError(
            f"{PASSWORD} must be user:password, the password {SHORTEST} characters or longer: whoever reaches this "
            "server runs commands on its workers. `openssl rand -base64 18` gives a good one"
        )


if __name__ == "__main__":
    run(main)
