"""Runs as git commits: real git, in a copy of this repository."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from flows.workspace.snapshot import overridden
from lvseg.core.errors import UserError
from tests.project import Project, working_copy

PARAMS = (Path(__file__).parents[2] / "params.yaml").read_text()


@pytest.mark.parametrize(
    ("given", "section", "key", "value"),
    [
        ("train_cnn.epochs=5", "train_cnn", "epochs", 5),
        ("params.yaml:train_cnn.epochs=5", "train_cnn", "epochs", 5),
        ("train_cnn.learning_rate=0.5", "train_cnn", "learning_rate", 0.5),
        ("quality.drop_from_training=[too-small]", "quality", "drop_from_training", ["too-small"]),
    ],
)
def test_override_changes_one_value_and_keeps_the_comments(
    given: str, section: str, key: str, value: object
) -> None:
    text = overridden(PARAMS, [given])
    expected = yaml.safe_load(PARAMS)
    expected[section][key] = value
    assert yaml.safe_load(text) == expected
    assert text.count("#") == PARAMS.count("#")


def test_override_to_the_present_value_changes_nothing() -> None:
    epochs = yaml.safe_load(PARAMS)["train_cnn"]["epochs"]
    assert overridden(PARAMS, [f"train_cnn.epochs={epochs}"]) == PARAMS


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("train_cnn.epoch=5", "train_cnn.epoch is not a parameter; did you mean train_cnn.epochs?"),
        ("cnn.epochs=5", "cnn is not a parameter; did you mean train_cnn?"),
        ("train_cnn.epochs=many", "train_cnn.epochs = 'many': input should be a valid integer"),
        ("train_cnn.epochs=0", "train_cnn.epochs = 0: input should be greater than or equal to 1"),
        ("train_cnn.epochs=1,2", "'train_cnn.epochs=1,2' is several values"),
        ("quality.drop_from_test=[a],[b]", "is several values"),
        ("train_cnn.epochs=range(1,3)", "is several values"),
        ("train_cnn.epochs=[1", "'train_cnn.epochs=[1': no viable alternative"),
        ("train_cnn.epochs=${oc.env:SECRET}", "train_cnn.epochs: a value is written out, without ${...}"),
        ("quality.drop_from_test=['${oc.env:SECRET}']", "a value is written out"),
        ("data.ids_public=true", "data.ids_public cannot be set for one run: set it in params.yaml"),
        ("++data={raw: /etc, first_pixel: 1, ids_public: true}", "data cannot be set for one run"),
        ("params.yaml:tracking.experiment=other", "tracking.experiment cannot be set for one run"),
        ("promotion.min_good_percent=0", "promotion.min_good_percent cannot be set for one run"),
        ("~train_cnn.epochs", "must read section.key=value"),
    ],
)
def test_override_refuses_and_names_what_is_wrong(
    given: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    with pytest.raises(UserError) as refused:
        overridden(PARAMS, ["train_dense.epochs=3", given])
    assert str(refused.value).startswith("overrides: ") and said in str(refused.value)
    assert "\n" not in str(refused.value) and "s3cret" not in str(refused.value)


def test_override_resolves_nothing_of_the_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    with pytest.raises(UserError, match=r"params.yaml of this revision holds \$\{") as refused:
        overridden(PARAMS.replace("lv-segmentation", "${oc.env:SECRET}"), ["train_dense.epochs=3"])
    assert "s3cret" not in str(refused.value)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One commit; the checkout has an edit that is staged and one that is not, which nothing may touch."""
    copy = working_copy(tmp_path_factory.mktemp("snapshot"))
    copy.commit("first")
    copy.run("git", "init", "--quiet", "--bare", str(copy.root.parent / "remote.git"))
    copy.run("git", "remote", "add", "origin", str(copy.root.parent / "remote.git"))
    (copy.root / "staged.txt").write_text("staged")
    copy.run("git", "add", "staged.txt")
    with (copy.root / "params.yaml").open("a") as params:
        params.write("# not committed\n")
    return copy


# Runs each text of code that it reads, a line of JSON, and tells whether it ended well and what it printed, or raised.
ANSWERER = """\
import contextlib, io, json, pathlib, sys
from flows.workspace import repository, snapshot
from flows.workspace.worktree import Workspace
here = dict(globals())
for line in sys.stdin:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(json.loads(line), dict(here))
        answer = True, said.getvalue().strip()
    except Exception as error:
        answer = False, f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
"""


