"""Train one network so that the same inputs give the same weights, however often the process is killed."""

import csv
import json
import math
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from lvseg.core import backend, kernels
from lvseg.core.backend import keras
from lvseg.core.errors import UserError
from lvseg.core.hashes import weights_hash
from lvseg.core.own_lines import say
from lvseg.core.paths.files import atomic_path, write_text
from lvseg.data import likeness, ranges
from lvseg.data.examples import Example
from lvseg.models import keras_file
from lvseg.training import checkpoints
from lvseg.training.batches import Batches
from lvseg.training.progress import Progress, Scalars
from lvseg.training.recipe import Recipe, Settings

METRICS = tuple(
    prefix + name for prefix in ("", "val_") for name in ("loss", "accuracy", "dice", "dice_smoothed")
)


class Listener(Protocol):
    """Who wants to know how a training goes."""

    def started(self, resumed_from: int, total: int) -> None:
        """Training begins after `resumed_from` of `total` epochs."""

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Epoch `number` (from 1) has ended. After a kill the same epoch may come again, with the same metrics."""


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it came about.

    Attributes:
        prediction: how the model is asked, as `run.json` tells it.
        history: the metrics of each epoch, by the names in `METRICS`; what is undefined is left out.
        seconds: spent in training and validation, over all processes that took part.
        resumed_from: epochs that earlier processes had finished.
        device: in words.
        training_data: ranges of the patients it learnt from, see `lvseg.data.ranges`.
        learnt_from: how many they are, how many of them synthetic, and what they look like, see `lvseg.data.likeness`.
        curves: the folder of TensorBoard logs.
    """

    stage: str
    name: str
    fingerprint: str
    inputs: dict[str, Any]
    prediction: dict[str, Any]
    model: keras.Model
    history: list[dict[str, float]]
    seconds: float
    resumed_from: int
    device: str
    weights_hash: str
    training_data: dict[str, list[float]]
    learnt_from: dict[str, Any]
    curves: Path


def train(
    *,
    recipe: Recipe,
    settings: Settings,
    training: list[Example],
    validation: list[Example],
    fingerprint: str,
    inputs: dict[str, Any],
    listener: Listener,
) -> TrainingResult:
    """Train, or go on with, the network of a recipe.

    Args:
        recipe: the network and how it is trained; its stage names the progress file and the parameters in messages.
        settings: the parameters of the stage.
        training: the slices to learn from.
        validation: the slices to measure after each epoch; may be empty.
        fingerprint: of all inputs; names the checkpoints.
        inputs: what the fingerprint is a hash of, for the record.
        listener: told of every epoch.

    Raises:
        UserError: there is nothing to train on, a shard cannot be read, the loss is no longer a number, or a
            batch does not fit into memory.
    """
    stage = recipe.stage
    if not training:
        raise UserError(
            f"{stage}: no contoured slice to train on; see quality.drop_from_training and split in params.yaml"
        )
    where = backend.prepare(settings.threads, settings.seed)
    say(f"{stage}: runs on {where}")
    say(f"{stage}: {len(training)} slices to train on, {len(validation)} to validate on")
    structures = recipe.structures(training)
    model = recipe.build(settings, structures)
    past = checkpoints.restore(fingerprint, model)
    resumed_from = len(past.history)
    if resumed_from:
        say(f"{stage}: goes on after epoch {resumed_from} of {settings.epochs}")
    listener.started(resumed_from, settings.epochs)
    batches = recipe.learn(training, settings, structures)
    held_out = recipe.validate(validation, settings, structures)
    curves = checkpoints.folder(fingerprint) / "tensorboard"
    scalars = Scalars(curves, past.history)
    progress = Progress(stage, settings.epochs, resumed_from)
    try:
        for epoch in range(resumed_from + 1, settings.epochs + 1):
            begin = time.perf_counter()
            metrics = _one_epoch(model, batches, held_out, settings.seed, epoch, recipe.section)
            seconds = time.perf_counter() - begin
            # The listener comes first: a kill between the two repeats an epoch in the record and loses none.
            listener.epoch(epoch, metrics)
            past = checkpoints.Past([*past.history, metrics], past.seconds + seconds)
            checkpoints.save(fingerprint, model, past)
            scalars.epoch(epoch, metrics)
            progress.epoch(epoch, metrics, seconds)
    finally:
        progress.close()
        scalars.close()
    return TrainingResult(
        stage=stage,
        name=recipe.name,
        fingerprint=fingerprint,
        inputs=inputs,
        prediction=asdict(recipe.prediction(settings, structures)),
        model=model,
        history=past.history,
        seconds=past.seconds,
        resumed_from=resumed_from,
        device=where,
        weights_hash=weights_hash((v.path, keras.ops.convert_to_numpy(v)) for v in model.weights),
        training_data=ranges.of_shards({example.shard for example in training}).written(),
        learnt_from=likeness.learnt_from({example.shard for example in training}),
        curves=curves,
    )


