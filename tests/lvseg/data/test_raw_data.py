"""`data.raw` must be tracked by DVC; each refusal says what to do."""

from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from lvseg.data.raw_data import check_tracked

PIPELINE = """
stages:
  phantom:
    outs: [data/phantom]
  extract:
    deps: ["${data.raw}"]
    outs: [{data/shards: {desc: one file per patient}}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("raw", "files"),
    [
        ("data/phantom", []),
        ("data/sunnybrook", ["data/sunnybrook.dvc", "data/sunnybrook/a.zip"]),
        ("data/sunnybrook/a.zip", ["data/sunnybrook.dvc", "data/sunnybrook/a.zip"]),
    ],
    ids=["made by a stage", "added", "inside an added folder"],
)
def test_tracked_data_is_taken(root: Path, raw: str, files: list[str]) -> None:
    for name in files:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    check_tracked(raw, root)


@pytest.mark.parametrize(
    ("raw", "files", "remedy"),
    [
        ("data/sunnybrook", ["data/sunnybrook"], "run `dvc add data/sunnybrook`"),
        ("data/sunnybrook", ["data/sunnybrook.dvc"], "run `dvc pull`"),
        ("data/sunybrook", ["data/sunnybrook.dvc"], "did you mean data/sunnybrook?"),
        ("data/fantom", [], "did you mean data/phantom?"),
        ("/archive/scd", [], "must be a path inside the repository"),
        ("../scd", [], "must be a path inside the repository"),
    ],
)
def test_other_data_is_refused_with_the_remedy(root: Path, raw: str, files: list[str], remedy: str) -> None:
    for name in files:
        (root / name).touch()
    with pytest.raises(UserError) as refused:
        check_tracked(raw, root)
    assert remedy in str(refused.value)
