"""The chain of a registered version: a link that breaks is missed, and its remedy mends it."""

import shutil
from pathlib import Path

import pytest
import yaml
from mlflow.entities.model_registry import ModelVersion

from lvseg.core.errors import UserError
from tasks.lineage import main
from tests.tracking import pipeline, stub
from tests.tracking.conftest import EXPERIMENT, all_runs
from tracking.model import package
from tracking.provenance.chain import _weights, chain
from tracking.provenance.dvc_command import dvc
from tracking.provenance.training_origin import dvc_hashes
from tracking.registry.versions import MODEL
from tracking.runs.store import Store, open_store

TABLE = "evaluation/per_patient.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipeline.make(tmp_path_factory.mktemp("made") / "repository")


@pytest.fixture
def repository(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "repository", symlinks=True)


@pytest.fixture
def store(project: Path, saved_model: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a store with a trained and evaluated run, whose model is the tiny network."""

    def downloaded(model_uri: str, folder: Path) -> Path:
        found = open_store(EXPERIMENT).client.get_logged_model(model_uri.removeprefix("models:/"))
        assert found.status == "READY"
        shutil.copy(saved_model, folder / "model.keras")
        return folder

    monkeypatch.setattr(package, "downloaded", downloaded)
    stub.run_stage()
    store = open_store(EXPERIMENT)
    (run,) = all_runs(store)
    store.client.set_tag(run.info.run_id, "lvseg.weights_hash", _weights(saved_model))
    store.client.set_tag(run.info.run_id, "lvseg.test_hash", "t" * 64)
    store.client.log_text(run.info.run_id, "patient\n", TABLE)
    return store


@pytest.fixture
def version(store: Store, repository: Path) -> ModelVersion:
    """Register the run as if it had been trained in the repository."""
    (run,) = all_runs(store)
    own = {f"lvseg.{name}": value for name, value in pipeline.tags(repository).items()}
    tags = own | {name: value for name, value in run.data.tags.items() if name.startswith("lvseg.")}
    for name in ("git_commit", "git_dirty", "dvc.raw", "dvc.shards", "dvc.split"):
        tags[f"lvseg.{name}"] = own[f"lvseg.{name}"]
    store.client.create_registered_model(MODEL)
    store.client.create_model_version(MODEL, tags["lvseg.model_uri"], run.info.run_id, tags)
    return store.client.get_model_version(MODEL, "1")


def missing(store: Store, repository: Path, **changed: str) -> dict[str, str]:
    """Return the remarks of the links that are missing, after changing tags of the version."""
    for name, value in changed.items():
        store.client.set_model_version_tag(MODEL, "1", f"lvseg.{name}", value)
    links = chain(store, store.client.get_model_version(MODEL, "1"), repository)
    assert [link.name for link in links] == [
        "run", "model", "git commit", "raw", "shards", "split", "params", "test", "flow run",
    ]  # fmt: skip
    return {link.name: link.remark for link in links if link.state == "MISSING"}


@pytest.mark.usefixtures("version")
def test_a_whole_chain_and_what_is_lost_in_mlflow(store: Store, repository: Path) -> None:
    assert missing(store, repository) == {}
    (run,) = all_runs(store)
    store.client.delete_run(run.info.run_id)
    assert "mlflow runs restore" in missing(store, repository)["run"]
    store.client.restore_run(run.info.run_id)
    (Path("mlflow/artifacts") / run.info.run_id / "artifacts" / TABLE).unlink()
    assert list(missing(store, repository)) == ["test"]
    store.client.log_text(run.info.run_id, '{"inputs": {"seed": 2}}', "training/run.json")
    assert list(missing(store, repository)) == ["params", "test"]
    found = missing(store, repository, weights_hash="0" * 64)
    assert "others than recorded" in found["model"] and "lvseg.weights_hash" in found["run"]
    store.client.delete_logged_model(run.data.tags["lvseg.model_uri"].removeprefix("models:/"))
    assert "cannot be opened" in missing(store, repository)["model"]


@pytest.mark.usefixtures("version")
def test_a_commit_must_be_there_for_good_and_hold_the_code(store: Store, repository: Path) -> None:
    commit = pipeline.git(repository, "rev-parse", "HEAD")
    pipeline.git(repository, "commit", "--quiet", "--amend", "-m", "anew")
    remark = missing(store, repository)["git commit"]
    remedy = f"git tag v1 {commit}"
    assert f"`{remedy}`" in remark
    pipeline.git(repository, *remedy.split()[1:])
    assert missing(store, repository) == {}
    assert "no commit holds" in missing(store, repository, git_dirty="true")["git commit"]
    found = missing(store, repository, git_dirty="false", git_commit="0" * 40)
    assert list(found) == ["git commit"] and "git fetch" in found["git commit"]


@pytest.mark.usefixtures("version")
def test_data_must_be_whole_in_the_cache_or_the_remote(store: Store, repository: Path) -> None:
    dvc("remote", "add", "--default", "store", "../store", root=repository)
    assert missing(store, repository) == {}
    dvc("push", "--quiet", "data/raw.dvc", root=repository)
    pieces = [path for path in (repository / ".dvc/cache/files").rglob("*") if path.is_file()]
    for path in pieces:
        if path.suffix != ".dir":  # a list of files alone is no data
            path.unlink()
    found = missing(store, repository)
    assert list(found) == ["shards", "split"] and "`dvc repro extract`" in found["shards"]
    shutil.rmtree(repository / ".dvc/cache")
    assert list(missing(store, repository)) == ["shards", "split"]
    shutil.rmtree(repository.parent / "store")
    assert "`dvc add`" in missing(store, repository)["raw"]


@pytest.mark.usefixtures("version")
def test_each_of_several_places_is_looked_for(store: Store, repository: Path) -> None:
    (repository / "data/more").mkdir()
    (repository / "data/more/3").write_text("three\n")
    dvc("add", "--quiet", "data/more", root=repository)
    places = ["data/raw", "data/more"]
    (repository / "params.yaml").write_text(yaml.safe_dump({"data": {"raw": places, "ids_public": False}}))
    pipeline.git(repository, "commit", "--quiet", "--all", "-m", "two places")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        hashes = dvc_hashes([Path(place) for place in places])["raw"]
    first, second = hashes.split(",")
    assert first == pipeline.tags(repository)["dvc.raw"]
    commit = pipeline.git(repository, "rev-parse", "HEAD")
    for name, value in {"dvc.raw": hashes, "git_commit": commit}.items():
        store.client.set_model_version_tag(MODEL, "1", f"lvseg.{name}", value)

    def found() -> dict[str, tuple[str, str]]:
        links = chain(store, store.client.get_model_version(MODEL, "1"), repository)
        return {link.name: (link.state, link.value) for link in links if link.name.startswith("raw")}

    assert found() == {"raw[0]": ("ok", first), "raw[1]": ("ok", second)}
    (repository / ".dvc/cache/files/md5" / second[:2] / second[2:]).unlink()
    assert found() == {"raw[0]": ("ok", first), "raw[1]": ("MISSING", second)}


@pytest.mark.usefixtures("version")
def test_a_phantom_is_made_again_and_the_command_ends_with_an_error(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """This very repository, whose raw data is the phantom: its cache never held what the run names."""
    (run,) = all_runs(store)
    store.client.set_model_version_tag(MODEL, "1", "lvseg.git_commit", run.data.tags["lvseg.git_commit"])
    store.client.set_registered_model_alias(MODEL, "champion", "1")
    with pytest.raises(UserError, match=rf"{MODEL} v1: .*shards"):
        main("champion")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{MODEL} v1 champion"
    (raw,) = [line for line in lines if " raw " in line]
    assert raw.startswith("ok ") and raw.endswith("made again by the stage phantom")


def test_a_store_out_of_reach_is_one_line(
    project: Path, closed_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", closed_port.replace("//", "//someone:secret@"))
    with pytest.raises(UserError, match=r"cannot be used .*refused") as error:
        main("1")
    assert "secret" not in str(error.value)
