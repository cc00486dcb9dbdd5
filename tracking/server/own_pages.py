"""Which web pages may ask a tracking server: its own alone.

MLflow lets every page of `localhost` ask, with the password that the browser remembers, whatever its settings say; and
without settings it answers under names such as `10.example.org`, which a hostile page can let point to this machine.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

NAMES = "MLFLOW_SERVER_ALLOWED_HOSTS"
_ORIGINS = "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"
LOOPBACK_NAMES = "localhost,localhost:*,127.0.0.1,127.0.0.1:*"  # what counts where nobody has set NAMES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


class OwnPages:
    """An ASGI application that refuses what another site's page asks, and hands on everything else.

    Browsers say from which site a page is (`Origin`). Ours is the one that bears the name by which the server was found
    (`Host`, which MLflow checks), and those that the settings name: behind a proxy.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        """Guard an application."""
        self._app = app
        self._named = frozenset(name.strip() for name in os.environ.get(_ORIGINS, "").split(","))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do so."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
        origin = headers.get(b"origin")
        if scope["type"] != "http" or origin is None or self._is_own(origin, headers.get(b"host")):
            await self._app(scope, receive, send)
            return
        await send(
            {
                "type": "http.response.start",
                "status": 403,
                "headers": [(b"content-type", b"text/plain"), (b"x-content-type-options", b"nosniff")],
            }
        )
        await send({"type": "http.response.body", "body": b"Blocked: a page of another site asks"})

    def _is_own(self, origin: str, host: str | None) -> bool:
        return origin in self._named or (host is not None and origin.partition("://")[2] == host)
