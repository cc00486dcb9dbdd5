"""Worktrees of runs: real git and real DVC, in a copy of this repository whose path has a space."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.project import Project, working_copy

pytestmark = pytest.mark.slow

PIPELINE = """\
stages:
  copy:
    cmd: mkdir copied && cp source.txt copied/source.txt
    deps: [source.txt]
    outs: [copied]
"""
CONFIG = """\
[cache]
    dir = ../../moved cache
['remote "near"']
    url = ../../near
['remote "far"']
    url = ssh://user@host/folder
    keyfile = keys/id
['remote "bucket"']
    url = s3://bucket/folder
    credentialpath = keys/aws
    secret_access_key = "a#b%c"
"""
# Takes a workspace for every commit that it reads, and holds it until it reads the next line.
TAKER = """\
import sys
from flows.workspace.worktree import workspace
from lvseg.core.errors import UserError
for line in sys.stdin:
    try:
        with workspace(line.strip()) as place:
            print(place.path, flush=True)
            sys.stdin.readline()
    except UserError as error:
        print("UserError:", error, flush=True)
        sys.stdin.readline()
    print("left", flush=True)
"""


@dataclass
class Taker:
    """A process that takes workspaces."""

    project: Project
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKER],
            cwd=self.project.root,
            env=self.project.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, line: str) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    @contextmanager
    def taken(self, commit: str) -> Iterator[Path]:
        said = self.say(commit)
        assert said.startswith("/"), said
        yield Path(said)
        assert self.say("") == "left"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three commits, tagged: `first`, `second` with another source, `locked` with dvc.lock and a remote."""
    copy = working_copy(tmp_path_factory.mktemp("a place"))
    root = copy.root
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "source.txt").write_text("one")
    with (root / ".gitignore").open("a") as ignored:
        ignored.write("/copied\n")
    hook = root / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch '{root}/.git/hook-ran'\n")  # `dvc install` makes such hooks
    hook.chmod(0o755)
    copy.commit("first")
    copy.run("git", "tag", "first")
    (root / ".dvc/config.local").write_text(CONFIG)
    copy.dvc("repro", "--quiet")
    (root / "source.txt").write_text("two")
    copy.run("git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-am", "second")
    copy.run("git", "tag", "second")
    copy.dvc("remote", "add", "--quiet", "committed", "../committed")
    copy.commit("locked")
    copy.run("git", "tag", "locked")
    return copy


@pytest.fixture(scope="module")
def taker(project: Project) -> Iterator[Taker]:
    process = Taker(project)
    yield process
    process.kill()


def at(place: Path, project: Project) -> Project:
    """The commands of a project, run in a workspace."""
    return Project(place, project.home)


def test_worktree_shares_cache_run_cache_and_remotes(project: Project, taker: Taker) -> None:
    with taker.taken("first") as place:
        assert place == project.root / ".lvseg/workspaces/run-0"
        inside = at(place, project)
        assert "is cached" in inside.dvc("repro")
        assert (place / "copied/source.txt").read_text() == "one"
        config, base = (place / ".dvc/config.local").read_text(), project.root.parent
        for line in (
            f'dir = "{base}/moved cache"',
            f'url = "{base}/near"',
            f'keyfile = "{project.root}/.dvc/keys/id"',
            f'credentialpath = "{project.root}/.dvc/keys/aws"',
            'secret_access_key = "a#b%c"',
            'url = "s3://bucket/folder"',
        ):
            assert f"\n{line}\n" in config
        assert (place / ".dvc/config.local").stat().st_mode & 0o777 == 0o600
    with taker.taken("locked"):  # a committed remote, relative to the main worktree
        assert f'\nurl = "{base}/committed"\n' in (place / ".dvc/config.local").read_text()


