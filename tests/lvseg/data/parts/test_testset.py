"""Scores are compared on the same slices, drawn the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lvseg.data import shards
from lvseg.data.examples import select_examples
from lvseg.data.parts.testset import hash_of_test_set
from tests.conftest import tiny_shard


def test_the_hash_sees_contours_and_not_pixels(tiny_shards: Path, tmp_path: Path) -> None:
    def of(folder: Path) -> str:
        return hash_of_test_set(
            select_examples(folder / "shards", tiny_shards / "split.csv", "test", ()).examples
        )

    for number in (5, 6):
        shard = tiny_shard(number)
        shards.write(tmp_path / "shards" / f"P-0{number}.npz", replace(shard, pixels=shard.pixels + 1))
    assert of(tmp_path) == of(tiny_shards)
    moved = tiny_shard(5)
    shards.write(tmp_path / "shards/P-05.npz", replace(moved, contour_points=moved.contour_points + 0.01))
    assert of(tmp_path) != of(tiny_shards)


def test_order_does_not_count_and_slices_and_lengths_do(tiny_shards: Path, tmp_path: Path) -> None:
    examples = select_examples(tiny_shards / "shards", tiny_shards / "split.csv", "test", ()).examples
    base = hash_of_test_set(examples)
    assert hash_of_test_set(examples[::-1]) == base
    assert hash_of_test_set(examples[:-1]) != base
    shard = tiny_shard(5)
    for change in (
        {"spacing_mm": np.array([1.4, 1.5])},
        {"thickness_mm": np.array(7.0)},
        {"gap_mm": np.array(1.0)},
    ):
        shards.write(tmp_path / "P-05.npz", replace(shard, **change))
        moved = [replace(e, shard=tmp_path / "P-05.npz") if e.patient == "P-05" else e for e in examples]
        assert hash_of_test_set(moved) != base, change
