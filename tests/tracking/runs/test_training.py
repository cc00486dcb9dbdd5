import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lvseg import params
from lvseg.core.code.git import GitState
from lvseg.core.errors import UserError
from lvseg.core.hashes import file_hash, tree_hash
from tests.conftest import REPOSITORY
from tests.tracking import stub
from tests.tracking.conftest import EXPERIMENT, all_runs, history
from tracking.provenance import training_origin
from tracking.runs import mlflow_runs
from tracking.runs.delivery import log_waiting, record_training
from tracking.runs.record import waiting
from tracking.runs.store import open_store

LOSSES = [(1, 1.0), (2, 1 / 2), (3, 1 / 3)]


def test_a_training_is_one_run_that_holds_all_of_it(project: Path) -> None:
    stub.run_stage()
    (run,) = all_runs()
    assert run.info.status == "FINISHED"
    assert run.info.run_name == f"cnn {stub.calls[0][:6]}"
    assert history(run, "train/loss") == LOSSES
    assert history(run, "validation/dice") == [(1, "nan"), (2, 1 / 3), (3, 1 / 3)]
    assert run.data.metrics["train_seconds"] == 4.5
    assert run.data.params["learning_rate"] == "0.001" and run.data.params["parameters"] == "20"
    tags = run.data.tags
    assert tags["lvseg.fingerprint"] == stub.calls[0]
    assert {"lvseg.git_commit", "lvseg.git_dirty", "lvseg.weights_hash", "lvseg.host"} <= tags.keys()
    assert (tags["lvseg.stage"], tags["lvseg.model"]) == ("train-cnn", "cnn")
    assert tags["lvseg.dvc.shards"] == "abc.dir"
    (data,) = [entry.dataset for entry in run.inputs.dataset_inputs]
    assert (data.name, data.digest) == ("phantom", tree_hash(Path("data/shards"))[:36])
    assert json.loads(data.source)["path"] == "data/shards"
    store = open_store(EXPERIMENT)
    found = {entry.path for entry in store.client.list_artifacts(run.info.run_id, "training")}
    assert found == {f"training/{name}" for name in ("history.csv", "run.json", "timing.json", "tensorboard")}
    assert not waiting()
    assert not (project / "mlruns").exists()


def test_the_logged_model_is_the_trained_one_and_belongs_to_the_run(project: Path, tmp_path: Path) -> None:
    import mlflow

    from tracking.model.package import downloaded

    stub.run_stage()
    (run,) = all_runs()
    uri = run.data.tags["lvseg.model_uri"]
    logged = downloaded(uri, tmp_path / "logged")
    assert file_hash(logged / "model.keras") == file_hash(Path("models/cnn/model.keras"))
    assert mlflow.models.get_model_info(uri).run_id == run.info.run_id


@pytest.mark.slow
def test_two_trainings_of_the_same_inputs_do_the_work_once(project: Path) -> None:
    command = [sys.executable, "-m", "tests.tracking.stub"]
    surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY), "STUB_SEED": "1", "STUB_PAUSE": "1.5"}
    both = [subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=60)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert "waiting for it" in said[0] and "trained epoch" not in said[0]
    assert said[1].count("trained epoch") == stub.EPOCHS
    (run,) = all_runs()
    assert run.info.status == "FINISHED" and history(run, "train/loss") == LOSSES
    assert not list((project / ".lvseg/checkpoints").glob("*/epoch"))


def test_changed_code_that_was_committed_since_counts_when_it_trains_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(commit: str, dirty: bool) -> tuple[str, str]:
        monkeypatch.setattr(training_origin, "git_state", lambda root: GitState(commit, dirty))
        stub.run_stage()
        return origin()

    def origin() -> tuple[str, str]:
        (run,) = all_runs()
        return run.data.tags["lvseg.git_commit"], run.data.tags["lvseg.git_dirty"]

    assert trained("a", dirty=True) == ("a", "true")
    monkeypatch.setattr(training_origin, "git_state", lambda root: GitState("b", dirty=False))
    summary = json.loads(Path("models/cnn/run.json").read_text())
    restored = training_origin.training_record(params.load(), summary)  # what an evaluation knows of it
    record_training(restored, Path("models/cnn"), Path("training/cnn"), required=True)
    assert origin() == ("a", "true"), "nobody saw the commit train it"
    assert trained("b", dirty=False) == ("b", "false")
    assert trained("c", dirty=True) == ("b", "false")


