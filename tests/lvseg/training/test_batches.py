"""Batches over shards: all examples, in an order that follows from the seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.core.backend import keras
from lvseg.data import shards
from lvseg.data.drawn_frames import load
from lvseg.data.examples import Example, select_examples
from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing
from lvseg.imaging.structures import Structure
from lvseg.training.batches import Batches, ImageAndMasks, OnGrid


@pytest.fixture(scope="module")
def chosen(tiny_shards: Path) -> list[Example]:
    return select_examples(tiny_shards / "shards", tiny_shards / "split.csv", "train", ()).examples


def all_of(data: keras.utils.PyDataset) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    return [data[number] for number in range(len(data))]


def test_every_example_comes_once_prepared_and_in_order(chosen: list[Example]) -> None:
    grid = Grid(32)
    batches = all_of(Batches(chosen, OnGrid(grid), batch_size=4).in_order())
    assert [len(images) for images, _ in batches] == [4, 4, 4, 4, 2]
    images = np.concatenate([images for images, _ in batches])
    masks = np.concatenate([masks for _, masks in batches])
    for example, image, mask in zip(chosen, images, masks, strict=True):
        frame = load(example)
        assert (image == grid.image(frame.image, frame.spacing_mm)).all()
        assert (mask[..., 0] == grid.mask(frame.endo, frame.spacing_mm)).all()


def order(chosen: list[Example], seed: int, epoch: int, per_epoch: int | None = None) -> list[int]:
    """Return which examples the batches of an epoch hold, found by their masks."""
    data = Batches(chosen, OnGrid(Grid(64)), batch_size=5, per_epoch=per_epoch).shuffled(seed, epoch)
    known = [load(example).endo.tobytes() for example in chosen]
    return [known.index(mask.astype(np.uint8).tobytes()) for _, masks in all_of(data) for mask in masks]


def test_the_order_follows_from_seed_and_epoch(chosen: list[Example]) -> None:
    assert order(chosen, 1, 1) == order(chosen, 1, 1)
    assert sorted(order(chosen, 1, 1)) == list(range(len(chosen)))
    assert len({tuple(order(chosen, *key)) for key in [(1, 1), (1, 2), (2, 1)]}) == 3


@pytest.mark.parametrize("per_epoch", [7, 18, 40])
def test_epochs_of_any_length_use_all_examples_alike(chosen: list[Example], per_epoch: int) -> None:
    epochs = [order(chosen, 1, epoch, per_epoch) for epoch in range(1, 10)]
    assert {len(epoch) for epoch in epochs} == {per_epoch}
    together = [index for epoch in epochs for index in epoch]
    for start in range(0, len(together) - len(chosen) + 1, len(chosen)):
        assert sorted(together[start : start + len(chosen)]) == list(range(len(chosen)))


def test_a_view_is_told_where_the_heart_of_the_patient_lies(chosen: list[Example]) -> None:
    """The middle of all his cavities, whichever slice is shown."""
    told: list[NDArray[np.float64]] = []

    def asking(
        image: NDArray[Any],
        masks: NDArray[np.uint8],
        spacing_mm: Spacing,
        rng: Any,
        heart: NDArray[np.float64],
    ) -> ImageAndMasks:
        told.append(heart)
        return OnGrid(Grid(64))(image, masks, spacing_mm, rng, heart)

    Batches(chosen[:3], asking, batch_size=3).in_order()[0]
    for example, heart in zip(chosen[:3], told, strict=True):
        cavities = np.asarray(shards.read(example.shard).labels) == Structure.CAVITY
        middles = [np.argwhere(cavity).mean(axis=0) for cavity in cavities if cavity.any()]
        assert heart == pytest.approx(np.mean(middles, axis=0))
