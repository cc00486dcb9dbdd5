"""Where state lies: shared by all worktrees, moved by one variable."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvseg.core.paths import places


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Let each test ask anew where the main worktree is."""
    places.main_worktree.cache_clear()
    yield
    places.main_worktree.cache_clear()


def test_the_variable_moves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "a/../b"))
    assert places.state_home() == (tmp_path / "b").resolve()


def test_worktrees_share_the_home_of_the_main_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LVSEG_HOME", raising=False)
    main, other = tmp_path / "main", tmp_path / "other"
    main.mkdir()
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (
        ("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "x"), ("worktree", "add", "-q", str(other))
    ):  # fmt: skip
        subprocess.run(["git", *command], cwd=main, check=True, capture_output=True)
    (other / "tasks").mkdir()
    (other / "dvc.yaml").touch()
    monkeypatch.setattr(places, "ROOT", other)
    assert places.state_home() == main / ".lvseg"


def test_an_experiment_and_a_folder_outside_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LVSEG_HOME", raising=False)
    monkeypatch.setattr(places, "ROOT", tmp_path / "clone/.dvc/tmp/exps/tmp1")
    assert places.main_worktree() == tmp_path / "clone"
    places.main_worktree.cache_clear()
    monkeypatch.setattr(places, "ROOT", tmp_path)
    assert places.main_worktree() == tmp_path
