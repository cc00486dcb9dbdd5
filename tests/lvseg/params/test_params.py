"""params.yaml is validated as a whole; each refusal names the key and what would be right."""

from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from lvseg.params import load
from tests.conftest import REPOSITORY

SHIPPED = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "  epochs: 20",
            "  epoch: 20",
            "train_dense.epoch is not a parameter; did you mean train_dense.epochs?",
        ),
        ("phantom:\n", "fantom:\n", "fantom is not a parameter; did you mean phantom?"),
        ("  seed: 7", "  seed: 7\n  xyz: 1", "phantom.xyz is not a parameter; valid keys: seed, patients"),
        ("  epochs: 20\n", "", "train_dense.epochs is missing"),
        ("  epochs: 20", "  epochs: '20'", "train_dense.epochs = '20': input should be a valid integer"),
        ("  epochs: 20", "  epochs: 2.5", "train_dense.epochs = 2.5: input should be a valid integer"),
        ("  epochs: 20", "  epochs: 0", "train_dense.epochs = 0: input should be greater than or equal to 1"),
        (
            "ids_public: true",
            "ids_public: maybe",
            "data.ids_public = 'maybe': input should be a valid boolean",
        ),
        (
            "test_fraction: 0.3",
            "test_fraction: 1.5",
            "split.test_fraction = 1.5: input should be less than 1",
        ),
        (
            "method: auto",
            "method: best",
            "split.method = 'best': input should be 'auto', 'official', 'random' or 'by_source'",
        ),
        ("labels: {}", "labels: {3: hole}", "data.labels.3 = 'hole': input should be 'cavity', 'myocardium'"),
        ("raw: data/phantom", "raw: [a/x, b/x.zip]", "data.raw: two places are called x"),
        ("raw: data/phantom", "raw: 5", "data.raw: 5 is neither a place nor a list of places"),
        ("raw: data/phantom", "raw: []", "data.raw: [] is neither a place nor a list"),
        ("folds: 0", "folds: 1", "split.folds: one fold holds nothing out"),
        ("fold: 0", "fold: 3", "split.fold: 3 is not below folds (0)"),
        (
            "drop_from_test: [outside-image",
            "drop_from_test: [off-anatomi",
            "quality.drop_from_test.0 = 'off-anatomi'",
        ),
        (
            "image_size: 256",
            "image_size: 250",
            "train_dense.image_size = 250: input should be a multiple of 16",
        ),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SHIPPED
    path = tmp_path / "params.yaml"
    path.write_text(SHIPPED.replace(old, new, 1))
    with pytest.raises(UserError) as error:
        load(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(SHIPPED.replace("learning_rate: 0.001", "learning_rate: 1e-3"))
    assert load(path) == load(REPOSITORY / "params.yaml")


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        SHIPPED.replace("  epochs: 20", "  epochs: 0").replace("ids_public: true", "ids_public: 3")
    )
    with pytest.raises(UserError, match=r"data\.ids_public.*train_dense\.epochs"):
        load(path)


@pytest.mark.parametrize("content", ["a: [", "- 1\n- 2\n", "", "\x00"])
def test_what_is_no_mapping_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        load(path)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="is missing"):
        load(tmp_path / "elsewhere.yaml")
