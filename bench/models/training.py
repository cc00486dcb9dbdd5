"""`make bench-train`: our U-Net against MONAI's and nnU-Net v2, on the same slices, machine and wall-clock time.

All learn from the training and validation patients of `data/` and draw on the same test slices, on the same grid, as
who uses them gets it for a slice alone: ours looks twice and keeps one region, MONAI's draws what its network says,
nnU-Net's is averaged over mirrored views. One evaluator scores all. Each first finds out how long a step takes, which
is not counted, and plans its learning rate for the whole time; the clock stands still while a network draws. MONAI's
is as wide as ours and sees changes of the same kinds, by MONAI's own transforms; nnU-Net makes its own plans, which
are meant for a GPU.
"""

import math
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bench.peers.environment import run_peer
from lvseg import params
from lvseg.core import backend
from lvseg.core.command import run
from lvseg.data.examples import Example

TRIAL = 40  # steps that say how long one takes
AHEAD = 100  # batches between two looks at the clock
STUDY = 12, 20  # slices and phases
PEAK_SIZE = 2048  # rows and columns of the matrices whose product says what the machine can do
BACKWARD = 3  # a step of training costs about three times the forward pass


def main(
    minutes: Annotated[list[float] | None, typer.Option(help="When to measure Dice.")] = None,
    nnunet: Annotated[bool, typer.Option(help="Train nnU-Net as well.")] = True,
) -> None:
    """Train all and print the tables."""
    settings = params.load().train_unet.chosen()
    where = backend.prepare(settings.threads, settings.seed)
    print(f"{where}; batches of {settings.batch_size} patches of {settings.crop} x {settings.crop}")
    from lvseg.evaluation.sources import Sources

    marks = sorted(60 * mark for mark in minutes or [5, 15, 45])
    sources, drop = Sources(), params.load().quality
    learning = [
        e for part in ("train", "validation") for e in sources.select(part, drop.drop_from_training).examples
    ]
    test = sources.select("test", drop.drop_from_test).examples
    patients = np.array([example.patient for example in test])
    dice: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        slices = export(Path(folder) / "slices.npz", learning, test, settings)
        reference = np.load(slices)["test_masks"]

        def scored(name: str, trained: dict[str, Any]) -> dict[str, Any]:
            dice[name] = [patient_dice(masks, reference, patients) for masks in trained["masks"]]
            # At once: hours later the next one may fail.
            print(f"{name}: Dice {', '.join(f'{score:.4f}' for score in dice[name])}", flush=True)
            return trained

        ours = scored("ours", train_ours(learning, slices, settings, marks))
        peer = scored("MONAI", train_peer("monai_unet.py", slices, marks))
        other = scored("nnU-Net", train_peer("nnunet_2d.py", slices, marks)) if nnunet else None
    print(f"\nDice, mean over {len(set(patients))} patients:\n")
    print(f"| minutes | {' | '.join(dice)} |\n|---|{'---|' * len(dice)}")
    for mark, *scores in zip(marks, *dice.values(), strict=True):
        print(f"| {mark / 60:g} | {' | '.join(f'{score:.4f}' for score in scores)} |")
    if other:
        print(f"\nnnU-Net: {other['steps']} steps of {other['batch']} patches of {other['patch']} in its own plans, "
              f"{other['images_per_second']:.2f} patches a second.")  # fmt: skip
    speed = ours["images_per_second"]
    print("\n| | ours | MONAI | ratio |\n|---|---|---|---|")
    print(f"| images a second in training | {speed:.1f} | {peer['images_per_second']:.1f} "
          f"| {speed / peer['images_per_second']:.2f} |")  # fmt: skip
    predicted = peer["predicted_per_second"]
    for views, mine in ours["predicted_per_second"].items():
        print(f"| slices a second in prediction, {views} view{'s' * (views > 1)} | {mine:.1f} "
              f"| {predicted:.1f} (1 view) | {mine / predicted:.2f} |")  # fmt: skip
    peak, used = matmul_peak(), speed * ours["operations"]
    print(f"\nMatrix products of float32 reach {peak / 1e9:.0f} GFLOP/s here; training uses {used / 1e9:.0f}, "
          f"{100 * used / peak:.0f} % of that. The input alone makes {input_speed(learning, settings):.0f} images a "
          "second.")  # fmt: skip


