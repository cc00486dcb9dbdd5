"""Move everything from one person's store into the empty database and the artifact store of a team's server.

`mlflow/to-postgresql` calls this. MLflow makes its tables in the target; then rows go over as they are, with their
ids and times. What changes is where files lie: in a folder of one machine before, behind the server after. The old
store is only read.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvseg import params
from lvseg.core.command import run
from lvseg.core.errors import UserError
from tracking.runs.store import reason
from tracking.server.mlflow_internals import artifact_repository, upgrade_database

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from sqlalchemy import Connection, MetaData, Table

ROWS = 5000  # in memory at a time
SERVED = "mlflow-artifacts:"  # the scheme of files that a server keeps for its clients
# What MLflow itself writes into a new database. The rows of the old one take their place.
BIRTH = {"experiments": "experiment_id = 0", "workspaces": "name = 'default'"}
VERSIONS = "alembic_version"  # of the tables
# Columns that say where files lie, with the id of the row.
LOCATIONS = {"runs": ("run_uuid", "artifact_uri"), "logged_models": ("model_id", "artifact_location")}


def main(folder: Path, target: str, destination: str) -> None:
    """Move `mlflow.db` and `artifacts/` of a folder to a PostgreSQL database and an artifact store."""
    rows, files = move(folder, target, destination)
    for table, count in rows.items():
        print(f"{count:9,} {table}")
    print(f"moved {sum(rows.values()):,} rows and {files:,} files, and counted them again on the other side")


def move(folder: Path, target: str, destination: str) -> tuple[dict[str, int], int]:
    """Copy all rows and files of a store; no row is written if anything fails.

    Args:
        folder: holds `mlflow.db` and `artifacts/`, as `make mlflow` has them.
        target: address of a database, new or of a server without runs.
        destination: where the server keeps artifacts, a folder or an address such as `s3://bucket/folder`.

    Returns:
        The number of rows of every table that has any, and the number of files.

    Raises:
        UserError: there is no such store, the target is not empty or of another version, or files lie elsewhere.
    """
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import SQLAlchemyError

    database = folder / "mlflow.db"
    if not database.is_file():
        raise UserError(f"{database} is missing: name the folder that holds mlflow.db and artifacts/")
    source, sink = (
        create_engine(address, poolclass=NullPool) for address in (f"sqlite:///{database}", target)
    )
    try:
        upgrade_database(target)
        with source.connect() as old, sink.begin() as new:
            old.exec_driver_sql("begin immediate")  # who would write to it now is told that it is locked
            rows = _move_rows(old, new)
            files = _upload(folder / "artifacts", destination)
    except SQLAlchemyError as error:
        raise UserError(f"nothing was moved: {reason(error)}") from error
    return {table: count for table, count in rows.items() if count}, files


def _move_rows(old: "Connection", new: "Connection") -> dict[str, int]:
    """Copy all tables, and return the number of rows in each."""
    from sqlalchemy import text

    before, after = _tables(old), _tables(new)
    _check(old, new, before, after)
    root = _root(old, params.load().tracking.experiment)
    for name, mine in BIRTH.items():
        new.execute(text(f"delete from {name} where {mine}"))
    rows = {
        table.name: _copy(old, new, before.tables[table.name], table, root)
        for table in after.sorted_tables  # a row comes after those that it refers to
        if table.name in before.tables and table.name != VERSIONS
    }
    # Experiments without any files: as a server would have made them.
    new.execute(
        text(
            f"update experiments set artifact_location = '{SERVED}/' || experiment_id "
            "where artifact_location ~ '^(file:|[./])'"
        )
    )
    return rows


def _tables(connection: "Connection") -> "MetaData":
    """Return the tables as the database has them, in an order that suits references."""
    from sqlalchemy import MetaData

    tables = MetaData()
    tables.reflect(connection)
    return tables


def _check(old: "Connection", new: "Connection", before: "MetaData", after: "MetaData") -> None:
    """Refuse tables of another version, and a target that holds anything of its own."""
    versions = [connection.exec_driver_sql(f"select * from {VERSIONS}").scalar() for connection in (old, new)]
    if versions[0] != versions[1]:
        raise UserError(
            f"the old store has tables of version {versions[0]}, this MLflow makes {versions[1]}: "
            "save a copy of mlflow.db, then run `.venv/bin/mlflow db upgrade sqlite:///PATH/mlflow.db`"
        )
    unknown = [name for name in before.tables if name not in after.tables and _count(old, name)]
    if unknown:
        raise UserError(
            f"mlflow.db holds tables that are not MLflow's: {', '.join(unknown)}; remove them first"
        )
    for name in (table.name for table in before.sorted_tables if table.name != VERSIONS):
        count = _count(new, name, f"not ({BIRTH[name]})" if name in BIRTH else "true")
        if count:
            raise UserError(
                f"the target holds rows already ({count} in {name}): runs move into an empty database only"
            )


def _count(connection: "Connection", table: str, condition: str = "true") -> int:
    """Return the number of rows of a table that meet a condition."""
    rows = connection.exec_driver_sql(f'select count(*) from "{table}" where {condition}').scalar_one()
    return int(rows)


def _root(old: "Connection", experiment: str) -> str:
    """Return the address that `artifacts/` has in the old database, which may be a copy from elsewhere."""
    from sqlalchemy import text

    chosen = text("select artifact_location from experiments where name = :name")
    root = old.execute(chosen, {"name": experiment}).scalar()
    if not root or not _local(root):
        raise UserError(
            f"mlflow.db has no experiment {experiment} with files of its own: there is nothing to move"
        )
    for table, (key, column) in LOCATIONS.items():
        for row, location in old.exec_driver_sql(f"select {key}, {column} from {table}"):
            if _local(location) and not location.startswith(f"{root}/"):
                raise UserError(
                    f"{row} in {table} keeps its files in {location}, outside of {root}: delete it first"
                )
    return str(root)


def _local(location: str | None) -> bool:
    """Return whether an address is a path of one machine."""
    return re.match(r"file:|[./]", location or "") is not None


def _copy(old: "Connection", new: "Connection", before: "Table", after: "Table", root: str) -> int:
    """Copy the rows of one table, set the counter of its ids, and return the number that arrived."""
    from sqlalchemy import select

    columns = [column for column in after.columns if not column.computed]
    for column in columns:
        if hasattr(column.type, "none_as_null"):  # JSON: nothing stays nothing, and does not become a `null`
            column.type.none_as_null = True
    chosen = select(*(before.c[column.name] for column in columns))
    for part in old.execution_options(yield_per=ROWS).execute(chosen).mappings().partitions(ROWS):
        new.execute(after.insert(), [_served(dict(row), root) for row in part])
    for column in columns:
        if column.autoincrement is True or "nextval" in str(getattr(column.server_default, "arg", "")):
            highest = f'coalesce(max("{column.name}"), 0) + 1'
            counter = f"pg_get_serial_sequence('{after.name}', '{column.name}')"
            new.exec_driver_sql(f'select setval({counter}, {highest}, false) from "{after.name}"')
    came, left = _count(new, after.name), _count(old, before.name)
    if came != left:
        raise UserError(f"{came} of {left} rows arrived in {after.name}; nothing was moved")
    return came


def _served(row: dict[str, Any], root: str) -> dict[str, Any]:
    """Return a row with every address of the old folder replaced by that of the same file behind the server."""
    for name, value in row.items():
        if isinstance(value, str) and (value == root or value.startswith(f"{root}/")):
            row[name] = f"{SERVED}{value[len(root) :] or '/'}"
    return row


def _upload(artifacts: Path, destination: str) -> int:
    """Copy the files to where the server keeps them, look that all are there, and return their number."""
    sizes = {
        path.relative_to(artifacts).as_posix(): path.stat().st_size
        for path in artifacts.rglob("*")
        if path.is_file()
    }
    if sizes:
        repository = artifact_repository(destination)
        repository.log_artifacts(str(artifacts))
        missing = sizes.items() - dict(_files(repository)).items()
        if missing:
            raise UserError(
                f"{len(missing)} files did not arrive in {destination}, such as {min(missing)[0]}"
            )
    return len(sizes)


def _files(repository: "ArtifactRepository", folder: str | None = None) -> Iterator[tuple[str, int]]:
    """Return path and size (bytes) of every file in an artifact store."""
    for entry in repository.list_artifacts(folder):
        if entry.is_dir:
            yield from _files(repository, entry.path)
        else:
            yield entry.path, entry.file_size


if __name__ == "__main__":
    run(main)
