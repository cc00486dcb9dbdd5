"""A cohort on this worker, and in parts on the workers of a pool: the same."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lvseg.core.hashes import tree_hash
from tests.flows.site import FlowRun, Site, wait_for
from tests.lvseg.studies.hearts import Heart, bright_model, classic

COHORT = "predict-cohort/cohort"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    for number in range(1, 4):
        heart = Heart(slices=5, phases=3, end_systole=2, patient=f"LEAK{number}", widest=24.0 + number)
        classic(folder / "studies" / f"s{number}", heart)
    (folder / "studies" / "empty").mkdir()
    bright_model(folder / "bright")
    return folder


def how(cohort: Path, out: str, **more: Any) -> dict[str, Any]:
    return {
        "studies": str(cohort / "studies"),
        "out": str(cohort / out),
        "model": str(cohort / "bright"),
        **more,
    }


def shards(site: Site, cohort: Path, out: str) -> list[FlowRun]:
    """Return the runs elsewhere that write into a folder."""
    runs = site.call("flow_runs/filter", {"flows": {"name": {"any_": ["predict-shard"]}}})
    return [FlowRun(site, run["id"]) for run in runs if run["parameters"]["out"] == str(cohort / out)]


def _all_told(runs: list[FlowRun]) -> bool:
    """Return whether the logs of runs hold their last lines."""
    return all("Finished in" in run.log() for run in runs)


def test_parts_make_the_whole(site: Site, cohort: Path) -> None:
    for out, pool in (("here", None), ("there", "local")):
        run = site.run(COHORT, **how(cohort, out, pool=pool))
        assert run.state["name"] == "Completed", run.log()
        assert run.state["message"].startswith("4 studies in") and "3 ok, 0 look" in run.state["message"]
        assert "| studies | 4 |" in run.artifacts()["cohort"]
        tasks = ["all together", *(f"shard {number} of 2" for number in (1, 2) if pool)]
        assert {name: run.states()[name] for name in tasks} == dict.fromkeys(tasks, "Completed")
        runs = [run, *shards(site, cohort, out)]
        wait_for(partial(_all_told, runs), "the logs", 30)
        said = "".join(one.log() for one in runs)
        assert said.count("  ok") == 3, "each study once"
        assert "LEAK" not in said and "/s1" not in said, "logs name no patient and no path"
    here, there = cohort / "here", cohort / "there"
    names = {path.name for path in here.iterdir()} - {"private"}
    assert names == {path.name for path in there.iterdir()} - {"private"} and len(names) == 6
    for name in names:
        if (here / name).is_dir():
            assert tree_hash(here / name) == tree_hash(there / name), name
    assert (here / "measurements.csv").read_bytes() == (there / "measurements.csv").read_bytes()


def test_parts_end_with_the_run_that_waits_for_them(site: Site, cohort: Path) -> None:
    run = site.start(COHORT, **how(cohort, "ended", pool="gpu"))  # which has no worker
    wait_for(lambda: len(shards(site, cohort, "ended")) == 2, "the parts to be sent")
    site.call(f"flow_runs/{run.id}/set_state", {"state": {"type": "CANCELLING"}})
    assert run.ended()["type"] == "CANCELLED"
    assert {shard.ended()["type"] for shard in shards(site, cohort, "ended")} == {"CANCELLED"}


def test_a_cohort_that_cannot_be_is_refused(site: Site, cohort: Path) -> None:
    wrong = {
        "no folder and no list": {"studies": str(cohort / "gone")},
        "no deployment predict-shard/nowhere": {"pool": "nowhere"},
        "model.keras and run.json": {"model": str(cohort)},
    }
    ended = site.in_turn("predict_cohort", [{**how(cohort, "refused"), **one} for one in wrong.values()])
    for words, line in zip(wrong, ended, strict=True):
        assert line.startswith("FAILED ") and words in line


def test_a_form_reaches_no_folder_that_the_worker_was_not_given(site: Site, cohort: Path) -> None:
    outside = cohort.parent.parent
    linked, listed = cohort / "linked", cohort / "listed.txt"
    linked.mkdir()
    (linked / "study").symlink_to("/etc")
    listed.write_text(f"{cohort}/studies/s1\n/etc\n")
    (cohort / "out").symlink_to(outside)
    attacks: list[dict[str, Any]] = [
        {"studies": "/etc"},
        {"studies": f"{cohort}/../../.."},
        {"studies": str(linked)},
        {"studies": str(listed)},
        {"studies": "studies"},
        {"studies": f"{cohort}/\0"},
        {"out": str(outside / "written")},
        {"out": f"{cohort}/out/written"},
        {"out": f"{cohort}/../../../written"},
        {"model": "/etc"},
        {"version": "--out=/etc", "model": None},
    ]
    given = [{**how(cohort, "attacked"), **attack} for attack in attacks]
    for attack, line in zip(attacks, site.in_turn("predict_cohort", given), strict=True):
        assert line.startswith(f"FAILED {next(iter(attack))}: "), (attack, line)
        assert "/etc" not in line or attack.get("version"), "refusals name no path of a study"
    parts = [{**attack, "studies": str(listed)} for attack in ({}, {"out": str(outside / "written")})]
    given = [{"out": str(cohort / "attacked"), "model": str(cohort / "bright"), **part} for part in parts]
    assert all(
        "is not within the folders" in line for line in site.in_turn("predict_shard", given, "predict_cohort")
    )
    assert not list(outside.glob("written*"))