def export(path: Path, learning: list[Example], test: list[Example], settings: Any) -> Path:
    """Write what all learn from and are scored on, on the grid."""
    from lvseg.data import drawn_frames
    from lvseg.imaging.grid import Grid

    grid = Grid(settings.image_size, settings.spacing_mm)
    arrays: dict[str, Any] = {}
    for prefix, examples in (("", learning), ("test_", test)):
        loaded = [drawn_frames.load(example) for example in examples]
        arrays[f"{prefix}images"] = np.stack([grid.image(f.image, f.spacing_mm)[..., 0] for f in loaded])
        arrays[f"{prefix}masks"] = np.stack([grid.mask(f.endo, f.spacing_mm) for f in loaded])
    np.savez(
        path, **arrays, crop=settings.crop, batch_size=settings.batch_size, rate=settings.learning_rate,
        threads=settings.threads, seed=settings.seed,
        spacing=settings.spacing_mm,
    )  # fmt: skip
    return path


def train_ours(learning: list[Example], slices: Path, settings: Any, marks: list[float]) -> dict[str, Any]:
    """Return images per second, the masks that are drawn at each mark, and operations per image."""
    from lvseg.imaging.structures import Structure
    from lvseg.models import unet
    from lvseg.training.unet import RECIPE

    batch = settings.batch_size

    @cache
    def batches(steps: int) -> Any:
        planned = settings.model_copy(update={"images_per_epoch": steps * batch})
        return RECIPE.learn(learning, planned, (Structure.CAVITY,))

    def fit(model: Any, number: int, steps: int) -> float:
        began = time.perf_counter()
        model.fit(batches(steps).shuffled(settings.seed, number), verbose=0, shuffle=False)
        return time.perf_counter() - began

    trial = unet.build(settings)
    fit(trial, 1, TRIAL // 2)  # compiles
    each = fit(trial, 2, TRIAL // 2) / (TRIAL // 2)
    total = max(int(marks[-1] / each), 1)
    backend.prepare(settings.threads, settings.seed)
    model = unet.build(settings.model_copy(update={"epochs": 1, "images_per_epoch": total * batch}))
    given = np.load(slices)
    spent, steps, masks = 0.0, 0, []
    for mark in marks:
        while spent < mark and steps < total:
            spent += fit(model, steps // AHEAD + 1, min(AHEAD, total - steps))
            steps += min(AHEAD, total - steps)
        masks.append(drawn(segmenter_of(model, settings), given["test_images"]))
    return {
        "predicted_per_second": {
            views: prediction_speed(segmenter_of(model, settings, views), given["test_images"])
            for views in (1, 8)
        },
        "images_per_second": batch * steps / spent,
        "masks": masks,
        "operations": BACKWARD * operations(settings),
    }


def segmenter_of(model: Any, settings: Any, views: int = 1) -> Any:
    """Return a segmenter that asks a network as `predict` does, but for the number of views."""
    from dataclasses import replace

    from lvseg.imaging.grid import Grid
    from lvseg.imaging.structures import Structure
    from lvseg.inference.segmenter import Segmenter
    from lvseg.models.folding import folded
    from lvseg.training.unet import RECIPE

    how = RECIPE.prediction(settings, (Structure.CAVITY,))
    once = Segmenter(model, Grid(settings.image_size, settings.spacing_mm), views, how.one_region)
    return replace(once, closer=how.closer, quick=folded(model))


def drawn(segmenter: Any, images: np.ndarray) -> np.ndarray:
    """Return the masks (n, s, s) that are drawn on images (n, s, s) which know nothing of one another."""
    from lvseg.imaging.spacing import Spacing
    from lvseg.inference.stacks import segment_alone

    spacing = Spacing(segmenter.grid.spacing_mm, segmenter.grid.spacing_mm)
    return np.stack([segment_alone(segmenter, image, spacing).mask.astype(bool) for image in images])


def patient_dice(masks: np.ndarray, reference: np.ndarray, patients: np.ndarray) -> float:
    """Return Dice of masks (n, s, s), the mean over each patient's slices and then over patients (n,)."""
    from lvseg.metrics import overlap

    scores = np.array([overlap.dice(*pair) for pair in zip(masks, reference, strict=True)])
    return float(np.mean([np.nanmean(scores[patients == patient]) for patient in np.unique(patients)]))


def prediction_speed(segmenter: Any, images: np.ndarray) -> float:
    """Return the slices per second from the images of a study to its label maps, the best of three times."""
    from lvseg.imaging.spacing import Spacing
    from lvseg.inference.segmentation import Stack
    from lvseg.inference.stacks import segment

    slices, phases = STUDY
    count = slices * phases
    spacing = Spacing(segmenter.grid.spacing_mm, segmenter.grid.spacing_mm)
    pixels = images[np.arange(count) % len(images)]
    numbers = np.repeat(np.arange(1, slices + 1), phases)
    stack = Stack(pixels, spacing, numbers, np.arange(count).reshape(slices, phases))
    best = math.inf
    for _ in range(3):
        began = time.perf_counter()
        segment(segmenter, stack)
        best = min(best, time.perf_counter() - began)
    return count / best


def train_peer(script: str, slices: Path, marks: list[float]) -> dict[str, Any]:
    """Train another's network in its own environment; return what it prints, and `masks` (marks, n, s, s).

    Raises:
        UserError: the environment cannot be made, or the training failed.
    """
    path = slices.with_name(f"{Path(script).stem}_masks.npz")
    answer = run_peer(script, slices, path, *marks)
    shape = (len(marks), *np.load(slices)["test_masks"].shape)
    bits = np.unpackbits(np.load(path)["masks"], count=int(np.prod(shape)))
    return answer | {"masks": bits.reshape(shape).astype(bool)}


def operations(settings: Any) -> float:
    """Return the floating-point operations of the convolutions of one forward pass over a patch."""
    import keras

    from lvseg.models import unet

    model = unet.build(settings)
    fixed = keras.models.clone_model(
        model, input_tensors=keras.Input((settings.crop, settings.crop, 1), name="image")
    )
    total = 0.0
    for layer in fixed.layers:
        if "Conv2D" in type(layer).__name__:
            # A convolution multiplies at each output point, a transposed one at each input point.
            shape = layer.input.shape if "Transpose" in type(layer).__name__ else layer.output.shape
            total += 2 * shape[1] * shape[2] * float(np.prod(layer.kernel.shape))
    return total


def matmul_peak() -> float:
    """Return the floating-point operations per second of a product of large matrices."""
    import keras

    one = keras.random.normal((PEAK_SIZE, PEAK_SIZE))
    keras.ops.matmul(one, one)
    began = time.perf_counter()
    for _ in range(10):
        product = keras.ops.matmul(one, one)
    keras.ops.convert_to_numpy(product)
    return 10 * 2 * PEAK_SIZE**3 / (time.perf_counter() - began)


def input_speed(learning: list[Example], settings: Any) -> float:
    """Return the images per second that one thread prepares."""
    from lvseg.imaging.structures import Structure
    from lvseg.training.unet import RECIPE

    data = RECIPE.learn(learning, settings, (Structure.CAVITY,)).shuffled(settings.seed, 1)
    began = time.perf_counter()
    count = sum(len(data[number][0]) for number in range(TRIAL))
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    run(main)
