"""A server, asked over HTTP as a stranger or a user would."""

import base64
import json
import urllib.error
import urllib.request
from typing import Any


def status(address: str, user: tuple[str, str] | None = None, body: Any = None, **headers: str) -> int:
    """Ask a server for something, and return the status of its answer."""
    if user:
        headers["Authorization"] = f"Basic {base64.b64encode(':'.join(user).encode()).decode()}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
