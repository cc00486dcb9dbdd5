"""The password of the Prefect server that `make ui` starts: made once, readable by its owner alone."""

import re
import secrets
from pathlib import Path

from lvseg.core.paths.files import atomic_path
from lvseg.core.paths.places import state_home

_USER = "lvseg"
_BYTES = 24  # of chance
_LINE = re.compile(rf"^PREFECT_API_AUTH_STRING=({_USER}:[\w-]{{{_BYTES},}})$", re.MULTILINE)


def settings_file() -> Path:
    """Return the file with address and password of the server of `make ui`, in the form of an environment file."""
    return state_home() / "prefect.env"


def kept() -> str | None:
    """Return the password, as `user:password`; None before the first `make ui`."""
    try:
        match = _LINE.search(settings_file().read_text(encoding="utf-8"))
    except OSError:
        return None
    return match[1] if match else None


def keep(api_url: str) -> str:
    """Return the password, made if there is none, and keep it with the address of the server."""
    password = kept() or f"{_USER}:{secrets.token_urlsafe(_BYTES)}"
    with atomic_path(settings_file()) as unfinished:
        unfinished.touch(mode=0o600)
        unfinished.write_text(
            f"PREFECT_API_URL={api_url}\nPREFECT_API_AUTH_STRING={password}\n", encoding="utf-8"
        )
    return password
