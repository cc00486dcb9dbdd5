"""Which requests reach the Prefect server: those under its own names, and from its own pages.

A web page that a person visits can send requests to every server that his browser reaches, loopback included. The
browser says from which page (`Origin`), and by which name it found the server (`Host`), which a hostile page can let
point here. Prefect asks neither.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from html import escape
from typing import Any
from urllib.parse import urlsplit

from lvseg.core.errors import UserError

LOGIN = "/open"  # a page that logs a browser in: the password follows `#`, which browsers keep to themselves
_LOCAL = ("127.0.0.1", "localhost")
# Prefect's pages look for the password there, in base64, and ask for it only if it is missing.
_PAGE = """<!doctype html><meta charset="utf-8"><title>Prefect</title><p>Prefect opens.</p><script>
const password = decodeURIComponent(location.hash.slice(1));
if (password) localStorage.setItem("prefect-password", btoa(password));
location.replace("/deployments");
</script>"""
_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'unsafe-inline'; frame-ancestors 'none'",
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI application that answers what it refuses, and hands everything else to another one."""

    def __init__(self, application: Application, origins: Iterable[str]) -> None:
        """Guard an application.

        Args:
            application: the one behind it.
            origins: the addresses under which it is found, such as `http://tracker:4200`.
        """
        self._application = application
        self._origins = frozenset(origins)
        self._hosts = frozenset(urlsplit(origin).hostname for origin in self._origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do so."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if fault := self._fault(headers):
            await _refuse(scope, send, fault)
        elif scope["type"] == "http" and scope["path"] == LOGIN and scope["method"] == "GET":
            await _answer(send, 200, _PAGE, _POLICY)
        else:
            await self._application(scope, receive, _unframed(send))

    def _fault(self, headers: dict[bytes, str]) -> str:
        """Return why a request is refused; "" if it is not."""
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if _name(host) not in self._hosts:
            return f"Invalid Host header: {host}"
        if origin is not None and origin not in self._origins:
            return f"Blocked cross-origin: {origin}"
        return ""


def origins(port: int, page: str | None) -> list[str]:
    """Return the addresses under which a server is found: on its own machine, and the public one.

    Args:
        port: that it listens on.
        page: an address below the public one, such as `https://tracker/api`; None where there is none.

    Raises:
        UserError: `page` is no address.
    """
    addresses = [f"http://{name}:{port}" for name in _LOCAL]
    if page:
        parts = urlsplit(page)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(
                f"PREFECT_SERVER_UI_API_URL: {page!r} is no address such as http://tracker:4200/api"
            )
        addresses.append(f"{parts.scheme}://{parts.netloc}")
    return list(dict.fromkeys(addresses))


def _name(host: str) -> str | None:
    """Return the name in a Host header, without the port; None if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _unframed(send: Send) -> Send:
    """Let no page elsewhere show one of ours in a frame, where a person would press its buttons unknowingly."""

    async def told(message: Scope) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-frame-options", b"DENY")]
        await send(message)

    return told


async def _refuse(scope: Scope, send: Send, fault: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
    else:
        await _answer(send, 403, escape(fault))


async def _answer(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = text.encode()
    facts = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    facts += [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": facts})
    await send({"type": "http.response.body", "body": body})
