"""What a heart looks like: alike patients are told from what only passes for a heart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.data import likeness
from lvseg.data.likeness import FEATURES, Likeness, Pair
from lvseg.imaging.spacing import UNKNOWN, Spacing


def pair(
    seed: int, noise: float = 30.0, scale: float = 1.0, spacing: float = 1.4, radius: float = 26.0
) -> Pair:
    """A bright disc in a dark ring on grey, smaller at end-systole, with noise."""
    rng = np.random.default_rng(seed)
    size = round(180 / spacing)
    rows, columns = (np.mgrid[:size, :size] - size / 2) * spacing
    away = np.hypot(rows, columns)

    def image(inner: float) -> NDArray[Any]:
        grey = np.where(away < inner, 800, np.where(away < inner + 9, 200, 450)).astype(float)
        return scale * (grey + rng.normal(0, noise, grey.shape))

    return Pair(
        image(radius), image(0.7 * radius), (away < radius).astype(np.uint8), Spacing(spacing, spacing)
    )


def patients(count: int = 8) -> list[tuple[float, ...]]:
    return [
        likeness.features_of([pair(seed, noise=25 + 2 * seed, radius=22 + seed)]) for seed in range(count)
    ]


def test_scale_and_pixel_size_do_not_count_but_noise_and_no_contrast_do() -> None:
    known = Likeness.of(patients())
    assert known is not None
    for like in (pair(20), pair(21, scale=7.0), pair(22, spacing=1.2)):
        assert not known.strange(likeness.features_of([like]))
    rng = np.random.default_rng(5)
    usual = pair(23)
    noise = Pair(
        rng.normal(0, 1, usual.ed.shape), rng.normal(0, 1, usual.ed.shape), usual.mask, usual.spacing
    )
    aside = Pair(usual.ed, usual.es, np.roll(usual.mask, 40, axis=1), usual.spacing)
    for other in (noise, aside):
        (sentence,) = known.strange(likeness.features_of([other]))
        assert sentence.startswith("Unlike the training data: the images look ")


def test_it_comes_back_from_json_and_few_patients_have_none() -> None:
    known = Likeness.of(patients())
    assert known is not None
    again = Likeness.read(known.written())
    features = likeness.features_of([pair(30)])
    assert again.distance(features) == pytest.approx(known.distance(features), rel=0.01)
    assert Likeness.of(patients(4)) is None


def test_what_cannot_be_told_is_not_strange() -> None:
    known = Likeness.of(patients())
    assert known is not None
    usual = pair(1)
    for unknown in (
        Pair(usual.ed, usual.es, usual.mask, UNKNOWN),
        Pair(usual.ed, usual.es, np.zeros_like(usual.mask), usual.spacing),
        Pair(np.ones_like(usual.ed), usual.es, usual.mask, usual.spacing),
    ):
        features = likeness.features_of([unknown])
        assert len(features) == len(FEATURES) and np.isnan(features).all() and not known.strange(features)


def test_a_training_says_how_many_patients_it_saw(tiny_shards: Path) -> None:
    paths = sorted((tiny_shards / "shards").glob("*.npz"))
    learnt = likeness.learnt_from(paths)
    assert (learnt["patients"], learnt["synthetic"]) == (6, 0)
    known = Likeness.read(learnt["likeness"])
    assert all(not known.strange(likeness.of_shard(path)) for path in paths)
