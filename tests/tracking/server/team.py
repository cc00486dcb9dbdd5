"""A team's server for tests: PostgreSQL on loopback, a settings file, and the scripts of `mlflow/`."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bench.rig.process import LOOPBACK, answers, child, free_port
from tests.conftest import REPOSITORY

ADMIN = ("admin", "end-diastole-140-ml")


@dataclass(frozen=True)
class Team:
    """The server that a settings file describes; it may run or not."""

    folder: Path
    postgres: int
    port: int

    @property
    def settings(self) -> Path:
        return self.folder / "server.env"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def database(self) -> str:
        """Its address, as SQLAlchemy takes it."""
        return f"postgresql+psycopg://team@{LOOPBACK}:{self.postgres}/{self.folder.name}"

    def set(self, name: str, value: str) -> None:
        """Change a line of the settings."""
        text, count = re.subn(rf"(?m)^{name}=.*", f"{name}={value}", self.settings.read_text())
        assert count == 1, f"server.env.template lacks {name}"
        self.settings.write_text(text)

    def script(self, name: str, *arguments: str | Path, fails: bool = False) -> str:
        """Run a script of `mlflow/`, check how it ended, and return what it said."""
        done = subprocess.run(
            ["sh", REPOSITORY / "mlflow" / name, *arguments],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        return said

    def ask(self, sql: str) -> None:
        """Run SQL on the database, as its owner."""
        with psycopg.connect(self.database.replace("+psycopg", "")) as connection:
            connection.execute(sql)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Run the server for the time of the block; yield its address."""
        command = ["sh", str(REPOSITORY / "mlflow" / "serve-team")]
        with child("team", command, folder=self.folder, env=self._environment()) as process:
            address = f"http://{LOOPBACK}:{self.port}"
            answers(process, f"{address}/health")
            yield address

    def _environment(self) -> dict[str, str]:
        ours = {name: text for name, text in os.environ.items() if not name.startswith(("MLFLOW_", "PG"))}
        return {**ours, "LVSEG_MLFLOW_SETTINGS": str(self.settings)}


def new_team(folder: Path, prefect: str) -> Team:
    """Return an empty database of an ordinary user, and settings for it made from the template.

    Args:
        folder: a new one; the database gets its name.
        prefect: address of the database that `bench.rig.servers.postgres` made.
    """
    folder.mkdir()
    team = Team(folder, urlsplit(prefect).port or 0, free_port())
    with psycopg.connect(
        f"host={LOOPBACK} port={team.postgres} user=lvseg dbname=prefect", autocommit=True
    ) as ask:
        if not ask.execute("select 1 from pg_roles where rolname = 'team'").fetchone():
            ask.execute("create role team login")
        ask.execute(f'create database "{folder.name}" owner team')
    template = (REPOSITORY / "mlflow" / "server.env.template").read_text()
    team.settings.touch(mode=0o600)
    team.settings.write_text(template.replace(":5000", f":{team.port}"))
    for name, value in {
        "PGHOST": LOOPBACK,
        "PGPORT": str(team.postgres),
        "PGDATABASE": folder.name,
        "PGUSER": "team",
        "MLFLOW_ARTIFACTS_DESTINATION": str(team.artifacts),
        "MLFLOW_PORT": str(team.port),
        "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN[1],
    }.items():
        team.set(name, value)
    return team
