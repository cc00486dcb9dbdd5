"""MONAI's U-Net on PyTorch, trained as its users do: `python monai_unet.py SLICES.npz MASKS.npz SECONDS...`.

Runs in an environment of its own, which has no other package of this repository. Prints one JSON object, and writes to
MASKS.npz what it draws on the test slices after each of the times, `masks` (times, n, s, s), packed into bits.

SLICES.npz: `images` (n, s, s) float32 and `masks` (n, s, s) uint8 to learn from, `test_images`, and `crop`,
`batch_size`, `rate`, `threads`, `seed`.
"""

import json
import math
import sys
import time
from typing import Any

import numpy as np
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandSpatialCropd,
)
from monai.utils import set_determinism

WARM_UP = 0.1  # of all steps, as ours has it
TRIAL = 40  # steps that say how long one takes
AHEAD = 25  # batches between two looks at the clock
AT_ONCE = 16  # images in a batch of prediction


def network() -> torch.nn.Module:
    """Return the U-Net of MONAI's tutorials: residual units, as wide as ours."""
    return UNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=(32, 64, 128, 256, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
        norm="batch",
    )


def augmentation(crop: int) -> Compose:
    """Return MONAI's transforms for most kinds of change that ours makes."""
    both = ["image", "mask"]
    return Compose(
        [
            RandAffined(
                both,
                prob=1.0,
                rotate_range=math.pi,
                scale_range=0.25,
                translate_range=20,
                mode=("bilinear", "nearest"),
                padding_mode="border",
            ),
            RandFlipd(both, prob=0.5, spatial_axis=0),
            RandSpatialCropd(both, roi_size=(crop, crop), random_size=False),
            RandAdjustContrastd(["image"], prob=1.0, gamma=(0.7, 1.4)),
            RandGaussianNoised(["image"], prob=0.5, std=0.1),
        ]
    )


def main(slices: str, masks: str, marks: list[float]) -> None:
    """Train for as long as the last of `marks` says, in seconds; keep what it draws at each."""
    given = np.load(slices)
    torch.set_num_threads(int(given["threads"]))
    set_determinism(int(given["seed"]))
    batch, rate = int(given["batch_size"]), float(given["rate"])
    loader = Endless(given, batch)
    trial = Trainer(rate, steps=TRIAL)
    for _ in range(TRIAL // 2):
        trial.step(*next(loader))
    began = time.perf_counter()
    for _ in range(TRIAL - TRIAL // 2):
        trial.step(*next(loader))
    each = (time.perf_counter() - began) / (TRIAL - TRIAL // 2)
    set_determinism(int(given["seed"]))
    trainer = Trainer(rate, steps=max(int(marks[-1] / each), 1))
    spent, steps, drawn = 0.0, 0, []
    for mark in marks:
        while spent < mark and steps < trainer.steps:
            began = time.perf_counter()
            for _ in range(min(AHEAD, trainer.steps - steps)):
                trainer.step(*next(loader))
                steps += 1
            spent += time.perf_counter() - began
        drawn.append(trainer.drawn(given["test_images"]))
    np.savez_compressed(masks, masks=np.packbits(np.stack(drawn)))
    print(
        json.dumps(
            {
                "images_per_second": batch * steps / spent,
                "predicted_per_second": trainer.prediction_speed(given["test_images"]),
            }
        )
    )


class Endless:
    """Augmented batches without end."""

    def __init__(self, given: Any, batch: int) -> None:
        self._pairs = [
            {"image": torch.from_numpy(image[None]), "mask": torch.from_numpy(mask[None].astype(np.float32))}
            for image, mask in zip(given["images"], given["masks"], strict=True)
        ]
        self._change = augmentation(int(given["crop"]))
        self._batch = batch
        self._rng = np.random.default_rng(int(given["seed"]))

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = [self._change(self._pairs[i]) for i in self._rng.integers(0, len(self._pairs), self._batch)]
        return (
            torch.stack([torch.as_tensor(one["image"]) for one in chosen]),
            torch.stack([torch.as_tensor(one["mask"]) for one in chosen]),
        )


class Trainer:
    """The network, its optimiser and the rate over time: up for a tenth, then along a cosine."""

    def __init__(self, rate: float, steps: int) -> None:
        self.steps = steps
        self._network = network()
        self._optimiser = torch.optim.Adam(self._network.parameters(), rate)
        self._loss = DiceCELoss(sigmoid=True)
        warm = max(round(WARM_UP * steps), 1)
        self._schedule = torch.optim.lr_scheduler.SequentialLR(
            self._optimiser,
            [
                torch.optim.lr_scheduler.LinearLR(self._optimiser, 0.01, 1.0, warm),
                torch.optim.lr_scheduler.CosineAnnealingLR(
                    self._optimiser, max(steps - warm, 1), 0.01 * rate
                ),
            ],
            [warm],
        )

    def step(self, images: torch.Tensor, masks: torch.Tensor) -> None:
        """Learn from one batch."""
        self._network.train()
        self._optimiser.zero_grad()
        self._loss(self._network(images), masks).backward()
        self._optimiser.step()
        self._schedule.step()

    def drawn(self, images: np.ndarray) -> np.ndarray:
        """Return the masks (n, s, s) of images (n, s, s)."""
        return self._scores(images) > 0

    def prediction_speed(self, images: np.ndarray) -> float:
        """Return the images per second that the network looks at, the best of three times."""
        best = math.inf
        for _ in range(3):
            began = time.perf_counter()
            self._scores(images)
            best = min(best, time.perf_counter() - began)
        return len(images) / best

    def _scores(self, images: np.ndarray) -> np.ndarray:
        """Return the scores (n, s, s) of images (n, s, s)."""
        self._network.eval()
        with torch.inference_mode():
            parts = [
                self._network(torch.from_numpy(images[start : start + AT_ONCE, None])).numpy()[:, 0]
                for start in range(0, len(images), AT_ONCE)
            ]
        return np.concatenate(parts)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [float(mark) for mark in sys.argv[3:]])
