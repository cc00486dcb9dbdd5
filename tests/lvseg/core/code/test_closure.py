"""Which code a stage computes with: that alone makes it run again."""

from pathlib import Path

import pytest

from lvseg.core.code.closure import OBSERVERS, code_hash, computing_closure, import_closure
from tests.conftest import REPOSITORY

FILES = {
    "lvseg/__init__.py": "",
    "lvseg/core/__init__.py": "",
    "lvseg/core/errors.py": "from lvseg import seen_by_errors_alone",
    "lvseg/seen_by_errors_alone.py": "",
    "lvseg/page.html": "<p>",
    "lvseg/unused.py": "",
    "lvseg/used.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lvseg import unused",
    "tasks/__init__.py": "",
    "tasks/one.py": "import lvseg.used\nfrom lvseg.core.errors import UserError",
    "requirements/runtime.lock": "numpy==1",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


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


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("tasks/one.py", True),
        ("lvseg/used.py", True),
        ("lvseg/__init__.py", True),
        ("lvseg/page.html", True),
        ("requirements/runtime.lock", True),
        ("lvseg/unused.py", False),  # imported for the type checker alone
        ("lvseg/core/errors.py", False),  # an observer
        ("lvseg/seen_by_errors_alone.py", False),
    ],
)
def test_the_hash_changes_with_the_code_that_computes(name: str, counts: bool, root: Path) -> None:
    before = code_hash("tasks.one", root)
    (root / name).write_text(FILES[name] + "\n# changed\n")
    assert (code_hash("tasks.one", root) != before) == counts


def test_every_observer_is_there_and_in_no_closure_that_computes() -> None:
    for name in OBSERVERS:
        path = Path(*name.split("."))
        assert (REPOSITORY / path).is_dir() or (REPOSITORY / path.with_suffix(".py")).is_file(), name
    for stage in ("extract", "split", "train_dense", "train_unet", "evaluate"):
        modules = [
            path.with_suffix("").as_posix().replace("/", ".") for path in computing_closure(f"tasks.{stage}")
        ]
        observed = [m for m in modules if any(f"{m}.".startswith(f"{left}.") for left in OBSERVERS)]
        assert f"tasks.{stage}" in modules and not observed
