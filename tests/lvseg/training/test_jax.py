"""The U-Net learns on JAX where TensorFlow is not installed, and what it has learnt opens on TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lvseg.inference.segmenter import load_segmenter
from tests.conftest import REPOSITORY
from tests.lvseg.training.unet_training import fixed_image

pytestmark = pytest.mark.slow


def test_a_training_on_jax_repeats_and_its_model_answers_alike_on_tensorflow(
    tiny_shards: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.lvseg.training.unet_training", str(tiny_shards), str(tmp_path)]
    surroundings = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiled in a third of the time
        # What the first training compiled serves the second.
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "LVSEG_HOME": str(tmp_path),
    }
    done = subprocess.run(command, cwd=REPOSITORY, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["hashes"][0] == told["hashes"][1]
    assert "jax" in told["device"]
    how = json.loads((tmp_path / "models/run.json").read_text())["prediction"]
    here = load_segmenter(tmp_path / "models/model.keras", how).network.predict_on_batch(fixed_image())
    assert here == pytest.approx(np.array(told["scores"]), abs=1e-3)
