"""Batches over shards: all examples, in an order that follows from the seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.core.backend import keras
from lvseg.data import shards
from lvseg.data.drawn_frames import load
from lvseg.data.examples import Example, select_examples
from lvseg.imaging.grid import Grid
from lvseg.imaging.structures import Structure
from lvseg.training.batches import Batches
from lvseg.training.views import DrawnSlice, ImageAndMasks, OnGrid


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


def hearts_told(examples: list[Example]) -> list[NDArray[np.float64]]:
    """Return where the heart lies by what a view is told of each example."""
    told: list[NDArray[np.float64]] = []

    def asking(drawn: DrawnSlice, rng: np.random.Generator) -> ImageAndMasks:
        told.append(drawn.heart)
        return OnGrid(Grid(64))(drawn, rng)

    Batches(examples, asking, batch_size=len(examples)).in_order()[0]
    return told


def middles_of(shard: shards.Shard) -> list[NDArray[np.float64]]:
    """Return row and column of the middle of each cavity that is drawn of a patient."""
    return [np.argwhere(labels == Structure.CAVITY).mean(axis=0) for labels in np.asarray(shard.labels)]


def test_a_view_is_told_where_the_heart_of_the_patient_lies(chosen: list[Example]) -> None:
    """The middle of all his cavities, whichever slice is shown."""
    for example, heart in zip(chosen[:3], hearts_told(chosen[:3]), strict=True):
        assert heart == pytest.approx(np.mean(middles_of(shards.read(example.shard)), axis=0))


def test_where_a_slice_was_moved_the_heart_moves_the_other_way(chosen: list[Example], tmp_path: Path) -> None:
    """As the second look has it: the square lies where the heart is in space."""
    shard = shards.read(chosen[0].shard)
    last = int(shard.slice[shard.label_frame].max())
    moved = shard.affine.copy()
    along = moved[0, :3, 0] / np.linalg.norm(moved[0, :3, 0])  # from column to column
    moved[shard.slice == last, :3, 3] += 30 * along
    shards.write(tmp_path / "moved.npz", replace(shard, affine=moved))
    columns = 30 / shard.spacing_mm[1]
    on_first = [
        middle + np.array([0, columns * (shard.slice[frame] == last)])
        for frame, middle in zip(shard.label_frame, middles_of(shard), strict=True)
    ]
    examples = [replace(one, shard=tmp_path / "moved.npz") for one in chosen if one.shard == chosen[0].shard]
    for example, heart in zip(examples, hearts_told(examples), strict=True):
        expected = np.mean(on_first, axis=0) - np.array([0, columns * (example.slice == last)])
        assert heart == pytest.approx(expected, abs=0.01)
    assert {example.slice == last for example in examples} == {True, False}
