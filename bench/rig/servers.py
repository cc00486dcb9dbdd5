"""PostgreSQL, sshd, a Prefect server and an MLflow server, each ready when the block begins."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.rig.process import (
    LOOPBACK,
    PASSWORD,
    START,
    Child,
    answers,
    child,
    free_port,
    program,
    surroundings,
)
from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT


@dataclass(frozen=True)
class Server:
    """A running server: its address for clients, and its process."""

    address: str
    process: Child


@contextmanager
def postgres(rig: Path) -> Iterator[str]:
    """Run a PostgreSQL cluster with a database `prefect`; yield its address for Prefect."""
    places = sorted((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    postgres, initdb, psql = (program(name, "postgresql", *places) for name in ("postgres", "initdb", "psql"))
    folder, port = rig / "postgres", free_port()
    folder.mkdir()
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres"
        shutil.chown(folder, user)
    env = surroundings(rig, folder)
    subprocess.run(
        [initdb, "--auth=trust", "--username=lvseg", "--encoding=UTF8", "--no-sync", str(folder / "data")],
        env=env,
        user=user,
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    command = [postgres, "-D", str(folder / "data"), "-p", str(port), "-h", LOOPBACK, "-k", str(folder)]
    # A new cluster that nobody will miss: no time is lost on safety against power failures.
    with child(
        "postgres", [*command, "-F"], folder=rig, env=env, cwd=folder, user=user, ending=signal.SIGINT
    ) as server:
        ask = [psql, "-h", LOOPBACK, "-p", str(port), "-U", "lvseg", "-d", "postgres", "-c"]
        give_up = time.monotonic() + START
        while subprocess.run([*ask, "create database prefect"], env=env, capture_output=True).returncode:
            server.check()
            if time.monotonic() > give_up:
                raise UserError(f"PostgreSQL did not answer within {START:.0f} s: {server.said()}")
            time.sleep(0.2)
        yield f"postgresql+asyncpg://lvseg@{LOOPBACK}:{port}/prefect"


@contextmanager
def prefect(rig: Path, database: str | None = None, port: int | None = None) -> Iterator[Server]:
    """Run a Prefect server; `address` is that of its API.

    Args:
        database: address of a PostgreSQL database; without it, SQLite in `rig`.
        port: to listen on; the same folder and port bring the same server back.
    """
    port = port or free_port()
    home = rig / "prefect"
    home.mkdir(exist_ok=True)
    env = surroundings(
        rig, home, PREFECT_SERVER_LOGGING_LEVEL="WARNING", PREFECT_SERVER_API_AUTH_STRING=PASSWORD
    )
    if database:
        env["PREFECT_API_DATABASE_CONNECTION_URL"] = database
    command = [sys.executable, "-m", "flows.server", "--port", str(port)]
    with child("prefect", command, folder=rig, env=env, cwd=ROOT) as server:
        answers(server, f"http://{LOOPBACK}:{port}/api/health")
        yield Server(f"http://{LOOPBACK}:{port}/api", server)


@contextmanager
def mlflow(rig: Path, port: int | None = None) -> Iterator[Server]:
    """Run an MLflow server that keeps artifacts for its clients; see `prefect` for `port`."""
    port = port or free_port()
    home = rig / "mlflow"
    home.mkdir(exist_ok=True)
    env = surroundings(rig, home, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    command = [
        *(sys.executable, "-m", "tracking.server.application", "--workers", "1"),
        *("--host", LOOPBACK, "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{home}/mlflow.db"),
        *("--artifacts-destination", str(home / "artifacts")),
    ]
    with child("mlflow", command, folder=rig, env=env, cwd=ROOT) as server:
        answers(server, f"http://{LOOPBACK}:{port}/health")
        yield Server(f"http://{LOOPBACK}:{port}", server)


@dataclass(frozen=True)
class Ssh:
    """An sshd for one key: what a client needs to reach `folder` on it."""

    port: int
    key: Path
    known_hosts: str
    process: Child

    def url(self, folder: Path) -> str:
        """Return the address of a folder, as DVC takes it."""
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        return f"ssh://{user}@{LOOPBACK}:{self.port}{folder}"


@contextmanager
def sshd(rig: Path, port: int | None = None) -> Iterator[Ssh]:
    """Run an SSH server on loopback, with keys of its own; see `prefect` for `port`."""
    daemon = program("sshd", "openssh-server", "/usr/sbin")
    keygen = program("ssh-keygen", "openssh-client")
    folder, port = rig / "ssh", port or free_port()
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("host", "user"):
        if not (folder / name).exists():
            subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    if os.geteuid() == 0:  # as Debian's start script does; only a daemon of root asks for it
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config = folder / "config"
    config.write_text(
        f"Port {port}\nListenAddress {LOOPBACK}\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\nMaxStartups 100\n"
    )
    public = re.sub(r"\s+\S+@\S+$", "", (folder / "host.pub").read_text().strip())
    with child(
        "sshd", [daemon, "-D", "-e", "-f", str(config)], folder=rig, env=surroundings(rig, folder)
    ) as server:
        give_up = time.monotonic() + START
        while "Server listening" not in server.said():
            server.check()
            if time.monotonic() > give_up:
                raise UserError(f"sshd did not start: {server.said()}")
            time.sleep(0.05)
        yield Ssh(port, folder / "user", f"[{LOOPBACK}]:{port} {public}\n", server)
