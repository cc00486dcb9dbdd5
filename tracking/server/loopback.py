"""A server on this machine: is its port free, and when does it answer?

`mlflow/serve` runs this as a command: `check PORT` before the server, `announce PORT PAGE PID` beside it.
"""

import http.client
import socket
import sys
import time
from contextlib import suppress

import psutil

from lvseg.core.errors import UserError, reported

LOOPBACK = "127.0.0.1"
PATIENCE = 120.0  # seconds for a server to answer
_LOOK = 0.2  # seconds between two looks


def check_free(number: int, remedy: str) -> None:
    """Refuse a port that something listens on.

    Args:
        number: of the port.
        remedy: what chooses another one, such as `PORT=5001 make mlflow`.

    Raises:
        UserError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except OSError:
            raise UserError(
                f"port {number} is taken: end what uses it, or choose another: {remedy}"
            ) from None


def answers(number: int) -> bool:
    """Return whether a server answers on a port of this machine; no proxy is asked."""
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(LOOPBACK, number, timeout=2)
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    return False


def serves(process: int, number: int) -> bool:
    """Return whether a process, or one below it, is what listens on a port of this machine.

    Another user may have taken the port since it was free, and answers as the server would.
    """
    with suppress(psutil.Error):
        whole = psutil.Process(process)
        for one in (whole, *whole.children(recursive=True)):
            with suppress(psutil.Error):
                held = one.net_connections("tcp4")
                if any(
                    each.laddr == (LOOPBACK, number) and each.status == psutil.CONN_LISTEN for each in held
                ):
                    return True
    return False


def announce(number: int, page: str, process: int) -> None:
    """Print the address of a page once the server of a process answers; nothing if the process ends before."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and psutil.pid_exists(process):
        if answers(number) and serves(process, number):
            print(f"MLflow: http://{LOOPBACK}:{number}/{page} (Ctrl-C ends it)", flush=True)
            return
        time.sleep(_LOOK)


def main() -> None:
    """Run the command that the arguments name."""
    command, text, *others = sys.argv[1:]
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise UserError(f"PORT: {text!r} is no port")
    number = int(text)
    if command == "check":
        check_free(number, f"PORT={number + 1} make mlflow")
    else:
        announce(number, others[0], int(others[1]))


if __name__ == "__main__":
    with reported():
        main()
