"""`make gpu-check`: what a GPU does with trainings and predictions, on one page; on a CPU its lines are marked absent.

It needs the shards of `data/` (`make repro`), no server and no network. TensorFlow is the backend unless KERAS_BACKEND
says jax; the figures are for the U-Net as `params.yaml` sets it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from lvseg import params
from lvseg.core import backend
from lvseg.core.command import run
from lvseg.core.paths.files import write_text
from lvseg.data.examples import SHARDS, SPLIT, Example, select_examples
from lvseg.imaging.structures import Structure

PAGE = Path("bench/results/gpu-check.md")
ABSENT = "absent: no GPU here"
BATCHES = (4, 16, 64)
FRAMES = 240  # of a study
TRIAL = 20  # steps that are timed
LEAST_AGREEMENT = 0.999  # Dice of masks on the device and on the CPU
_STRUCTURES = (Structure.CAVITY,)


@dataclass(frozen=True)
class Setting:
    """What is measured on.

    Attributes:
        settings: of the U-Net.
        learning: examples to learn from.
        gpu: whether there is one.
    """

    settings: Any
    learning: list[Example]
    gpu: bool


def main(out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE) -> None:
    """Measure, print and write the page."""
    settings = params.load().train_unet.chosen()
    where = backend.prepare(settings.threads, settings.seed)
    learning = select_examples(SHARDS, SPLIT, "train", (), everything=True).examples
    setting = Setting(settings, learning, "GPU" in where.upper() or "CUDA" in where.upper())
    lines = [f"# GPU check\n\nRuns on {where}; Keras on {backend.keras.backend.backend()}.\n"]
    lines += ["| line | measured |", "|---|---|"]
    for name, measure in LINES.items():
        said = measure(setting)
        print(f"{name}: {said}", flush=True)
        lines.append(f"| {name} | {said} |")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, "\n".join(lines) + "\n")
    print(out)


def same_twice(setting: Setting) -> str:
    """Train for some steps twice and compare the weights."""
    from lvseg.core.hashes import weights_hash

    hashes = []
    for _ in range(2):
        backend.prepare(setting.settings.threads, setting.settings.seed)
        model = _network(setting.settings)
        _steps(model, _batches(setting, 4), 4)
        hashes.append(weights_hash((v.path, backend.keras.ops.convert_to_numpy(v)) for v in model.weights))
    return f"{'the same' if hashes[0] == hashes[1] else 'OTHER weights'} ({hashes[0][:12]}, {hashes[1][:12]})"


def agreement(setting: Setting) -> str:
    """Compare the masks of one network on the GPU with those on the CPU."""
    if not setting.gpu:
        return ABSENT
    from lvseg.metrics.overlap import dice

    model = _network(setting.settings)
    _steps(model, _batches(setting, 4), 40)  # untrained weights draw noise, on which no two devices agree
    images = np.concatenate([images for images, _ in _batches(setting, 4, 4)])
    here = np.asarray(model.predict_on_batch(images))
    with _on_cpu():
        there = np.asarray(_copied(model, setting.settings).predict_on_batch(images))
    scores = [
        dice(one.argmax(-1) == 1, other.argmax(-1) == 1) for one, other in zip(here, there, strict=True)
    ]
    worst = float(np.nanmin(scores))
    return f"Dice of masks at least {worst:.5f} ({'' if worst >= LEAST_AGREEMENT else 'BELOW '}{LEAST_AGREEMENT})"


def training_speed(setting: Setting) -> str:
    """Return images a second by precision and batch."""
    policies = ("float32", "mixed_float16") if setting.gpu else ("float32",)
    said = []
    for policy in policies:
        for batch in BATCHES if setting.gpu else BATCHES[:1]:
            said.append(f"{policy}, batches of {batch}: {_images_per_second(setting, policy, batch):.0f}")
    return "; ".join(said) + ("" if setting.gpu else f"; mixed precision and larger batches {ABSENT}")


def share_of_peak(setting: Setting) -> str:
    """Return what training uses of what matrix products reach, in float32."""
    from bench.models.training import BACKWARD, matmul_peak, operations

    peak = matmul_peak()
    used = _images_per_second(setting, "float32", BATCHES[0]) * BACKWARD * operations(setting.settings)
    return f"{used / 1e9:,.0f} of {peak / 1e9:,.0f} GFLOP/s ({100 * used / peak:.0f} %)"


def limit(setting: Setting) -> str:
    """Say whether input or kernels limit a training: steps on batches that are ready against steps as they come."""
    from bench.models.training import input_speed

    batch = BATCHES[-1] if setting.gpu else BATCHES[0]
    ready = _images_per_second(setting, "float32", batch)
    prepared = input_speed(setting.learning, setting.settings)
    cores = ready / prepared
    word = "input" if cores > 1 else "kernels"
    return (
        f"{word}: a core prepares {prepared:.0f} images a second, the device takes {ready:.0f}: "
        f"{cores:.1f} cores keep it busy"
    )


def study(setting: Setting) -> str:
    """Return the seconds from the frames of a study to its label maps."""
    from bench.models.training import segmenter_of
    from lvseg.imaging.spacing import Spacing
    from lvseg.inference.segmentation import Stack
    from lvseg.inference.stacks import segment

    settings, slices, phases = setting.settings, 12, FRAMES // 12
    rng = np.random.default_rng(0)
    numbers = np.repeat(np.arange(1, slices + 1), phases)
    stack = Stack(
        rng.integers(0, 1000, (FRAMES, 256, 256)).astype(np.int16),
        Spacing(1.4, 1.4),
        numbers,
        np.arange(FRAMES).reshape(slices, phases),
    )
    segmenter = segmenter_of(_network(settings), settings, settings.views)
    segment(segmenter, stack)  # traces the graph
    began = time.perf_counter()
    segment(segmenter, stack)
    return f"{FRAMES} frames, {settings.views} views: {time.perf_counter() - began:.1f} s"


LINES: dict[str, Callable[[Setting], str]] = {
    "same weights twice": same_twice,
    "agreement with the CPU": agreement,
    "images a second in training": training_speed,
    "share of the device's peak": share_of_peak,
    "what limits": limit,
    "a study": study,
}


def _network(settings: Any) -> Any:
    from lvseg.models import unet

    return unet.build(settings)


def _copied(model: Any, settings: Any) -> Any:
    copy = _network(settings)
    copy.set_weights(model.get_weights())
    return copy


def _batches(setting: Setting, batch: int, count: int = TRIAL) -> Iterator[tuple[Any, Any]]:
    """Yield batches of augmented images, made once and shown again."""
    from lvseg.training.unet import RECIPE

    wanted = setting.settings.model_copy(update={"batch_size": batch, "images_per_epoch": batch * 4})
    data = RECIPE.learn(setting.learning, wanted, _STRUCTURES).shuffled(setting.settings.seed, 1)
    ready = [data[number] for number in range(4)]
    return (ready[step % 4] for step in range(count))


def _steps(model: Any, batches: Iterator[tuple[Any, Any]], count: int) -> None:
    shown = list(batches)
    for step in range(count):
        model.train_on_batch(*shown[step % len(shown)])


def _images_per_second(setting: Setting, policy: str, batch: int) -> float:
    """Return how many images a second a network learns from when they are ready."""
    backend.keras.config.set_dtype_policy(policy)
    try:
        model = _network(setting.settings.model_copy(update={"batch_size": batch}))
    finally:
        backend.keras.config.set_dtype_policy("float32")
    shown = list(_batches(setting, batch))
    _steps(model, iter(shown), 3)  # compiles
    began = time.perf_counter()
    _steps(model, iter(shown), len(shown))  # each step returns its loss: nothing is left to wait for
    return batch * len(shown) / (time.perf_counter() - began)


def _on_cpu() -> AbstractContextManager[Any]:
    """Return a context in which the backend computes on the CPU."""
    if backend.keras.backend.backend() == "jax":
        import jax

        context: AbstractContextManager[Any] = jax.default_device(jax.devices("cpu")[0])
        return context
    if backend.keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        device: AbstractContextManager[Any] = tf.device("/CPU:0")
        return device
    return nullcontext()


if __name__ == "__main__":
    run(main)
