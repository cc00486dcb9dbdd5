"""Two trainings with one fingerprint give the same weights: whatever can change one is in it, and nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lvseg.core.code import closure
from lvseg.training import fingerprint
from lvseg.training.fingerprint import training_fingerprint

SETTINGS = {"seed": 1, "threads": 2}
CODE = {
    "lvseg/__init__.py": "",
    "lvseg/network.py": "WIDTH = 8",
    "lvseg/training/__init__.py": "",
    "lvseg/training/progress.py": "BAR = 1",
    "tasks/__init__.py": "",
    "tasks/train.py": "import lvseg.network\nimport lvseg.training.progress",
    "requirements/runtime.lock": "numpy==1",
}


class Inputs:
    """All that a training reads, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.root, self.shards, self.split = folder / "code", folder / "shards", folder / "split.csv"
        self.settings: dict[str, int] = dict(SETTINGS)

    def fingerprint(self) -> str:
        return training_fingerprint("tasks.train", self.settings, self.shards, self.split)[0]


@pytest.fixture
def inputs(tiny_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    shutil.copytree(tiny_shards / "shards", tmp_path / "shards")
    shutil.copy(tiny_shards / "split.csv", tmp_path / "split.csv")
    for name, text in CODE.items():
        (tmp_path / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code" / name).write_text(text)
    monkeypatch.setattr(fingerprint, "code_hash", lambda module: closure.code_hash(module, tmp_path / "code"))
    return Inputs(tmp_path)


def one_byte_of_a_shard(inputs: Inputs) -> None:
    path = inputs.shards / "P-03.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def a_shard_less(inputs: Inputs) -> None:
    (inputs.shards / "P-03.npz").unlink()


def the_split(inputs: Inputs) -> None:
    inputs.split.write_text(inputs.split.read_text().replace("validation", "train"))


def a_setting(inputs: Inputs) -> None:
    inputs.settings["threads"] = 1


def a_new_setting(inputs: Inputs) -> None:
    inputs.settings["width"] = 8


def the_code(inputs: Inputs) -> None:
    (inputs.root / "lvseg/network.py").write_text("WIDTH = 16")


def a_library(inputs: Inputs) -> None:
    (inputs.root / "requirements/runtime.lock").write_text("numpy==2")


@pytest.mark.parametrize(
    "change", [one_byte_of_a_shard, a_shard_less, the_split, a_setting, a_new_setting, the_code, a_library]
)
def test_it_changes_with(change: Callable[[Inputs], None], inputs: Inputs) -> None:
    before = inputs.fingerprint()
    change(inputs)
    assert inputs.fingerprint() != before


def test_it_does_not_change_with_what_only_observes_nor_with_places(inputs: Inputs, tmp_path: Path) -> None:
    before = inputs.fingerprint()
    assert inputs.fingerprint() == before
    (inputs.root / "lvseg/training/progress.py").write_text("BAR = 2")
    (inputs.root / "lvseg/unused.py").write_text("")
    inputs.settings = dict(reversed(SETTINGS.items()))
    inputs.shards = inputs.shards.rename(tmp_path / "elsewhere")
    assert inputs.fingerprint() == before


def test_it_is_a_hash_of_the_inputs_that_it_names(inputs: Inputs) -> None:
    _, told = training_fingerprint("tasks.train", inputs.settings, inputs.shards, inputs.split)
    assert told["params"] == SETTINGS and set(told) == {"params", "shards", "split", "code"}


def test_another_backend_is_one_of_the_inputs_and_the_default_is_not(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs.fingerprint()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert inputs.fingerprint() == before
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert inputs.fingerprint() != before
    _, told = training_fingerprint("tasks.train", inputs.settings, inputs.shards, inputs.split)
    assert told["surroundings"]["KERAS_BACKEND"] == "jax"
