"""Building again, with real git and DVC: what is compared, what is refused, and that nothing is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lvseg.core.errors import UserError
from tests.conftest import REPOSITORY
from tests.tracking import pipeline
from tracking.provenance.dvc_command import dvc
from tracking.provenance.reproduction import Compared, build_again, plan

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pipeline.make(tmp_path_factory.mktemp("made") / "repository")


@pytest.fixture
def repository(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a repository, and see to it that it is left as it was, and the folder for temporary files empty."""
    folder = tmp_path / "repository"
    shutil.copytree(made, folder, symlinks=True)
    monkeypatch.setenv("LVSEG_HOME", str(folder / "home"))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield folder
    assert list(temporary.iterdir()) == []
    assert len(pipeline.git(folder, "worktree", "list").splitlines()) == 1
    assert pipeline.git(folder, "status", "--porcelain") == ""
    left = {path.name for path in (folder / "home").iterdir()}
    assert left - {"dvc"} == {"pseudonym.key"}, "DVC alone remembers something"


def again(folder: Path, tags: dict[str, str] | None = None) -> dict[str, bool]:
    """Return what is the same, by name."""
    told: list[Compared] = []
    version = pipeline.version(tags or pipeline.tags(folder))
    compared = build_again(plan(version, {}, folder), told.append, folder)
    assert told == compared
    return {one.name: one.same for one in compared}


def cache(folder: Path) -> list[Path]:
    return sorted((folder / ".dvc/cache").rglob("*"))


def test_the_same_comes_out_without_cache_and_checkpoint(
    repository: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = cache(repository)
    assert again(repository) == {"shards": True, "split": True, "inputs": True, "weights": True}
    said = capfd.readouterr().out
    assert [f"Running stage '{stage}'" in said for stage in pipeline.STAGES] == [True] * 3
    assert cache(repository) == before


def test_other_data_ends_it_before_the_training(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (repository / "home/pseudonym.key").write_text("another\n")
    assert again(repository) == {"shards": False, "split": False}
    assert "Running stage 'train-dense'" not in capfd.readouterr().out


def test_raw_data_comes_from_the_remote_or_is_missed(repository: Path) -> None:
    """Also where its pointer was never committed: the chain has the hash. Other weights are told."""
    dvc("remote", "add", "--local", "--default", "store", "../store", root=repository)
    dvc("push", "--quiet", root=repository)
    recorded = pipeline.tags(repository)
    pipeline.git(repository, "rm", "--quiet", "data/raw.dvc")
    pipeline.git(repository, "commit", "--quiet", "-m", "without")
    recorded |= {"git_commit": pipeline.git(repository, "rev-parse", "HEAD"), "weights_hash": "0" * 64}
    shutil.rmtree(repository / ".dvc/cache")
    assert again(repository, recorded) == {
        "shards": True, "split": True, "inputs": True, "weights": False,
    }  # fmt: skip
    shutil.rmtree(repository / ".dvc/cache")
    shutil.rmtree(repository.parent / "store")
    with pytest.raises(UserError, match="data/raw: the raw data is in neither"):
        again(repository, recorded)


def test_what_cannot_be_built_is_refused(repository: Path) -> None:
    tags = pipeline.tags(repository)
    with pytest.raises(UserError, match=r"it has no lvseg\.weights_hash"):
        again(repository, {name: value for name, value in tags.items() if name != "weights_hash"})
    with pytest.raises(UserError, match="no commit holds"):
        again(repository, tags | {"git_dirty": "true"})
    with pytest.raises(UserError, match="git cat-file"):
        again(repository, tags | {"git_commit": "0" * 40})
    key = repository / "home/pseudonym.key"
    text = key.read_text()
    key.unlink()
    with pytest.raises(UserError, match=r"pseudonym\.key is missing"):
        again(repository)
    key.write_text(text)


def test_a_stage_that_stops_leaves_nothing(repository: Path) -> None:
    text = (repository / "dvc.yaml").read_text()
    (repository / "dvc.yaml").write_text(text.replace("test !", "false; test"))
    assert "false" in (repository / "dvc.yaml").read_text()
    pipeline.git(repository, "commit", "--quiet", "--all", "-m", "broken")
    with pytest.raises(UserError, match="train-dense stopped"):
        again(repository)


def test_whoever_ends_it_ends_the_stage_too(repository: Path, tmp_path: Path) -> None:
    """A signal to this process alone: what a terminal would send to all of them."""
    text = (repository / "dvc.yaml").read_text()
    (repository / "dvc.yaml").write_text(text.replace("test !", "sleep 300; test !"))
    pipeline.git(repository, "commit", "--quiet", "--all", "-m", "slow")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tracking.pipeline", str(repository)],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    asleep: list[psutil.Process] = []
    while not asleep:
        assert process.poll() is None
        time.sleep(0.1)
        below = psutil.Process(process.pid).children(recursive=True)
        asleep = [child for child in below if child.name() == "sleep"]
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert not psutil.wait_procs(asleep, timeout=10)[1]
