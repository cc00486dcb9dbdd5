"""Shards open with NumPy alone, read back whole, and are the same bytes for the same content."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from lvseg.core.errors import UserError
from lvseg.data import drawn_frames, examples, shards
from tests.conftest import tiny_shard


def test_round_trip_and_same_bytes(tmp_path: Path) -> None:
    shard = tiny_shard(1)
    shards.write(tmp_path / "a.npz", shard)
    shards.write(tmp_path / "b.npz", tiny_shard(1))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = shards.read(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as plain:
        for field in fields(shards.Shard):
            np.testing.assert_array_equal(getattr(back, field.name), getattr(shard, field.name))
            np.testing.assert_array_equal(plain[field.name], getattr(shard, field.name))
    assert isinstance(back.pixels, np.memmap)


def test_a_patient_without_masks(tmp_path: Path) -> None:
    empty = ("label_frame", "labels", "known", "cycle")
    bare = replace(tiny_shard(1), **{name: getattr(tiny_shard(1), name)[:0] for name in empty})
    shards.write(tmp_path / "a.npz", bare)
    assert shards.read(tmp_path / "a.npz").labels.shape == (0, 64, 64)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"x" * 5000])
def test_damage_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "P-01.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"P-01\.npz is not a readable shard"):
        shards.read(path)


def test_examples_leave_out_flagged_slices_and_count_them(tmp_path: Path, tiny_shards: Path) -> None:
    flags = np.array(["", "off-anatomy,too-small", "too-small", "", "", ""])
    for number in (5, 6):
        shard = tiny_shard(number)
        shards.write(
            tmp_path / f"P-0{number}.npz", replace(shard, contour_flags=flags) if number == 5 else shard
        )
    selection = examples.select_examples(
        tmp_path, tiny_shards / "split.csv", "test", ("too-small", "off-anatomy")
    )
    assert selection.left_out == {"too-small": 2}
    assert [(e.patient, e.image_number) for e in selection.examples] == [
        *(("P-05", n) for n in (1, 4, 5, 6)),
        *(("P-06", n) for n in range(1, 7)),
    ]
    frame = drawn_frames.load(selection.examples[1])
    np.testing.assert_array_equal(frame.image, tiny_shard(5).pixels[3])
    np.testing.assert_array_equal(frame.endo, tiny_shard(5).labels[3])
    np.testing.assert_array_equal(frame.contour, tiny_shard(5).contour(3))
    assert frame.epi_contour is None and frame.slice_distance_mm == 10
    assert len(examples.select_examples(tmp_path, tiny_shards / "split.csv", "test", ()).examples) == 12