def test_tags_tell_nothing_of_the_machine_or_its_user(project: Path) -> None:
    stub.run_stage()
    (run,) = all_runs()
    store = open_store(EXPERIMENT)
    (model,) = store.client.search_logged_models([store.experiment_id])
    told = json.dumps([run.data.tags, run.data.params, model.tags, model.params])
    assert "/" not in told.replace("models:/", "")
    assert "mlflow.user" not in told


def test_the_same_weights_go_to_the_same_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.run_stage()
    stub.run_stage()
    (run,) = all_runs()
    assert history(run, "train/loss") == LOSSES
    store = open_store(EXPERIMENT)
    assert len(store.client.search_logged_models([store.experiment_id])) == 1

    monkeypatch.setenv("STUB_WEIGHTS", "another machine, other weights")
    stub.run_stage()
    assert [len(run.data.tags["lvseg.weights_hash"]) for run in all_runs()] == [64, 64]


@pytest.mark.slow
def test_killed_trainings_are_marked_and_resume_their_run(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two trainings start at once on a store that does not exist yet; each is ended in another way."""
    (project / "mlflow" / "mlflow.db").unlink()
    trainings = [_in_background(project, seed) for seed in (1, 2)]
    for training in trainings:
        assert training.stdout is not None and "holding\n" in iter(training.stdout.readline, "")
    trainings[0].terminate()
    trainings[1].kill()
    assert [training.wait(30) for training in trainings] == [128 + signal.SIGTERM, -signal.SIGKILL]
    for training in trainings:
        training.communicate()
    before = {run.data.params.get("seed") or run.data.tags["lvseg.fingerprint"]: run for run in all_runs()}
    assert sorted(run.info.status for run in before.values()) == ["KILLED", "RUNNING"]

    stub.run_stage(seed=2)
    after = {run.info.run_id: run for run in all_runs()}
    assert after.keys() == {run.info.run_id for run in before.values()}
    resumed = next(run for run in after.values() if run.data.tags["lvseg.fingerprint"] == stub.calls[0])
    assert resumed.info.status == "FINISHED" and resumed.data.tags["lvseg.resumed_from"] == "1"
    assert history(resumed, "train/loss") == LOSSES

    other = next(run for run in after.values() if run is not resumed)
    _mark_running(other.info.run_id, pid=trainings[0].pid)
    stub.run_stage(seed=3)  # of other inputs: it only finds what died
    assert {run.info.run_id: run.info.status for run in all_runs()}[other.info.run_id] == "KILLED"


def _in_background(project: Path, seed: int) -> subprocess.Popen[str]:
    """Start a stub training that waits after its second epoch."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.tracking.stub"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "STUB_HOLD": "2", "STUB_SEED": str(seed)},
        stdout=subprocess.PIPE,
        text=True,
    )


def _mark_running(run_id: str, pid: int) -> None:
    """Make a run look as if its process had been killed without a word."""
    client = open_store(EXPERIMENT).client
    client.update_run(run_id, status="RUNNING")
    client.set_tag(run_id, "lvseg.pid", str(pid))


def test_a_failed_training_is_marked_failed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(sys.modules["lvseg.training.loop"], "write_outs", fail)
    with pytest.raises(OSError, match="no space"):
        stub.run_stage()
    (run,) = all_runs()
    assert run.info.status == "FAILED"
    assert history(run, "train/loss") == LOSSES


