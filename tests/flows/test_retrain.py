"""`retrain` as a team uses it: deployed on a real Prefect server, run by a real worker, on a tiny phantom."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from flows.service.guard import LOGIN
from tests.flows.site import FlowRun, Site, wait_for

TRAININGS = ["train-cnn", "train-dense", "train-unet"]
STAGES = ["phantom", "extract", "split", *TRAININGS, "evaluate", "report"]
STEPS = [*STAGES, "promote"]


@pytest.fixture(scope="module")
def first(site: Site) -> FlowRun:
    """The first run of this repository, which trains the networks."""
    return site.run()


@dataclass
class Weekly:
    """The workspace of the runs, which is where the last of them left it."""

    site: Site
    last: FlowRun
    parameters: dict[str, Any] = field(default_factory=dict)

    def run(self, **parameters: Any) -> FlowRun:
        self.parameters = parameters
        self.last = self.site.run(**parameters)
        return self.last

    def at(self, **parameters: Any) -> None:
        """See to it that the last run had these parameters."""
        if self.parameters != parameters:
            self.run(**parameters)

    def leave(self) -> None:
        """Note that what comes next leaves the workspace in a state of its own."""
        self.parameters = {"unlike": "any other"}


@pytest.fixture(scope="module")
def weekly(site: Site, first: FlowRun) -> Weekly:
    return Weekly(site, first)


def test_the_first_run_does_everything(site: Site, first: FlowRun) -> None:
    assert first.state["type"] == "COMPLETED", first.log()
    assert first.states() == dict.fromkeys(STEPS, "Completed")
    assert set(site.weights()) == {"cnn", "dense", "unet"}
    assert site.runs_by_status() == {"FINISHED": len(TRAININGS)}
    tags = dict(site.mlflow("select key, value from tags where key like 'lvseg.%'"))
    assert tags["lvseg.flow_run"] == first.id
    assert tags["lvseg.git_dirty"] == "false"
    assert not site.stages()


def test_the_task_graph_is_that_of_dvc(site: Site, first: FlowRun) -> None:
    script = (
        "from dvc.repo import Repo; import json\n"
        "with Repo() as repo:\n"
        "    graph = repo.index.graph\n"
        "    print(json.dumps({s.addressing: sorted(n.addressing for n in graph[s]) for s in graph}))"
    )
    wanted = json.loads(site.project.python("-c", script))
    tasks = first.tasks()
    name_of = {run["id"]: name for name, run in tasks.items()}
    graph = {
        name: sorted(name_of[need["id"]] for need in tasks[name]["task_inputs"].get("wait_for", []))
        for name in tasks.keys() - {"promote"}
    }
    assert graph == wanted
    began = {name: run["start_time"] for name, run in tasks.items()}
    ended = {name: run["end_time"] for name, run in tasks.items()}
    assert ended["report"] <= began["promote"]
    assert all(ended[need] <= began[name] for name, needs in wanted.items() for need in needs)
    assert max(began[stage] for stage in TRAININGS) < min(ended[stage] for stage in TRAININGS)


def test_what_a_run_leaves_to_read(site: Site, first: FlowRun) -> None:
    artifacts = first.artifacts()
    assert all(artifacts[f"{stage}-progress"] == 100 for stage in TRAININGS)
    comparison = artifacts["comparison"]
    for id_, name in site.mlflow("select run_uuid, name from runs"):
        assert name in comparison and id_ in comparison
    assert "| evaluate | Completed |" in comparison
    (decision,) = (value for (value,) in site.mlflow(
        "select value from model_version_tags where key = 'lvseg.decision'"
    ))  # fmt: skip
    assert not json.loads(decision)["promoted"], "one epoch makes no champion"
    assert json.loads(decision)["reason"] in comparison
    ref = f"refs/lvseg/runs/{first.id}"
    lock = site.project.run("git", "show", f"{ref}:dvc.lock")
    assert lock == (site.workspace / "dvc.lock").read_text()
    assert lock in artifacts["dvc-lock"]
    assert ref in comparison and "data/shards" in comparison
    assert site.project.run("git", "show", f"{ref}:params.yaml") in artifacts["params"]
    log = first.log()
    assert "slices to train on" in log and "epoch 1/1" in log
    assert "git add" not in log, "advice for a person at a terminal"


def test_the_page_of_a_run_shows_its_graph(site: Site, first: FlowRun, tmp_path: Path) -> None:
    """With PICTURES=docs/images in the environment, the picture is that of the README."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    target = Path(os.environ.get("PICTURES", tmp_path)).resolve() / "retrain.png"
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    )
    options = ["--disable-component-update", "--disable-sync", "--virtual-time-budget=25000"]
    options += [f"--user-data-dir={tmp_path}/profile", f"--screenshot={target}", "--window-size=1300,620"]
    home = site.api.removesuffix("/api")
    page = f"{home}/runs/flow-run/{first.id}"
    for address in (
        f"{home}{LOGIN}#{site.password}",
        page,
    ):  # the browser keeps the password of the first page
        dom = subprocess.run(
            [chromium, *flags.split(), *options, "--dump-dom", address],
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
    missing = [word for word in ("Completed", "retrain", "weekly", "Task runs") if word not in dom]
    assert not missing, f"{page} lacks {missing}"
    with Image.open(target) as picture:
        bars = greens(np.asarray(picture.convert("RGB")))
    assert bars > 2000, "the graph shows no finished stage"


def greens(image: NDArray[np.uint8]) -> int:
    """Return how many pixels of an image (H, W, 3) are green."""
    red, green, blue = np.moveaxis(image, -1, 0)
    return int(np.count_nonzero((green > 120) & (red < 80) & (blue < 120)))


def test_nothing_new_nothing_done(site: Site, weekly: Weekly) -> None:
    weekly.at()
    before = site.runs_by_status()
    again = site.run()
    assert again.state["name"] == "Up to date"
    assert again.states() == dict.fromkeys(STEPS, "Cached")
    assert site.runs_by_status() == before
    assert site.project.run("git", "status", "--porcelain") == "", "a person's checkout was touched"
    assert not (site.root / "data/shards").exists()


@pytest.mark.usefixtures("first")
def test_a_wrong_parameter_is_refused_before_anything_runs(site: Site) -> None:
    here = site.project.run("git", "branch", "--show-current").strip()
    wrong: dict[str, dict[str, Any]] = {
        "did you mean train_cnn.epochs?": {"overrides": ["train_cnn.epoch=3"]},
        "start a run for each": {"overrides": ["train_cnn.epochs=1,2"]},
        "train_cnn.epochs = 0": {"overrides": ["train_cnn.epochs=0"]},
        "must read section.key=value": {"overrides": ["train_cnn.epochs"]},
        "evalute": {"targets": ["evalute"]},
        "train is no stage of this run": {"force": ["train"]},
        "nowhere is no commit": {"revision": "nowhere"},
        "train_on: DVC has no default remote": {"train_on": "gpu"},
        f"{here} is checked out": {"branch": here},
        "is no name for a branch": {"branch": "a..b"},
        "push: DVC has no default remote": {"push": True},
    }
    before = {path: path.stat().st_mtime_ns for path in site.workspace.glob("models/*/*")}
    for words, line in zip(wrong, site.in_turn("retrain", list(wrong.values())), strict=True):
        assert line.startswith("FAILED ") and words in line
    assert before == {path: path.stat().st_mtime_ns for path in site.workspace.glob("models/*/*")}


def in_training(site: Site) -> psutil.Process:
    """Wait until the cnn has finished an epoch, and return its process."""
    progress = site.workspace / ".lvseg/progress/train-cnn.json"
    progress.unlink(missing_ok=True)
    wait_for(lambda: progress.exists() and '"epoch": 0' not in progress.read_text(), "an epoch of train-cnn")
    return next(p for p in site.stages() if p.cmdline()[-1:] == ["tasks.train_cnn"])


LONGER: dict[str, Any] = {"overrides": ["train_cnn.epochs=25"], "branch": "lvseg/tries"}


@dataclass(frozen=True)
class Interrupted:
    """A run with more epochs that was cancelled in the training of the cnn, and the run after it."""

    cancelled: FlowRun
    seconds: float
    left: list[Path]
    statuses: set[str]
    resumed: FlowRun
    weights: dict[str, str]


@pytest.fixture(scope="module")
def interrupted(site: Site, weekly: Weekly) -> Interrupted:
    weekly.leave()
    cancelled = site.start(**LONGER)
    in_training(site)
    asked = time.monotonic()
    site.call(f"flow_runs/{cancelled.id}/set_state", {"state": {"type": "CANCELLING"}})
    wait_for(lambda: not site.stages(), "the processes to end", 10)
    cancelled.ended()
    seconds, workspace = time.monotonic() - asked, site.workspace
    left = [*workspace.glob(".*.tmp"), *workspace.glob("*/.*.tmp")]
    statuses = set(site.runs_by_status())
    resumed = weekly.run(**LONGER)
    return Interrupted(cancelled, seconds, left, statuses, resumed, site.weights())


def test_cancel_ends_everything_and_the_next_run_goes_on(interrupted: Interrupted) -> None:
    assert interrupted.cancelled.state["type"] == "CANCELLED"
    assert interrupted.seconds < 20
    assert "RUNNING" not in interrupted.statuses
    assert not interrupted.left
    assert interrupted.resumed.states()["train-cnn"] == "Completed"
    assert "goes on after epoch" in interrupted.resumed.log()


def test_overrides_run_only_what_they_concern_and_keep_their_record(
    site: Site, first: FlowRun, interrupted: Interrupted
) -> None:
    run = interrupted.resumed
    assert run.states() == {
        **dict.fromkeys(STAGES, "Cached"),
        "train-cnn": "Completed",
        "evaluate": "Completed",
        "report": "Completed",
        "promote": "Completed",
    }
    for place in (f"refs/lvseg/runs/{run.id}", LONGER["branch"]):
        assert "epochs: 25" in site.project.run("git", "show", f"{place}:params.yaml")
    dirty = site.mlflow("select count(*) from tags where key = 'lvseg.git_dirty' and value = 'true'")
    assert dirty == [(0,)], "the parameters of a run are a commit, not an edited file"
    assert "epochs: 25" not in (site.root / "params.yaml").read_text()


def test_what_was_trained_before_comes_from_the_run_cache_and_names_its_run(
    site: Site, weekly: Weekly, interrupted: Interrupted
) -> None:
    weekly.at(**LONGER)
    count = site.runs_by_status()["FINISHED"]
    run = weekly.run()
    task = run.tasks()["train-cnn"]
    assert task["state"]["name"] == "Cached"
    trained_first = site.mlflow("select min(start_time), run_uuid from runs where name like 'cnn%'")[0][1]
    assert trained_first in task["state"]["message"]
    assert site.runs_by_status() == {"FINISHED": count}
    assert site.weights()["cnn"] != interrupted.weights["cnn"]
    assert site.weights()["unet"] == interrupted.weights["unet"]


def test_a_stage_that_is_killed_is_tried_again_with_the_same_result(
    site: Site, weekly: Weekly, interrupted: Interrupted
) -> None:
    """The same as that of a training that was cut off elsewhere and went on."""
    weekly.leave()
    run = site.start(overrides=LONGER["overrides"], targets=["train-cnn"], force=["train-cnn"])
    in_training(site).kill()
    assert run.ended()["type"] == "COMPLETED", run.log()
    assert run.tasks()["train-cnn"]["run_count"] == 2
    assert "goes on after epoch" in run.log()
    assert site.weights()["cnn"] == interrupted.weights["cnn"]
    assert set(site.runs_by_status()) == {"FINISHED"} and not site.stages()


def test_a_stage_that_fails_by_its_own_fault_is_not_tried_again(weekly: Weekly) -> None:
    run = weekly.run(overrides=["split.test_fraction=0.9"])
    assert run.state["type"] == "FAILED"
    assert run.state["message"].startswith("split: ")
    assert run.tasks()["split"]["run_count"] == 1
    assert run.states()["extract"] == "Cached" and run.states()["evaluate"] == "NotReady"
    assert "| split | Failed |" in run.artifacts()["comparison"]


@pytest.fixture
def own_data(site: Site, weekly: Weekly) -> Iterator[str]:
    """Commit raw data of one's own for the time of a test, and return the commit.

    It is that of the phantom and bears its name: what was learnt from it is in the run cache.
    """
    raw = site.root / "data/own/phantom"
    shutil.copytree(site.workspace / "data/phantom", raw)
    site.project.dvc("add", "--quiet", "data/own/phantom")
    site.project.set({"data": {"raw": "data/own/phantom"}})
    site.project.commit("our own data")
    yield site.project.run("git", "rev-parse", "HEAD").strip()
    weekly.leave()
    site.project.run("git", "reset", "--quiet", "--hard", "HEAD~")
    shutil.rmtree(raw.parent)


def test_raw_data_that_changed_starts_a_run_of_its_own(site: Site, own_data: str) -> None:
    nowhere = Site(site.project, "http://127.0.0.1:1/api")
    (refused,) = nowhere.refused("flows.watch")
    assert "http://127.0.0.1:1/api does not answer" in refused and refused.count("\n") == 1
    assert f"has changed: data/own/phantom.dvc at {own_data[:12]}" in site.python("-m", "flows.watch")
    assert "announced before" in site.python("-m", "flows.watch")

    def started() -> list[str]:
        runs = site.call("flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 20})
        return [run["id"] for run in runs if run["parameters"].get("revision") == own_data]

    (run_id,) = wait_for(started, "the run that the event starts", 30)
    run = FlowRun(site, run_id)
    assert run.ended()["type"] == "COMPLETED", run.log()
    assert run.states()["data/own/phantom.dvc"] == "Completed" and "phantom" not in run.states()
    assert "| data/own/phantom |" in run.artifacts()["comparison"]
    assert "that of the last run" in site.python("-m", "flows.watch")
