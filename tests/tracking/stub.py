"""A training that learns nothing: it stands in for `lvseg.training.loop` where only its record matters.

`python -m tests.tracking.stub` runs it as a stage would, so that a test can end the process. Environment:
`STUB_MODEL` (a saved model to pass off as trained), `STUB_HOLD` (wait for ever after this epoch), `STUB_PAUSE`
(seconds of an epoch), `STUB_SEED` (of the parameters).
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import lvseg
from lvseg import params
from lvseg.core.hashes import sha256_text
from lvseg.core.paths.places import state_home
from lvseg.training.recipe import Recipe

EPOCHS = 3
calls: list[str] = []


def metrics_of(number: int) -> dict[str, float]:
    """Return the metrics of one epoch; the exact values must survive every way into the store."""
    undefined = float("nan") if number == 1 else 1 / 3
    return {"loss": 1 / number, "accuracy": 0.9 + number / 100, "val_loss": 2 / number, "val_dice": undefined}


def train(
    *, recipe: Recipe, fingerprint: str, inputs: dict[str, Any], listener: Any, **_: Any
) -> SimpleNamespace:
    """Run the epochs that no earlier call has finished."""
    calls.append(fingerprint)
    state = state_home() / "checkpoints" / fingerprint / "epoch"
    state.parent.mkdir(parents=True, exist_ok=True)
    done = int(state.read_text()) if state.exists() else 0
    listener.started(done, EPOCHS)
    for number in range(done + 1, EPOCHS + 1):
        print(f"trained epoch {number}", flush=True)
        time.sleep(float(os.environ.get("STUB_PAUSE", "0")))
        listener.epoch(number, metrics_of(number))
        if os.environ.get("STUB_HOLD") == str(number):
            print("holding", flush=True)
            time.sleep(120)
        state.write_text(str(number))
    return SimpleNamespace(
        weights_hash=sha256_text(os.environ.get("STUB_WEIGHTS", "w")),
        run={"model": recipe.name, "stage": recipe.stage, "fingerprint": fingerprint, "inputs": inputs},
        resumed_from=done,
    )


def write_outs(result: Any, models_dir: Path, training_dir: Path) -> None:
    """Write what the train stages write."""
    for folder in (models_dir, training_dir / "tensorboard"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    shutil.copy(os.environ["STUB_MODEL"], models_dir / "model.keras")
    summary = {
        **result.run,
        "weights_hash": result.weights_hash,
        "parameters": 20,
        "epochs": EPOCHS,
        "final": metrics_of(EPOCHS),
        "prediction": {"size": 16, "spacing_mm": None, "views": 1, "one_region": False},
    }
    (models_dir / "run.json").write_text(json.dumps(summary))
    rows = ["epoch,loss,accuracy,val_loss,val_dice"]
    for number in range(1, EPOCHS + 1):
        rows.append(",".join([str(number), *(repr(value) for value in metrics_of(number).values())]))
    (models_dir / "history.csv").write_text("\n".join(rows) + "\n")
    timing = {"seconds": 4.5, "device": "CPU", "epochs_resumed_from": result.resumed_from}
    (training_dir / "timing.json").write_text(json.dumps(timing))
    (training_dir / "tensorboard" / "events.out").write_bytes(b"events")


def install() -> None:
    """Take the place of `lvseg.training.loop`."""
    module = ModuleType("lvseg.training.loop")
    module.train, module.write_outs = train, write_outs  # type: ignore[attr-defined]
    sys.modules["lvseg.training.loop"] = module
    lvseg.training.loop = module


def run_stage(seed: int = 1) -> None:
    """Run the stage train-cnn in the current directory."""
    from lvseg.training.stage import train_stage
    from tracking.runs.training import TrackedTraining

    def read_params() -> params.Params:
        written = params.load()
        train_cnn = written.train_cnn.model_copy(update={"seed": seed})
        return written.model_copy(update={"train_cnn": train_cnn})

    nothing: Any = None  # the stand-in builds no network and shows it nothing
    recipe = Recipe("cnn", lambda now: now.train_cnn, nothing, nothing, nothing, nothing)
    train_stage(recipe, read_params, TrackedTraining)


if __name__ == "__main__":
    install()
    run_stage(int(os.environ["STUB_SEED"]))