def test_without_a_server_the_record_is_kept_and_logged_later(
    project: Path,
    server: str,
    closed_port: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", closed_port)
    stub.run_stage()
    warnings = capfd.readouterr().err.splitlines()
    assert len(warnings) == 2 and all(line.startswith("warning: ") for line in warnings)
    assert "Connection refused" in warnings[0] and "python -m tasks.log" in warnings[1]
    assert len(waiting()) == 1
    outs = [tree_hash(Path(name)) for name in ("models", "training")]
    with pytest.raises(UserError, match="still waiting"):
        log_waiting()

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    log_waiting()
    log_waiting()
    (run,) = [run for run in all_runs() if run.data.tags["lvseg.fingerprint"] == stub.calls[0]]
    assert capfd.readouterr().out.splitlines()[-2:] == [
        f"cnn {stub.calls[0][:6]}: run {run.info.run_id} in {server}",
        "nothing is waiting to be logged",
    ]
    assert run.info.status == "FINISHED" and not waiting()
    assert history(run, "train/loss") == LOSSES
    assert history(run, "validation/dice") == [(1, "nan"), (2, 1 / 3), (3, 1 / 3)]
    assert run.data.metrics["train_seconds"] == 4.5
    assert run.data.params["seed"] == "1"
    ended = [
        e.timestamp for e in open_store(EXPERIMENT).client.get_metric_history(run.info.run_id, "train/loss")
    ]
    assert run.info.start_time <= min(ended) <= max(ended) <= run.info.end_time
    assert [tree_hash(Path(name)) for name in ("models", "training")] == outs


def test_a_server_that_goes_away_does_not_stop_a_training(
    project: Path,
    server: str,
    closed_port: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    metrics_of = stub.metrics_of
    from mlflow.store.tracking.rest_store import RestStore

    answer = RestStore._call_endpoint

    def outage(number: int) -> dict[str, float]:
        if number == 2:
            monkeypatch.setattr(RestStore, "_call_endpoint", _refuse)
        return metrics_of(number)

    monkeypatch.setattr(stub, "metrics_of", outage)
    stub.run_stage(seed=5)
    lines = capfd.readouterr().err.splitlines()
    assert ["no longer answers" in line for line in lines] == [True, False]
    assert len(waiting()) == 1

    monkeypatch.setattr(RestStore, "_call_endpoint", answer)
    (run,) = [run for run in all_runs() if run.data.tags["lvseg.fingerprint"] == stub.calls[0]]
    assert run.info.status == "RUNNING" and history(run, "train/loss") == LOSSES[:1]
    _mark_running(run.info.run_id, pid=2**30)  # by now the training's process is gone
    log_waiting()
    (run,) = [run for run in all_runs() if run.data.tags["lvseg.fingerprint"] == stub.calls[0]]
    assert run.info.status == "FINISHED" and history(run, "train/loss") == LOSSES


def test_a_run_from_before_the_names_of_today_has_its_epochs(project: Path) -> None:
    store = open_store(EXPERIMENT)
    run_id = store.client.create_run(store.experiment_id, start_time=1000).info.run_id
    store.client.set_tag(run_id, "lvseg.host", socket.gethostname())
    for number in (1, 2):
        store.client.log_metric(run_id, "loss", 0.5, timestamp=1000 + number, step=number)
    assert mlflow_runs.logged_epochs(store, run_id) == {1, 2}
    assert mlflow_runs.mark_dead(store) == [run_id]
    assert store.client.get_run(run_id).info.end_time == 1002, "when it last spoke"


def _refuse(*_: object, **__: object) -> None:
    raise ConnectionError("the server is gone")


def test_where_tracking_is_required_nothing_starts_without_it(
    project: Path, closed_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("required: false", "required: true"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", closed_port.replace("//", "//someone:secret@"))
    with pytest.raises(UserError, match=r"tracking\.required") as error:
        stub.run_stage()
    assert "secret" not in str(error.value)
    assert not stub.calls and not Path("models").exists()
