"""Batches over shards: all examples, in an order that follows from the seed."""

from pathlib import Path

import numpy as np
import pytest

from lvseg import grid
from lvseg.batches import Batches
from lvseg.dataset import Example, examples, load


@pytest.fixture(scope="module")
def chosen(tiny_shards: Path) -> list[Example]:
    return examples(tiny_shards / "shards", tiny_shards / "split.csv", "train", ()).examples


def test_every_example_comes_once_prepared_and_in_order(chosen: list[Example]) -> None:
    batches = list(Batches(chosen, size=32, batch_size=4).in_order().as_numpy_iterator())
    assert [len(images) for images, _ in batches] == [4, 4, 4, 4, 2]
    images = np.concatenate([images for images, _ in batches])
    masks = np.concatenate([masks for _, masks in batches])
    for example, image, mask in zip(chosen, images, masks, strict=True):
        pixels, drawn = load(example)
        assert (image == grid.model_input(pixels, 32)).all()
        assert (mask == grid.model_mask(drawn, 32)).all()


def test_the_order_follows_from_seed_and_epoch(chosen: list[Example]) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        data = Batches(chosen, size=64, batch_size=5).shuffled(seed, epoch).unbatch()
        known = [load(example)[1].tobytes() for example in chosen]
        return [known.index(mask.tobytes()) for _, mask in data.as_numpy_iterator()]

    assert order(1, 1) == order(1, 1)
    assert sorted(order(1, 1)) == list(range(len(chosen)))
    assert len({tuple(order(*key)) for key in [(1, 1), (1, 2), (2, 1)]}) == 3
