"""A training gives the same weights whatever happens to its process, and says plainly what is wrong."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lvseg.core import backend
from lvseg.core.backend import keras
from lvseg.core.errors import UserError
from lvseg.data import shards
from lvseg.training import checkpoints, loop
from lvseg.training.loop import TrainingResult
from tests.lvseg.training.tiny_training import SETTINGS, Recorder, build, part, train

pytestmark = pytest.mark.slow

# While pytest collects: once any test has run an operation, the number of threads can no longer be set.
backend.prepare(SETTINGS.threads, seed=0)


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the module a state home of its own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LVSEG_HOME", str(folder))
        patch.setattr("lvseg.training.progress.ROOT", folder)
        yield folder


@pytest.fixture(scope="module")
def whole(home: Path, tiny_shards: Path) -> TrainingResult:
    """Return an uninterrupted training."""
    return train(tiny_shards, "whole", Recorder())


def outs(result: TrainingResult, folder: Path) -> Path:
    """Write the outs below `folder` and return that of the model."""
    loop.write_outs(result, folder / "models", folder / "training")
    return folder / "models"


def test_a_training_killed_on_one_core_ends_on_two_with_the_weights_of_one_never_killed(
    whole: TrainingResult, tiny_shards: Path, tmp_path: Path
) -> None:
    first = outs(whole, tmp_path / "a")  # seconds before the other: a date would show
    command = [sys.executable, "-m", "tests.lvseg.training.tiny_training", str(tiny_shards), "3"]
    # JAX sets this for the whole process as soon as any test imports it; a stage starts without.
    fresh = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    killed = subprocess.run(command, capture_output=True, text=True, check=False, env=fresh)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    lines = killed.stdout.splitlines()
    assert lines[0] == "train-tiny: runs on CPU, 2 threads" or "GPU" in lines[0]
    assert [line.split(":")[0] for line in lines[2:]] == ["epoch 1/4", "epoch 2/4"]
    assert killed.stderr == ""

    listener = Recorder()
    resumed = train(tiny_shards, "killed", listener)
    assert (listener.resumed_from, sorted(listener.epochs)) == (2, [3, 4])
    assert resumed.weights_hash == whole.weights_hash
    assert resumed.history == whole.history
    second = outs(replace(resumed, fingerprint=whole.fingerprint), tmp_path / "b")
    for name in ("model.keras", "run.json", "history.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_finished_training_does_not_train_again(whole: TrainingResult, tiny_shards: Path) -> None:
    listener = Recorder()
    again = train(tiny_shards, "whole", listener)
    assert not listener.epochs
    assert (again.weights_hash, again.history) == (whole.weights_hash, whole.history)
    assert (again.seconds, again.resumed_from) == (whole.seconds, SETTINGS.epochs)


@pytest.mark.parametrize(("damaged", "left"), [(1, 3), (2, 0)])
def test_damaged_checkpoints_cost_epochs_not_the_result(
    whole: TrainingResult, tiny_shards: Path, capfd: pytest.CaptureFixture[str], damaged: int, left: int
) -> None:
    files = sorted(checkpoints.folder("whole").glob("*.npz"), reverse=True)
    assert [file.stem for file in files] == ["epoch-00004", "epoch-00003"]
    for file in files[:damaged]:
        file.write_bytes(file.read_bytes()[:-200])
    listener = Recorder()
    assert train(tiny_shards, "whole", listener).weights_hash == whole.weights_hash
    assert listener.resumed_from == left
    assert capfd.readouterr().err.count("is damaged and left aside") == damaged


def test_a_checkpoint_of_another_network_is_not_half_loaded(tiny_shards: Path, home: Path) -> None:
    model = build(SETTINGS)
    checkpoints.save("other", model, checkpoints.Past([{"loss": 1.0}], 1.0))
    wider = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, name="features"), keras.layers.Conv2D(9, 3)]
    )
    wider.compile(optimizer="adam", loss="mse")
    before = wider.get_weights()
    assert checkpoints.restore("other", wider) == checkpoints.Past([], 0.0)
    assert all((a == b).all() for a, b in zip(before, wider.get_weights(), strict=True))
    checkpoints.forget("other")
    assert not checkpoints.folder("other").exists()


def test_the_outs_tell_of_the_training(whole: TrainingResult, home: Path, tmp_path: Path) -> None:
    models = outs(whole, tmp_path)
    assert sorted(file.name for file in models.iterdir()) == ["history.csv", "model.keras", "run.json"]
    run = json.loads((models / "run.json").read_text())
    assert run["model"] == "tiny"
    assert (run["weights_hash"], run["parameters"], run["epochs"]) == (whole.weights_hash, 114, 4)
    assert run["final"] == whole.history[-1]
    with (models / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert float(rows[3]["val_dice"]) == whole.history[3]["val_dice"]
    assert set(whole.history[0]) == set(loop.METRICS)
    timing = json.loads((tmp_path / "training" / "timing.json").read_text())
    assert timing["seconds"] == pytest.approx(whole.seconds, abs=0.01)
    assert sorted(file.name for file in (tmp_path / "training" / "tensorboard").iterdir()) == [
        "train",
        "validation",
    ]
    progress = json.loads((home / ".lvseg/progress/train-tiny.json").read_text())
    assert (progress["epoch"], progress["epochs"], progress["eta_seconds"]) == (4, 4, 0)
    loaded = keras.saving.load_model(models / "model.keras", safe_mode=True)
    image = np.random.default_rng(0).normal(size=(1, 32, 32, 1)).astype(np.float32)
    assert (loaded.predict_on_batch(image) == whole.model.predict_on_batch(image)).all()


def test_a_loss_that_is_no_number_stops_the_training(tiny_shards: Path) -> None:
    with pytest.raises(UserError, match=r"nan in batch 1 of epoch 1: lower train_tiny\.learning_rate"):
        train(tiny_shards, "nan", Recorder(), build=partial(build, bias=math.nan))


def test_a_shard_that_cannot_be_read_is_named(tiny_shards: Path, tmp_path: Path) -> None:
    sound = part(tiny_shards, "train")
    with pytest.raises(UserError, match=r"lost\.npz"):
        train(tiny_shards, "lost", Recorder(), training=[*sound, replace(sound[0], shard=Path("lost.npz"))])
    shard = shards.read(sound[0].shard)
    bad = shard.pixels.astype(np.float32)
    bad[2, 0, 0] = np.nan
    shards.write(tmp_path / "bad.npz", replace(shard, pixels=bad))
    with pytest.raises(UserError, match=r"bad\.npz, frame 2: .*NaN"):
        train(
            tiny_shards,
            "bad",
            Recorder(),
            training=[replace(e, shard=tmp_path / "bad.npz") for e in sound[:6]],
        )


def test_nothing_to_train_on_is_said(tiny_shards: Path) -> None:
    with pytest.raises(UserError, match="no contoured slice to train on"):
        train(tiny_shards, "empty", Recorder(), training=[])


def test_another_seed_gives_other_weights_and_validation_is_optional(
    whole: TrainingResult, tiny_shards: Path
) -> None:
    settings = SETTINGS.model_copy(update={"seed": 4})
    other = train(tiny_shards, "seed", Recorder(), settings=settings, validation=[])
    assert other.weights_hash != whole.weights_hash
    assert set(other.history[0]) == {"loss", "accuracy", "dice", "dice_smoothed"}
