"""The team's server: real PostgreSQL, real MLflow, the scripts of `mlflow/` as a person runs them."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import JSON, MetaData, NullPool, Select, Table, Text, cast, create_engine, select

from bench.rig import servers
from lvseg.core.errors import UserError
from lvseg.core.hashes import tree_hash
from tests.tracking import stub
from tests.tracking.conftest import EXPERIMENT, all_runs, history
from tests.tracking.server.asked import status
from tests.tracking.server.team import ADMIN, Team, new_team
from tracking.runs.store import open_store
from tracking.server.migration import move

pytestmark = pytest.mark.slow

NewTeam = Callable[[str], Team]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Run one PostgreSQL for all tests here."""
    with tempfile.TemporaryDirectory(prefix="lvseg-") as folder:
        Path(folder).chmod(0o711)  # where root runs the tests, PostgreSQL is another user
        try:
            with servers.postgres(Path(folder)) as address:
                yield address
        except UserError as error:
            pytest.skip(str(error))


@pytest.fixture
def team(postgres: str, tmp_path: Path) -> NewTeam:
    """Return a function that makes the settings and the empty database of a server of some name."""
    unique = f"{tmp_path.name}-".lower().replace("_", "-")
    return lambda name: new_team(tmp_path / f"{unique[-40:]}{name}", postgres)


def rows(database: str) -> dict[str, list[str]]:
    """Return the rows of every table that has any."""
    with create_engine(database, poolclass=NullPool).connect() as connection:
        tables = MetaData()
        tables.reflect(connection)
        found = {
            table.name: sorted(
                repr(sorted(row.items())) for row in connection.execute(_raw(table)).mappings()
            )
            for table in tables.sorted_tables
        }
    return {name: content for name, content in found.items() if content}


def _raw(table: Table) -> Select[Any]:
    """Return the query for all rows; JSON as its text, which tells `null` from nothing."""
    return select(
        *(
            cast(column, Text).label(column.name) if isinstance(column.type, JSON) else column
            for column in table.columns
        )
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_AUTH_ADMIN_PASSWORD", ""),
        ("MLFLOW_AUTH_ADMIN_PASSWORD", "eleven-long"),
        ("MLFLOW_AUTH_ADMIN_PASSWORD", "password1234"),  # what MLflow once came with
        ("MLFLOW_SERVER_ALLOWED_HOSTS", "tracker:5000,*"),
        ("MLFLOW_ARTIFACTS_DESTINATION", "artifacts"),
        ("PGDATABASE", ""),
    ],
)
def test_no_server_starts_with_settings_that_leave_it_open(team: NewTeam, name: str, value: str) -> None:
    server = team("open")
    server.set(name, value)
    assert f"error: {name}" in server.script("serve-team", fails=True)


def test_settings_that_others_may_read_are_refused(team: NewTeam) -> None:
    server = team("read")
    server.settings.chmod(0o640)
    assert "chmod 600" in server.script("serve-team", fails=True)


