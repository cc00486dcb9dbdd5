"""MLflow's server without its ways in; `python -m tracking.server.application` takes what `mlflow server` takes.

Its assistant lets whoever reaches the server from its own machine name a language model, and executes what that model
asks for: a shell for every other user of the machine, and for every user of MLflow behind a proxy there. MLflow has no
setting against it. What `artifact_places` and `own_pages` close has none either.
"""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from tracking.server.artifact_places import keep_to_own
from tracking.server.own_pages import LOOPBACK_NAMES, NAMES, OwnPages


def plain() -> Any:
    """Return MLflow's ASGI application for a server without users."""
    return _closed(lambda: importlib.import_module("mlflow.server.fastapi_app").app)


def with_users() -> Any:
    """Return MLflow's ASGI application for a server that asks for a name and a password."""
    return _closed(lambda: importlib.import_module("mlflow.server.auth").create_app())


# What MLflow lets uvicorn load, and what it is to load instead.
_OURS = {"mlflow.server.fastapi_app:app": plain, "mlflow.server.auth:create_app": with_users}


def _closed(make: Callable[[], Any]) -> Any:
    _remove_assistant()
    keep_to_own()
    application = make()
    application.add_middleware(OwnPages)
    return application


def _remove_assistant() -> None:
    """Empty the assistant's router, before the application takes its routes from there."""
    routes = importlib.import_module("mlflow.server.assistant.api").assistant_router.routes
    if "mlflow.server.fastapi_app" in sys.modules or not routes:
        raise RuntimeError("MLflow's application was made before its assistant could be left out")
    routes.clear()


def main() -> None:
    """Run `mlflow server` with the arguments of this command."""
    from mlflow import server
    from mlflow.cli import cli

    command: Callable[..., list[str]] = server._build_uvicorn_command

    def with_ours(
        options: str | None, host: str, port: int, workers: int, application: str, *others: Any
    ) -> list[str]:
        ours = f"tracking.server.application:{_OURS[application].__name__}"
        return command(options, host, port, workers, ours, others[0], is_factory=True)

    server._build_uvicorn_command = with_ours
    os.environ[NAMES] = os.environ.get(NAMES) or LOOPBACK_NAMES
    cli(["server", *sys.argv[1:]], prog_name="mlflow")


if __name__ == "__main__":
    main()
