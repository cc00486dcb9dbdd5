"""Fixtures that the tests of several packages share, and who runs what where."""

import csv
import os
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

from lvseg.data import shards
from lvseg.data.shards import Shard
from tests.project import Project, trained_project

# No time limit for an example: a busy machine is not a broken program.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# What a git hook, from which the tests may run, says of its repository is not meant for theirs.
for _name in [name for name in os.environ if name.startswith("GIT_")]:
    del os.environ[_name]

REPOSITORY = Path(__file__).resolve().parent.parent
REAL_DATA = REPOSITORY.parent / "shared" / "data"

# Fixtures of a whole session that take long to make, and the files whose tests ask for them.
SHARED = {
    "prefect_server": (
        "tests/flows/test_retrain.py",
        "tests/flows/test_predict.py",
        "tests/flows/test_deploy.py",
        "tests/flows/test_worker.py",
        "tests/flows/test_server.py",
        "tests/flows/test_proxy.py",
    ),
    "trained": ("tests/test_pipeline.py", "tests/test_closure.py", "tests/test_reproduce.py"),
    "server": (
        "tests/tracking/runs/test_training.py",
        "tests/tracking/scores/test_evaluation.py",
        "tests/tracking/server/test_application.py",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures that they ask for, and begin with those that take longest."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "real_data" in fixtures:
            item.add_marker("real_data")
        for name in SHARED.keys() & fixtures:
            assert group_of(item.nodeid) == name, f"{item.nodeid} asks for {name}: add its file to SHARED"
            item.add_marker("slow")
        if "empty_database" in fixtures:  # of an MLflow store: each of its runs takes a second or two
            item.add_marker("slow")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    groups = list(SHARED)

    def rank(item: pytest.Item) -> int:
        group = group_of(item.nodeid)
        return groups.index(group) if group in groups else len(groups) + (item.path not in slow)

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all tests of a file to one process, and all files that share something."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByGroup(config, log)


def group_of(nodeid: str) -> str:
    """Return what the tests of a file share: a fixture in `SHARED`, or else the file alone."""
    file = nodeid.partition("::")[0]
    return next((name for name, files in SHARED.items() if file in files), file)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say whether the real data was there: a log without it must not pass for one with it."""
    reports = [
        report
        for outcome in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.stats.get(outcome, [])
        if "real_data" in getattr(report, "keywords", ())
    ]
    if skipped := sum(report.skipped for report in reports):
        terminalreporter.write_line(f"real data: absent, {skipped} tests skipped")
    elif reports:
        terminalreporter.write_line(f"real data: {len(reports)} tests ran")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real archives; skip where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real Sunnybrook archives are not beside this checkout (../shared/data)")
    return REAL_DATA


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with raw data of its own, everything run, committed and pushed.

    Tests leave its files as they are. What changes them works in a clone or a copy.
    """
    return trained_project(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def tiny_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with shards/ of six patients (3 slices x 2 phases, 64 x 64) and split.csv."""
    folder = tmp_path_factory.mktemp("tiny")
    parts = ["train", "train", "train", "validation", "test", "test"]
    for number in range(1, 7):
        shards.write(folder / "shards" / f"P-{number:02d}.npz", tiny_shard(number))
    with (folder / "split.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["patient", "group", "part"])
        table.writerows([f"P-{n:02d}", "N", part] for n, part in enumerate(parts, start=1))
    return folder


def tiny_shard(number: int, size: int = 64) -> Shard:
    """Return a patient whose left ventricle is a bright disc, smaller at end-systole and towards the apex."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:size, :size]
    centre = size / 2 + rng.uniform(-size / 12, size / 12, 2)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    pixels, masks, contours = [], [], []
    for slice_ in range(3):
        for radius in (size / 5 - 2 * slice_, size / 7 - 2 * slice_):
            inside = (rows - centre[1]) ** 2 + (columns - centre[0]) ** 2 <= radius**2
            pixels.append(rng.normal(200 + 500 * inside, 30).round().astype(np.int16))
            masks.append(inside.astype(np.uint8))
            contours.append(centre + radius * np.c_[np.cos(angles), np.sin(angles)])
    frames = np.arange(6, dtype=np.int32)
    affine = np.tile(np.eye(4), (6, 1, 1))
    affine[:, 2, 3] = 10.0 * (frames // 2)
    return Shard(
        pixels=np.stack(pixels),
        affine=affine,
        slice=frames // 2 + 1,
        phase=frames % 2 + 1,
        image_number=frames + 1,
        spacing_mm=np.array([1.4, 1.4]),
        thickness_mm=np.array(8.0),
        gap_mm=np.array(2.0),
        contour_points=np.concatenate(contours),
        contour_start=np.arange(0, 6 * 40 + 1, 40),
        contour_frame=frames,
        contour_kind=np.array(["icontour"] * 6),
        contour_flags=np.array([""] * 6),
        label_frame=frames,
        labels=np.stack(masks),
        known=np.tile([True, False, False], (6, 1)),
        cycle=np.array(["ED", "ES"] * 3),
        patient=np.array(f"P-{number:02d}"),
        group=np.array("N"),
        official_part=np.array(""),
        vendor=np.array(""),
        collection=np.array("tiny"),
        source=np.array("tiny"),
        convention=np.array("pixel centres at whole numbers"),
    )
