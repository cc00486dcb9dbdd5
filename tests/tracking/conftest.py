"""A small project to train in, a migrated store to copy, and one real tracking server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.entities import Run

from lvseg.evaluation.summaries import per_patient
from lvseg.evaluation.tables import write_csv
from tests.conftest import REPOSITORY
from tests.lvseg.evaluation import scored
from tests.tracking import stub
from tracking.runs.store import QUIET, Store, open_store

EXPERIMENT = "lv-segmentation"
GROUPS = ["HF-I", "HF-NI", "HYP", "N"] * 2
SPREAD = np.linspace(-0.02, 0.02, len(GROUPS))


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny network as a training saves it."""
    from lvseg.core.backend import keras

    image = keras.Input((16, 16, 1), name="image")
    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras.Model(image, keras.layers.Conv2D(2, 3, padding="same")(image)).save(path)
    return path


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database that is migrated already, which takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
        open_store("unused")
    return path


@pytest.fixture
def project(
    tmp_path: Path,
    tiny_shards: Path,
    saved_model: Path,
    empty_database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Enter a folder with data, parameters, an empty SQLite store, and a stub in place of the training."""
    folder = tmp_path / "project"
    shutil.copytree(tiny_shards, folder / "data")
    shutil.copy(REPOSITORY / "params.yaml", folder)
    (folder / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  extract:\n    outs:\n    - path: data/shards\n      md5: abc.dir\n"
        "  train-dense:\n    deps:\n    - path: data/shards\n      md5: of-the-run-before.dir\n"
    )
    (folder / "mlflow").mkdir()
    shutil.copy(empty_database, folder / "mlflow" / "mlflow.db")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LVSEG_HOME", str(folder / ".lvseg"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    monkeypatch.setenv("STUB_MODEL", str(saved_model))
    monkeypatch.setitem(sys.modules, "lvseg.training.loop", None)
    stub.install()
    stub.calls.clear()
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a real tracking server on a free port of loopback."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tracking.server.application", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {
        **os.environ,
        **QUIET,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONPATH": str(REPOSITORY),
    }
    uri, log = f"http://127.0.0.1:{port}", folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        _wait_for(uri, process, log)
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the server's own session: nothing else is in it
        process.wait(20)


def _wait_for(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(log.read_text())


@pytest.fixture
def closed_port() -> str:
    """Return the address of a server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def store(project: Path) -> Store:
    """Return the empty store of the project."""
    return open_store(EXPERIMENT)


@pytest.fixture
def evaluated(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Return what trains and evaluates a model with a mean Dice; each gets another seed."""
    seeds = iter(range(1, 100))

    def make(dice: float, spread: Any = SPREAD, test: str = "t", weights: str = "", **tags: str) -> Run:
        seed = next(seeds)
        monkeypatch.setenv("STUB_WEIGHTS", weights or f"w{seed}")
        stub.run_stage(seed)
        run_id = max(all_runs(store), key=lambda run: run.info.start_time).info.run_id
        table = {
            f"P{n}": (group, dice + apart)
            for n, (group, apart) in enumerate(zip(GROUPS, spread, strict=True))
        }
        slices = scored.slices(table)
        write_csv(tmp_path / "per_slice.csv", slices)
        write_csv(tmp_path / "per_patient.csv", per_patient(slices))
        for name in ("per_slice.csv", "per_patient.csv"):
            store.client.log_artifact(run_id, str(tmp_path / name), "evaluation")
        facts = {"test_hash": test * 64, "git_dirty": "false", "git_commit": "c" * 40} | tags
        for name, value in facts.items():
            store.client.set_tag(run_id, f"lvseg.{name}", value)
        return store.client.get_run(run_id)

    return make


def all_runs(store: Store | None = None) -> list[Any]:
    """Return the runs of our experiment, oldest first."""
    store = store or open_store(EXPERIMENT)
    return list(store.client.search_runs([store.experiment_id], order_by=["attributes.start_time ASC"]))


def history(run: Any, metric: str) -> list[tuple[int, float | str]]:
    """Return (epoch, value) of one metric of a run, in order; NaN as a word, so that it equals itself."""
    entries = open_store(EXPERIMENT).client.get_metric_history(run.info.run_id, metric)
    return sorted((entry.step, entry.value if entry.value == entry.value else "nan") for entry in entries)
