"""A training gives the same weights whatever a user's home and environment say of Keras and of kernels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

_TRAIN = """
import sys
from pathlib import Path
from lvseg.training import loop
from tests.lvseg.training.tiny_training import Recorder, train
result = train(Path(sys.argv[1]), "same", Recorder())
loop.write_outs(result, Path(sys.argv[2], "models"), Path(sys.argv[2], "training"))
for_nothing = {"jax", "matplotlib", "pandas", "sklearn"} & sys.modules.keys()
assert not for_nothing, f"Keras and TensorFlow took seconds to load {for_nothing}"
"""
# Heeded, flags of XLA, the limit of oneDNN or one step an epoch give other weights, and this backend ends the training.
_MEAN = {
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
}
_KERAS = {
    "floatx": "float16", "epsilon": 1e-3, "backend": "torch", "image_data_format": "channels_first",
}  # fmt: skip


def trained(tiny_shards: Path, home: Path, **settings: str) -> tuple[dict[str, object], str]:
    """Train in a process of its own, with a home of its own; return its `run.json` and what it said on stderr."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_"))}
    surroundings = plain | {"HOME": str(home), "LVSEG_HOME": str(home / "state")} | settings
    command = [sys.executable, "-c", _TRAIN, str(tiny_shards), str(home)]
    done = subprocess.run(command, cwd=REPOSITORY, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((home / "models/run.json").read_text()), done.stderr


@pytest.mark.slow
def test_no_setting_of_a_user_changes_weights(tiny_shards: Path, tmp_path: Path) -> None:
    usual, said = trained(tiny_shards, tmp_path / "usual")
    assert said == "" and not (tmp_path / "usual/.keras").exists()
    (tmp_path / "odd/.keras").mkdir(parents=True)
    (tmp_path / "odd/.keras/keras.json").write_text(json.dumps(_KERAS))
    odd, said = trained(tiny_shards, tmp_path / "odd", **_MEAN)
    assert odd == usual
    assert said.splitlines() == [
        f"warning: not heeded, for other kernels give other numbers: {', '.join(sorted(_MEAN))}"
    ]
    kernels = usual["kernels"]
    assert isinstance(kernels, dict) and kernels["backend"] == "tensorflow" and kernels["processor"]
