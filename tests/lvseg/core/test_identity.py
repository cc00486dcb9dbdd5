"""What is recognised again, and what must not be."""

import re
from pathlib import Path

import numpy as np
import pytest

from lvseg.core.closure import import_closure
from lvseg.core.errors import UserError
from lvseg.core.hashes import weights_hash
from lvseg.data import shards
from lvseg.data.examples import select_examples
from lvseg.data.pseudonyms import pseudonym
from lvseg.data.testset import hash_of_test_set
from lvseg.training.fingerprint import training_fingerprint
from tests.conftest import tiny_shard


def test_closure_follows_lazy_imports_and_stops_at_other_packages(tmp_path: Path) -> None:
    for name, text in {
        "lvseg/__init__.py": "",
        "lvseg/a.py": "import numpy\ndef f():\n    from lvseg.b import x",
        "lvseg/b.py": "from lvseg import c",
        "lvseg/c.py": "",
        "lvseg/d.py": "",
        "tasks/__init__.py": "",
        "tasks/one.py": "import lvseg.a",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    names = [path.as_posix() for path in import_closure("tasks.one", tmp_path)]
    assert names == [
        "lvseg/__init__.py",
        "lvseg/a.py",
        "lvseg/b.py",
        "lvseg/c.py",
        "tasks/__init__.py",
        "tasks/one.py",
    ]


def test_weights_hash_sees_names_shapes_and_bytes_only() -> None:
    weights = np.arange(6, dtype=np.float32)
    base = weights_hash([("w", weights)])
    assert weights_hash([("w", weights.copy())]) == base
    for other in (
        ("v", weights),
        ("w", weights.reshape(2, 3)),
        ("w", weights + 1e-6),
        ("w", weights.astype("f8")),
    ):
        assert weights_hash([other]) != base


def test_test_hash_sees_contours_and_not_pixels(tiny_shards: Path, tmp_path: Path) -> None:
    def of(folder: Path) -> str:
        return hash_of_test_set(
            select_examples(folder / "shards", tiny_shards / "split.csv", "test", ()).examples
        )

    from dataclasses import replace

    for number in (5, 6):
        shard = tiny_shard(number)
        shards.write(tmp_path / "shards" / f"P-0{number}.npz", replace(shard, pixels=shard.pixels + 1))
    assert of(tmp_path) == of(tiny_shards)
    moved = tiny_shard(5)
    shards.write(tmp_path / "shards/P-05.npz", replace(moved, contour_points=moved.contour_points + 0.01))
    assert of(tmp_path) != of(tiny_shards)


def test_fingerprint_changes_with_each_input(tiny_shards: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_bytes((tiny_shards / "split.csv").read_bytes())

    def print_of(**changes: object) -> str:
        settings = {"seed": 1, "threads": 2} | changes
        return training_fingerprint("tasks.split", settings, tiny_shards / "shards", split)[0]

    base = print_of()
    assert print_of() == base
    assert print_of(threads=1) != base
    split.write_text(split.read_text() + "\n")
    assert print_of() != base


def test_pseudonyms_are_stable_secret_and_keyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "one"))
    name = pseudonym("SC-N-05", public=False)
    assert name == pseudonym("SC-N-05", public=False) != pseudonym("SC-N-06", public=False)
    assert re.fullmatch("P[0-9a-f]{12}", name)
    assert pseudonym("SC-N-05", public=True) == "SC-N-05"
    assert (tmp_path / "one/pseudonym.key").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "two"))
    assert pseudonym("SC-N-05", public=False) != name
    (tmp_path / "two/pseudonym.key").write_text("")
    with pytest.raises(UserError, match=r"pseudonym\.key is damaged"):
        pseudonym("SC-N-05", public=False)
