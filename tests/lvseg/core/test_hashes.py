"""Hashes that see contents, and nothing of where they lie."""

from pathlib import Path

import numpy as np

from lvseg.core.hashes import canonical_json, file_hash, sha256_text, tree_hash, weights_hash


def test_weights_hash_sees_names_shapes_and_bytes_only() -> None:
    weights = np.arange(6, dtype=np.float32)
    base = weights_hash([("w", weights)])
    assert weights_hash([("w", weights.copy())]) == base
    for other in (
        ("v", weights),
        ("w", weights.reshape(2, 3)),
        ("w", weights + 1e-6),
        ("w", weights.astype("f8")),
    ):
        assert weights_hash([other]) != base


def test_equal_values_are_equal_text() -> None:
    assert (
        canonical_json({"b": 1, "a": [1.5, "é"]})
        == canonical_json({"a": [1.5, "é"], "b": 1})
        == '{"a":[1.5,"é"],"b":1}'
    )


def test_known_hashes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of FIPS 180-2, appendix B
    assert file_hash(tmp_path / "a") == sha256_text("abc") == known


def test_a_tree_is_its_names_and_contents(tmp_path: Path) -> None:
    def tree(folder: str, **files: str) -> str:
        for name, text in files.items():
            path = tmp_path / folder / "below" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tree_hash(tmp_path / folder)

    base = tree("one", a="1", b="2")
    assert tree("two", b="2", a="1") == base
    assert len({base, tree("three", a="1", b="3"), tree("four", a="1", c="2"), tree("five", a="1")}) == 4