def test_a_team_works_with_passwords_and_its_backup_brings_everything_back(
    team: NewTeam, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server, anna = team("work"), ("anna", "apex-to-base-slices")
    with server.serving() as address:
        search = f"{address}/api/2.0/mlflow/experiments/search?max_results=1"
        assert status(search) == 401 and status(f"{address}/") == 401
        assert status(search, (ADMIN[0], "password1234")) == 401
        assert status(search, ADMIN) == 200
        assistant = f"{address}/ajax-api/3.0/mlflow/assistant/config"
        assert status(assistant, ADMIN) == 404, "it executes what a language model says"
        assert status(search, ADMIN, Host="elsewhere:5000") == 403
        own, local, foreign = (
            status(search, ADMIN, {"max_results": 1}, Origin=origin)
            for origin in (address, "http://localhost:9999", "http://evil.example.org")
        )
        assert (own, local, foreign) == (200, 403, 403)
        create = f"{address}/api/2.0/mlflow/experiments/create"
        led = {"name": "led", "artifact_location": server.folder.as_uri()}
        assert status(create, ADMIN, led) == 400, "its files would lie where the server may write"
        users = f"{address}/api/2.0/mlflow/users/create"
        assert status(users, ADMIN, {"username": anna[0], "password": anna[1]}) == 200
        assert status(users, anna, {"username": "b", "password": "whatever-it-is"}) == 403

        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        stub.run_stage()  # without a password: it warns, and keeps its record
        for name, password in (ADMIN, anna):  # the experiment is not hers
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
            store = open_store(EXPERIMENT)
        stub.run_stage(seed=2)
        said = "".join(capfd.readouterr())
        assert "401" in said and anna[1] not in said
        left = [path for place in (project, server.artifacts) for path in place.rglob("*") if path.is_file()]
        assert left and not [path for path in left if anna[1].encode() in path.read_bytes()]
        run = all_runs()[-1]
        assert run.info.status == "FINISHED" and history(run, "train/loss")[-1] == (
            stub.EPOCHS,
            1 / stub.EPOCHS,
        )
        store.client.delete_run(store.client.create_run(store.experiment_id).info.run_id)  # as trainings may
        backup = server.folder / "backup"
        assert "2 runs, 13 metrics, 0 model versions, 2 users" in server.script("backup", backup)
        assert "stop the server" in server.script("restore", backup, "--replace", fails=True)
    assert "is there already" in server.script("backup", backup, fails=True)

    other = team("back")
    assert "2 runs, 13 metrics" in other.script("restore", backup)
    assert rows(other.database) == rows(server.database)
    assert len(rows(other.database)["metrics"]) > 10 and len(rows(other.database)["users"]) == 2
    assert tree_hash(other.artifacts) == tree_hash(server.artifacts)

    (other.artifacts / "later").write_text("kept, unless said otherwise")
    assert "--replace" in other.script("restore", backup, fails=True)
    assert (other.artifacts / "later").exists()
    other.script("restore", backup, "--replace")
    assert tree_hash(other.artifacts) == tree_hash(server.artifacts)
    assert rows(other.database) == rows(server.database)

    odd = team("odd")
    odd.script("restore", backup)
    odd.ask("create schema apart; create type apart.t as enum ('a'); create table zzz (x apart.t)")
    odd.script("backup", odd.folder / "backup")  # what fails in the middle, for want of that type
    other.script("restore", odd.folder / "backup", "--replace", fails=True)
    assert rows(other.database) == rows(server.database)
    assert tree_hash(other.artifacts) == tree_hash(server.artifacts)
    assert {path.name for path in other.folder.iterdir()} == {"artifacts", "server.env"}

    with (backup / "artifacts.tar").open("ab") as file:
        file.write(b"damage")
    assert "damaged" in other.script("restore", backup, "--replace", fails=True)


def test_nothing_is_lost_between_sqlite_and_postgresql(
    team: NewTeam, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    stub.run_stage()
    (run,) = all_runs()
    losses, store, uri = history(run, "train/loss"), open_store(EXPERIMENT), run.data.tags["lvseg.model_uri"]
    store.client.create_registered_model("lv-segmentation")
    store.client.create_model_version("lv-segmentation", uri, run.info.run_id)
    store.client.set_registered_model_alias("lv-segmentation", "champion", "1")
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")  # or MLflow leaves connections open
    mlflow.set_experiment(experiment_id=store.experiment_id)
    with mlflow.start_span("a table with a column that PostgreSQL computes"):
        pass
    frames = pd.DataFrame({"pixels": np.random.default_rng(1).random((2, 16, 16)).tolist()})
    expected = mlflow.pyfunc.load_model(uri).predict(frames)
    (project / "mlflow").rename(project / "as-copied-from-a-laptop")
    source = project / "as-copied-from-a-laptop"
    with closing(sqlite3.connect(source / "mlflow.db")) as old, old:
        columns = "id, creation_time, job_name, params, status, retry_count, last_update_time, progress"
        row = ("a", 1, "JSON in one column and nothing in another", "{}", 1, 0, 2, '{"done": 1}')
        old.execute(f"insert into jobs ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?)", row)
    before, root = rows(f"sqlite:///{source / 'mlflow.db'}"), (project / "mlflow" / "artifacts").as_uri()

    server = team("moved")
    spoiled = shutil.copytree(source, project / "spoiled")
    with closing(sqlite3.connect(spoiled / "mlflow.db")) as old, old:
        old.execute("update tags set value = 'x' || char(0)")  # which PostgreSQL cannot hold
    with pytest.raises(UserError, match="nothing was moved"):
        move(spoiled, server.database, str(server.artifacts))
    assert rows(server.database).keys() == {"alembic_version", "workspaces"}

    said = server.script("to-postgresql", source)
    after = rows(server.database)
    assert before.keys() == after.keys() and {"spans", "metrics", "model_versions"} <= after.keys()
    for table in before.keys() - {"experiments"}:
        assert [row.replace(root, "mlflow-artifacts:") for row in before[table]] == after[table], table
        assert table == "alembic_version" or f"{len(after[table])} {table}" in said
    assert tree_hash(server.artifacts) == tree_hash(source / "artifacts")
    assert rows(f"sqlite:///{source / 'mlflow.db'}") == before
    with pytest.raises(UserError, match="holds rows already"):
        move(source, server.database, str(server.artifacts))
    assert rows(server.database) == after

    with server.serving() as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN[0])
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN[1])
        (same,) = all_runs()
        assert same.info.run_id == run.info.run_id and history(same, "train/loss") == losses
        model = mlflow.pyfunc.load_model("models:/lv-segmentation@champion")
        pd.testing.assert_frame_equal(model.predict(frames), expected)
        client = open_store(EXPERIMENT).client
        assert {e.artifact_location.split("/")[0] for e in client.search_experiments()} == {
            "mlflow-artifacts:"
        }
        made = client.create_experiment("the next one")
        assert int(made) > max(
            int(e.experiment_id) for e in client.search_experiments() if e.name != "the next one"
        )