@dataclass(frozen=True)
class Answerer:
    """A process that runs code in the project: one for all, for to start it takes a second, with Prefect three."""

    process: subprocess.Popen[str]

    def __call__(self, code: str, fails: bool = False) -> str:
        """Run code and return what it printed, or the error that it ended with."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        well, said = json.loads(self.process.stdout.readline())
        assert well != fails, said
        return str(said)


@pytest.fixture(scope="module")
def ask(project: Project) -> Iterator[Answerer]:
    command = [sys.executable, "-c", ANSWERER]
    surroundings, pipe = project.environment(), subprocess.PIPE
    with subprocess.Popen(
        command, cwd=project.root, env=surroundings, stdin=pipe, stdout=pipe, text=True
    ) as process:
        yield Answerer(process)


def git(project: Project, *arguments: str) -> str:
    return project.run("git", *arguments).strip()


def test_overrides_become_a_commit_that_touches_no_checkout(project: Project, ask: Answerer) -> None:
    before = git(project, "status", "--porcelain")
    head = git(project, "rev-parse", "HEAD")
    commit = ask(f"print(snapshot.with_overrides('{head}', ['train_cnn.epochs=5']))")
    assert git(project, "diff", "--name-only", head, commit) == "params.yaml"
    assert git(project, "log", "-1", "--format=%P %an %s", commit) == (
        f"{head} lvseg Parameters of a run: train_cnn.epochs=5"
    )
    assert "# not committed" not in git(project, "show", f"{commit}:params.yaml")
    same = yaml.safe_load(git(project, "show", "HEAD:params.yaml"))["train_cnn"]["epochs"]
    assert ask(f"print(snapshot.with_overrides('{head}', ['train_cnn.epochs={same}']))") == head
    assert git(project, "status", "--porcelain") == before


def test_run_is_kept_under_its_ref_and_on_a_branch(project: Project, tmp_path: Path, ask: Answerer) -> None:
    head = git(project, "rev-parse", "HEAD")
    for name in ("params.yaml", "dvc.lock"):
        (tmp_path / name).write_text(f"{name} of the run\n")
    keep = (
        f"place = Workspace(pathlib.Path({str(tmp_path)!r}), '{head}')\n"
        "kept = snapshot.record('{}', place, 'lvseg/retrain')\n"
        "print(snapshot.last_run() == kept.commit)"
    )
    assert ask(keep.format("one")) == "True"
    (tmp_path / "dvc.lock").write_text("newer\n")
    ask(keep.format("two"))
    assert git(project, "rev-parse", "refs/lvseg/runs/one~", "refs/lvseg/runs/two~").split() == [head] * 2
    assert git(project, "show", "refs/lvseg/runs/one:dvc.lock") == "dvc.lock of the run"
    assert git(project, "log", "--format=%s", f"{head}..lvseg/retrain").split("\n") == ["Run two", "Run one"]
    assert git(project, "show", "lvseg/retrain:dvc.lock") == "newer"


def test_branch_grows_by_every_run_at_once(project: Project) -> None:
    code = (
        "import sys; from flows.workspace import repository\n"
        "for n in range(4):\n"
        "    files = {f'{sys.argv[1]}-{n}': b'x'}\n"
        "    repository.advance_branch('busy', files, repository.resolve(None), 'm')"
    )
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen([*command, name], cwd=project.root, env=project.environment()) for name in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    made = git(project, "diff", "--name-only", "HEAD...busy").split()
    assert made == [f"{name}-{n}" for name in "ab" for n in range(4)]


def test_branch_that_cannot_get_a_commit_is_refused(project: Project, tmp_path: Path, ask: Answerer) -> None:
    git(project, "worktree", "add", "--quiet", "-b", "somebody", str(tmp_path / "theirs"))
    code = (
        "from lvseg.core.errors import UserError\n"
        "for name in ('somebody', 'a..b', '-x', '@{-1}', 'somebody/else', 'free/one'):\n"
        "    try:\n        repository.check_branch(name)\n        print(name, 'is fine')\n"
        "    except UserError as error:\n        print(error)"
    )
    said = ask(code).splitlines()
    assert said[0].startswith("branch: somebody is checked out; name one")
    assert said[1:4] == [f"branch: {name!r} is no name for a branch" for name in ("a..b", "-x", "@{-1}")]
    assert said[4].startswith("branch: somebody/else cannot be written (git update-ref: ")
    assert said[5:] == ["free/one is fine"]


def test_refs_go_to_the_remote_and_come_from_it(project: Project, ask: Answerer) -> None:
    ref = "refs/lvseg/dispatch/one/train"
    git(project, "update-ref", ref, "HEAD")
    ask(f"repository.push_ref('{ref}')")
    git(project, "update-ref", "-d", ref)
    assert ask(f"print(repository.fetch_ref('{ref}'))") == git(project, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    "call",
    [
        "watch.look({!r})",
        "repository.fetch_branch({!r})",
        "repository.fetch_ref(repository.own_ref({!r}))",
        "repository.resolve({!r})",
        "repository.check_branch({!r})",
    ],
)
def test_no_name_becomes_an_option_of_git(project: Project, tmp_path: Path, call: str, ask: Answerer) -> None:
    """`--upload-pack` names the program that git runs as the other side."""
    trap = f"--upload-pack=touch {tmp_path}/executed; git-upload-pack"
    code = "from flows import watch\n" + call.format(trap)
    assert "UserError: " in ask(code, fails=True)
    assert not (tmp_path / "executed").exists()


def test_a_worker_fetches_over_no_branch(project: Project, ask: Answerer) -> None:
    for ref in ("refs/heads/main", "main", "refs/lvseg/../heads/main", "refs/lvseg/a:refs/heads/main", "\0"):
        said = ask(f"repository.own_ref({ref!r})", fails=True)
        assert said.endswith("is no ref below refs/lvseg/")


def test_git_failure_says_why_without_credentials(project: Project, ask: Answerer) -> None:
    push = "repository.push_ref('refs/heads/no-such', 'https://me:secret@127.0.0.1:9/x')"
    assert ask(push, fails=True).endswith("src refspec refs/heads/no-such does not match any")
    fetch = "repository.fetch_ref('refs/lvseg/x', 'https://me:secret@127.0.0.1:9/x')"
    said = ask(fetch, fails=True)
    assert "UserError: git fetch: fatal: unable to access 'https://127.0.0.1:9/x/': " in said
    assert ask("print(repository.read_file('HEAD', 'no-such'))") == "None"
    text = ask("print(repr(repository.read_file('HEAD', 'params.yaml')))")
    assert text == repr(project.run("git", "show", "HEAD:params.yaml"))
