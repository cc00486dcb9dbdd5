"""The one runner of git: real git, in repositories of a few files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lvseg.core.code import git as core_git
from lvseg.core.code.git import git, git_bytes, git_state, read_file
from lvseg.core.errors import UserError
from lvseg.core.paths import places


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one commit of `dvc.lock` and `params.yaml`, made by nobody in particular."""
    root = tmp_path / "repository"
    root.mkdir()
    git("init", "--quiet", root=root)
    for name in ("dvc.lock", "params.yaml"):
        (root / name).write_text(" 1\n\n")
    git("add", ".", root=root)
    git("commit", "--quiet", "-m", "x", root=root)
    return root


def test_the_state_ignores_the_lock_that_every_run_rewrites(repository: Path) -> None:
    commit = git("rev-parse", "HEAD", root=repository)
    (repository / "dvc.lock").write_text("2")
    (repository / "untracked").write_text("2")
    assert git_state(repository) == core_git.GitState(commit, dirty=False)
    (repository / "params.yaml").write_text("2")
    assert git_state(repository).dirty


def test_a_place_without_repository_counts_as_dirty_also_within_another(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = repository / "unpacked"
    unpacked.mkdir()
    for place in (tmp_path, unpacked):
        assert git_state(place) == core_git.GitState(None, dirty=True)
    new = tmp_path / "new"
    new.mkdir()
    git("init", "--quiet", root=new)
    assert git_state(new) == core_git.GitState(None, dirty=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="git is missing"):
        git_state(repository)


def test_a_git_that_refuses_is_an_error_with_its_remedy(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspicious = tmp_path / "bin/git"  # as git is where a checkout belongs to somebody else
    suspicious.parent.mkdir()
    suspicious.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"\n')
    suspicious.chmod(0o755)
    monkeypatch.setenv("PATH", str(suspicious.parent), prepend=":")
    monkeypatch.setenv("HOME", str(tmp_path))
    remedy = f"git config --global --add safe.directory {repository}"
    with pytest.raises(UserError, match=f"dubious ownership.*{remedy}"):
        git_state(repository)
    monkeypatch.setattr(places, "ROOT", repository)
    places.main_worktree.cache_clear()
    with pytest.raises(UserError, match="dubious ownership"):
        places.main_worktree()
    subprocess.run(remedy.split(), check=True)
    assert not git_state(repository).dirty
    places.main_worktree.cache_clear()


def test_a_worktree_whose_repository_was_moved_says_how_to_mend_it(repository: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "other"), root=repository)
    repository.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="git worktree repair"):
        git_state(tmp_path / "other")


def test_a_surrounding_hook_leads_to_no_other_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git sets such variables for its hooks, from which `make test` may run."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert git("rev-parse", "--absolute-git-dir", root=repository) == str(repository / ".git")
    assert not git_state(repository).dirty


def test_no_hook_of_the_repository_runs(repository: Path) -> None:
    hook = repository / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch hook-ran\n")
    hook.chmod(0o755)
    git("checkout", "--quiet", "--detach", root=repository)
    assert not (repository / "hook-ran").exists()


def test_a_file_comes_back_byte_for_byte_and_a_short_answer_without_space(repository: Path) -> None:
    assert read_file("HEAD", "params.yaml", repository) == " 1\n\n"
    assert git_bytes("show", "HEAD:params.yaml", root=repository) == b" 1\n\n"
    assert git("show", "HEAD:params.yaml", root=repository) == "1"
    with pytest.raises(UserError, match=r"git cat-file: fatal: .*no-such"):
        read_file("HEAD", "no-such", repository)


def test_an_index_and_content_of_its_own_leave_the_checkout_alone(repository: Path, tmp_path: Path) -> None:
    blob = git("hash-object", "-w", "--stdin", root=repository, content=b"\x00new")
    index = tmp_path / "index"
    git("update-index", "--add", "--cacheinfo", f"100644,{blob},file", root=repository, index=index)
    tree = git("write-tree", root=repository, index=index)
    assert git_bytes("cat-file", "blob", f"{tree}:file", root=repository) == b"\x00new"
    assert git("ls-files", root=repository).split() == ["dvc.lock", "params.yaml"]


def test_the_reason_is_one_line_without_credentials(repository: Path) -> None:
    with pytest.raises(UserError) as error:
        git("fetch", "https://me:secret@127.0.0.1:9/x", root=repository)
    said = str(error.value)
    assert said.startswith("git fetch: fatal: ") and "secret" not in said and "\n" not in said