def test_workspace_keeps_what_is_data_and_drops_what_is_not(project: Project, taker: Taker) -> None:
    with taker.taken("first") as place:
        inside = at(place, project)
        inside.dvc("repro")
        for name in ("stray/file", "data/.shards.7.tmp/half", ".dvc/tmp/rwlock", "data/.index.csv.7.tmp"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text("{")
        (place / "source.txt").write_text("edited by hand")
    with taker.taken("first"):
        assert "up to date" in inside.dvc("status")  # out and dvc.lock are still there
        assert not list(place.glob("**/*.tmp")) and not (place / "stray").exists()
        assert inside.run("git", "status", "--porcelain").split() == ["??", "dvc.lock"]
        assert not (project.root / ".git/hook-ran").exists()


def test_next_run_replaces_links_not_the_cache(project: Project, taker: Taker) -> None:
    with taker.taken("first") as place:
        inside = at(place, project)
        inside.dvc("repro")
        out = place / "copied/source.txt"
        assert out.stat().st_nlink > 1 and not out.stat().st_mode & 0o222, "a read-only link into the cache"
    with taker.taken("second"):
        inside.dvc("repro")
        assert out.read_text() == "two"
    with taker.taken("locked"):  # brings a dvc.lock of the first commit, as a person may commit it
        assert "is cached" in inside.dvc("repro")
        assert out.read_text() == "two"
    with taker.taken("first"):  # has none
        assert not (place / "dvc.lock").exists()
        assert "is cached" in inside.dvc("repro")
        assert out.read_text() == "one"


def test_main_worktree_does_not_see_workspaces(project: Project, taker: Taker) -> None:
    with taker.taken("second") as place:
        (place / "dvc.yaml").write_text("stages: {of: {another: [run}}")
        assert project.dvc("stage", "list", "--all", "--name-only").split() == ["copy"]
        assert ".lvseg" not in project.run("git", "status", "--porcelain")


def test_everyone_gets_a_workspace_of_his_own(project: Project, taker: Taker) -> None:
    other = Taker(project)
    with taker.taken("first") as place:
        second = Path(other.say("second"))
        assert (place.name, second.name) == ("run-0", "run-1")
        assert (place / "source.txt").read_text() == "one"
        assert (second / "source.txt").read_text() == "two"
        other.kill()  # the kernel frees what it held
        third = Taker(project)
        with third.taken("first") as again:
            assert again == second
        third.kill()


def _remove_link(place: Path, git_folder: Path) -> None:
    (place / ".git").unlink()


def _remove_folder(place: Path, git_folder: Path) -> None:
    shutil.rmtree(place)


def _remove_git_folder(place: Path, git_folder: Path) -> None:
    shutil.rmtree(git_folder)


def _cut_index(place: Path, git_folder: Path) -> None:
    (git_folder / "index").write_bytes((git_folder / "index").read_bytes()[:100])


def _leave_locks(place: Path, git_folder: Path) -> None:
    for name in ("index.lock", "HEAD.lock"):
        (git_folder / name).touch()


def _stop_git_in_making_it(place: Path, git_folder: Path) -> None:
    (git_folder / "locked").write_text("initializing")
    shutil.rmtree(place)


@pytest.mark.parametrize(
    "damage",
    [_remove_link, _remove_folder, _remove_git_folder, _cut_index, _leave_locks, _stop_git_in_making_it],
    ids=lambda damage: damage.__name__.strip("_"),
)
def test_damaged_worktree_is_mended(
    project: Project, taker: Taker, damage: Callable[[Path, Path], None]
) -> None:
    with taker.taken("first") as place:
        pass
    damage(place, project.root / ".git/worktrees" / place.name)
    with taker.taken("second") as again:
        assert again == place
        assert at(place, project).run("git", "diff", "second", "--stat") == ""


def test_unknown_commit_is_refused_and_harms_nothing(taker: Taker) -> None:
    assert taker.say("no-such") == (
        "UserError: revision: no-such is no commit, branch or tag of this repository"
    )
    assert taker.say("") == "left"
    with taker.taken("first"):
        pass


def test_next_run_waits_for_what_a_killed_one_had_under_way(project: Project, taker: Taker) -> None:
    with taker.taken("first") as place:
        pass
    slow = "trap 'sleep 1.5; touch late; exit' TERM; touch started; while :; do sleep 0.1; done"
    code = (
        "import os, sys, threading; from pathlib import Path; from flows.process.leashed import run\n"
        "run(['sh', '-c', sys.argv[1]], cwd=Path(sys.argv[2]), env=os.environ, on_line=print, "
        "stop=threading.Event())"
    )
    flow = subprocess.Popen(
        [sys.executable, "-c", code, slow, str(place)], cwd=project.root, env=project.environment()
    )
    give_up = time.monotonic() + 30
    while not (place / "started").exists():
        assert time.monotonic() < give_up
        time.sleep(0.05)
    os.kill(flow.pid, signal.SIGKILL)
    flow.wait()
    with taker.taken("first"):
        time.sleep(2)
        assert not (place / "late").exists()
