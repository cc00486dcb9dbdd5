"""A store that was moved or copied with its checkout: MLflow keeps absolute addresses of all files in it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Tables and columns of MLflow that hold such addresses.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def moved_from(client: "MlflowClient", experiment_id: str, database: Path) -> str | None:
    """Return the address that the artifacts of an experiment had before, or None if they lie beside the database.

    Only folders that we made count: `artifacts` beside a database in a folder of the same name. What somebody has put
    elsewhere on purpose stays there.
    """
    address = str(client.get_experiment(experiment_id).artifact_location)
    parts = urlparse(address)
    if parts.scheme not in ("", "file"):
        return None
    recorded, here = Path(unquote(parts.path)), database.parent / "artifacts"
    ours = recorded.name == here.name and recorded.parent.name == database.parent.name
    return address if ours and recorded.resolve() != here.resolve() else None


def move_addresses(database: Path, old: str, new: str) -> None:
    """Let all addresses below `old` in a database lie below `new`, in one transaction.

    The caller holds the lock under which processes open the store.
    """
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        for table, column in _ADDRESSES:
            connection.execute(
                f"update {table} set {column} = ? || substr({column}, ?) "
                f"where {column} = ? or substr({column}, 1, ?) = ?",
                (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
            )