def _one_epoch(
    model: keras.Model, training: Batches, validation: Batches, seed: int, epoch: int, section: str
) -> dict[str, float]:
    """Train for one epoch (from 1), validate, and return the metrics that are defined."""
    remedy = f"lower {section}.learning_rate in params.yaml"
    try:
        fitted = model.fit(
            training.shuffled(seed, epoch),
            validation_data=validation.in_order() if len(validation) else None,
            shuffle=False,  # the batches have their order already
            verbose=0,
            callbacks=[_StopWithoutLoss(f"of epoch {epoch}: {remedy}")],
        )
    except UserError:
        raise
    except Exception as error:
        if failure := training.failure or validation.failure:
            raise failure from None
        if _out_of_memory(error):
            raise UserError(
                f"a batch of {training.batch_size} images does not fit into memory: "
                f"lower {section}.batch_size in params.yaml"
            ) from None
        raise
    metrics = {name: float(fitted.history[name][-1]) for name in METRICS if name in fitted.history}
    if not math.isfinite(metrics.get("val_loss", 0.0)):
        raise UserError(f"the validation loss is {metrics['val_loss']} after epoch {epoch}: {remedy}")
    return {metric: value for metric, value in metrics.items() if math.isfinite(value)}


def _out_of_memory(error: Exception) -> bool:
    """Return whether a backend says so: TensorFlow by the type of its error, XLA (JAX) by its words."""
    named = type(error).__name__ + str(error)
    return isinstance(error, MemoryError) or "ResourceExhausted" in named or "RESOURCE_EXHAUSTED" in named


class _StopWithoutLoss(keras.callbacks.Callback):
    """Stop at the first batch whose loss is not a number."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the mean loss so far: one batch that is not finite shows in it."""
        loss = (logs or {})["loss"]
        if not math.isfinite(loss):
            raise UserError(f"the loss became {loss} in batch {batch + 1} {self._where}")


def write_outs(
    result: TrainingResult, models_dir: Path | None = None, training_dir: Path | None = None
) -> None:
    """Write `models/<name>/` (model, run.json, history), which others read, and `training/<name>/`, for people.

    The first holds no clock and no host, and of the machine only the kind, on which the last digits of weights depend:
    the same training on the same kind gives the same bytes. Each folder is replaced as a whole.
    """
    run = {
        "model": result.name,
        "stage": result.stage,
        "fingerprint": result.fingerprint,
        "weights_hash": result.weights_hash,
        "parameters": result.model.count_params(),
        "epochs": len(result.history),
        "inputs": result.inputs,
        "kernels": {
            "backend": keras.backend.backend(),
            "device": result.device.partition(",")[0],
            "processor": kernels.processor(),
        },
        "prediction": result.prediction,
        "training_data": result.training_data,
        "learnt_from": result.learnt_from,
        "final": result.history[-1],
    }
    with atomic_path(models_dir or Path("models") / result.name) as folder:
        folder.mkdir()
        keras_file.save_model(result.model, folder / "model.keras")
        write_text(folder / "run.json", json.dumps(run, indent=2, sort_keys=True, allow_nan=False) + "\n")
        with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, ["epoch", *METRICS], lineterminator="\n")
            table.writeheader()
            table.writerows({"epoch": n} | row for n, row in enumerate(result.history, start=1))
    timing = {
        "seconds": round(result.seconds, 2),
        "device": result.device,
        "epochs_resumed_from": result.resumed_from,
    }
    with atomic_path(training_dir or Path("training") / result.name) as folder:
        folder.mkdir()
        write_text(folder / "timing.json", json.dumps(timing, indent=2) + "\n")
        shutil.copytree(result.curves, folder / "tensorboard")
