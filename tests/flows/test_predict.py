"""A cohort in parts, here and on the workers of a pool: the same as one command over all."""

from pathlib import Path

import pytest
import yaml

from lvseg.identity import tree_hash
from tests.flows.site import Site
from tests.lvseg.studies.hearts import Heart, bright_model, classic


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    for number in range(1, 4):
        heart = Heart(slices=5, phases=3, end_systole=2, patient=f"LEAK{number}", widest=24.0 + number)
        classic(folder / "studies" / f"s{number}", heart)
    (folder / "studies" / "empty").mkdir()
    bright_model(folder / "bright")
    return folder


def test_parts_make_the_whole(site: Site, cohort: Path) -> None:
    described = yaml.safe_load((site.root / "prefect.yaml").read_text())
    described["deployments"].append(
        {**described["deployments"][-1], "name": "local", "work_pool": {"name": "local"}}
    )
    (site.root / "prefect.yaml").write_text(yaml.safe_dump(described))
    site.project.commit("a pool more")
    site.python("-m", "flows.deploy")
    for name, pool in (("here", None), ("there", "local")):
        how = {"studies": str(cohort / "studies"), "out": str(cohort / name), "model": str(cohort / "bright")}
        said = site.python(
            "-c",
            "from flows.predict_cohort import predict_cohort\n"
            f"state = predict_cohort(**{how!r}, shards=2, pool={pool!r}, return_state=True)\n"
            "print('ENDED', state.name, state.message)",
        )
        assert "ENDED Completed 4 studies in" in said and "3 ok, 0 look at it, 1 failed" in said, said[-2000:]
        assert "LEAK" not in said and "s1" not in said.replace("http", ""), "logs name no patient and no path"
    here, there = cohort / "here", cohort / "there"
    names = {path.name for path in here.iterdir()} - {"private"}
    assert names == {path.name for path in there.iterdir()} - {"private"} and len(names) == 6
    for name in names:
        if (here / name).is_dir():
            assert tree_hash(here / name) == tree_hash(there / name), name
    assert (here / "measurements.csv").read_bytes() == (there / "measurements.csv").read_bytes()


def test_a_cohort_that_cannot_be_is_refused(site: Site, tmp_path: Path) -> None:
    for studies, pool, said in (
        (tmp_path / "gone", None, "no folder and no list"),
        (tmp_path, "nowhere", "no deployment predict-shard/nowhere"),
    ):
        (tmp_path / "a").mkdir(exist_ok=True)
        told = site.python(
            "-c",
            "from flows.predict_cohort import predict_cohort\n"
            f"state = predict_cohort({str(studies)!r}, {str(tmp_path / 'o')!r}, pool={pool!r}, return_state=True)\n"
            "print('ENDED', state.name, state.message)",
        )
        assert "ENDED Failed" in told and said in told, told[-1000:]
