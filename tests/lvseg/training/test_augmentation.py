"""Augmented images: image and mask change together, as much as asked, and by nothing but the given chance."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import UNKNOWN, Spacing
from lvseg.models.unet_params import Augmentation
from lvseg.training.augmentation import Augmented
from lvseg.training.looks import CloserLook, TwoLooks
from lvseg.training.views import DrawnSlice
from tests.lvseg.training.unet_training import SHIPPED

NONE = Augmentation(
    rotation_degrees=0, mirror=False, scale=1, shift_mm=0, elastic_mm=0, gamma=0, contrast=0, shading=0,
    blur_mm=0, noise=0,
)  # fmt: skip
ALL = Augmentation(
    rotation_degrees=180, mirror=True, scale=1.25, shift_mm=30, elastic_mm=3, gamma=0.3, contrast=0.2,
    shading=0.2, blur_mm=1, noise=0.05,
)  # fmt: skip
SPACING = Spacing(1.5, 1.2)
AT = np.array([60.0, 100.0])  # the middle of the heart


def heart(rows: int = 150, columns: int = 180) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a bright ellipse off the middle as int16, and its mask."""
    y, x = np.mgrid[:rows, :columns]
    inside = ((y - 60) * 1.5 / 24) ** 2 + ((x - 100) * 1.2 / 18) ** 2 <= 1
    return (100 + 800 * inside).astype(np.int16), inside.astype(np.uint8)[np.newaxis]


def seen(chance: Augmentation, seed: int, crop: int = 96) -> tuple[NDArray[Any], NDArray[Any]]:
    view = Augmented(Grid(160, 1.4), crop, chance)
    image, mask = view(DrawnSlice(*heart(), SPACING, AT), np.random.default_rng(seed))
    assert image.shape == mask.shape == (crop, crop, 1)
    assert image.dtype == mask.dtype == np.float32
    return image[..., 0], mask[..., 0]


@pytest.mark.parametrize("seed", range(12))
def test_image_and_mask_change_together(seed: int) -> None:
    image, mask = seen(ALL, seed)
    bright = image > (image.min() + image.max()) / 2
    drawn = mask >= 0.5
    assert 2 * (bright & drawn).sum() / (bright.sum() + drawn.sum()) > 0.95
    assert mask.min() >= 0 and mask.max() <= 1


def test_without_chance_the_crop_is_the_grid_around_the_ventricle() -> None:
    image, mask = seen(NONE, 0)
    assert np.argwhere(mask > 0.5).mean(axis=0) == pytest.approx([47.5, 47.5], abs=0.1)
    assert mask.sum() * 1.4**2 == pytest.approx(np.pi * 24 * 18, rel=0.02)
    bright, dark = image[mask == 1].mean(), image[mask == 0].mean()
    whole = Grid(160, 1.4).image(heart()[0], SPACING)
    assert (dark, bright) == pytest.approx((whole.min(), whole.max()), abs=0.02)


def test_the_same_chance_gives_the_same_image_and_another_another() -> None:
    assert (seen(ALL, 3)[0] == seen(ALL, 3)[0]).all()
    assert (seen(ALL, 3)[0] != seen(ALL, 4)[0]).any()


def test_each_kind_of_change_goes_as_far_as_asked() -> None:
    areas = [seen(NONE.model_copy(update={"scale": 1.25}), seed)[1].sum() for seed in range(40)]
    whole = seen(NONE, 0)[1].sum()
    assert 1 / 1.6 < min(areas) / whole < 0.72 and 1.35 < max(areas) / whole < 1.6
    shifted = [seen(NONE.model_copy(update={"shift_mm": 28.0}), seed)[1] for seed in range(40)]
    ways = np.array([np.argwhere(mask > 0.5).mean(axis=0) - 47.5 for mask in shifted]) * 1.4
    assert 22 < np.abs(ways).max() <= 28.2
    turned = [seen(NONE.model_copy(update={"rotation_degrees": 90.0}), seed)[1] for seed in range(20)]
    assert [mask.sum() for mask in turned] == pytest.approx([whole] * 20, rel=0.02)
    across = [np.argwhere(mask > 0.5).std(axis=0)[0] for mask in turned]  # of the ellipse, 24 by 18 mm
    assert max(across) > 1.25 * min(across)

    bent = seen(NONE.model_copy(update={"elastic_mm": 4.0}), 5)[1]
    assert (
        bent.sum() == pytest.approx(whole, rel=0.2) and np.abs(bent - seen(NONE, 0)[1]).sum() > 0.05 * whole
    )


def sided(rows: int = 120, columns: int = 120) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return an image and a mask that no turn takes to their mirror image: a hook."""
    mask = np.zeros((rows, columns), np.uint8)
    mask[40:80, 55:60] = mask[75:80, 55:80] = 1
    return 100 + 800 * mask.astype(np.int16), mask[np.newaxis]


def test_some_images_are_mirrored_and_others_not() -> None:
    view = Augmented(Grid(160, 1.4), 96, NONE.model_copy(update={"mirror": True}))
    masks = [view(DrawnSlice(*sided(), SPACING, AT), np.random.default_rng(seed))[1] for seed in range(20)]
    plain = Augmented(Grid(160, 1.4), 96, NONE)(DrawnSlice(*sided(), SPACING, AT), np.random.default_rng(0))[
        1
    ]
    same = [np.abs(mask - plain).sum() < 0.05 * plain.sum() for mask in masks]
    assert 4 <= sum(same) <= 16


@pytest.mark.parametrize("kind", ["gamma", "contrast", "noise"])
def test_brightness_changes_and_the_mask_does_not(kind: str) -> None:
    plain, mask = seen(NONE, 1)
    changed, same_mask = seen(NONE.model_copy(update={kind: 0.5}), 1)
    assert np.array_equal(mask, same_mask)
    assert (
        np.abs(changed - plain).mean() > 0.003
    )  # gamma moves no more than the edges of an image of two colours
    if kind == "noise":  # it alone changes neighbours apart
        assert np.diff(changed[:8], axis=1).std() > 0.05 > np.diff(plain[:8], axis=1).std()


def test_shading_brightens_one_side_and_blur_softens_some_images() -> None:
    plain, mask = seen(NONE, 0)
    shading = NONE.model_copy(update={"shading": 0.5})
    assert plain[mask == 1].std() < 0.05
    assert max(seen(shading, seed)[0][mask == 1].std() for seed in range(10)) > 0.3
    blurred = NONE.model_copy(update={"blur_mm": 3.0})
    edges = [np.abs(np.diff(seen(blurred, seed)[0], axis=0)).max() for seed in range(30)]
    sharp = np.abs(np.diff(plain, axis=0)).max()
    assert 2 <= sum(edge < 0.8 * sharp for edge in edges) <= 15


def test_what_is_finer_than_the_grid_is_averaged_not_picked() -> None:
    checks = (np.indices((400, 400)).sum(axis=0) % 2).astype(np.int16)
    mask = np.zeros((1, 400, 400), np.uint8)
    view = Augmented(Grid(96, 2.8), 64, NONE)
    image, _ = view(
        DrawnSlice(checks, mask, Spacing(0.7, 0.7), np.array([199.5, 199.5])), np.random.default_rng(0)
    )
    assert np.abs(image).max() < 0.1  # of -1 and 1


def test_a_slice_without_ventricle_is_shown_around_the_heart() -> None:
    image, _ = heart()
    nothing = np.zeros((1, *image.shape), np.uint8)
    view = Augmented(Grid(160, 1.4), 96, NONE)
    shown, mask = view(DrawnSlice(image, nothing, SPACING, AT), np.random.default_rng(1))
    assert not mask.any() and (shown[..., 0] == seen(NONE, 1)[0]).all()
    shown, mask = Augmented(Grid(160, 1.4), 96, ALL)(
        DrawnSlice(image, nothing, SPACING, AT), np.random.default_rng(1)
    )
    assert not mask.any() and np.isfinite(shown).all()


def test_the_closer_look_sees_the_heart_in_the_middle_and_in_its_own_brightness() -> None:
    """Also where the ventricle lies to one side of it, and whatever is bright elsewhere."""
    image, mask = heart()
    glaring = image.copy()
    glaring[:, 165:] = 30000
    view = Augmented(Grid(64, 1.25), 64, NONE, around_heart=True)
    at = AT - np.array([8 / 1.5, 0])  # 8 mm above
    shown, drawn = view(DrawnSlice(image, mask, SPACING, at), np.random.default_rng(0))
    assert np.argwhere(drawn[..., 0] > 0.5).mean(axis=0) == pytest.approx([31.5 + 8 / 1.25, 31.5], abs=0.1)
    assert (shown.mean(), shown.std()) == pytest.approx((0, 1), abs=1e-5)
    assert (view(DrawnSlice(glaring, mask, SPACING, at), np.random.default_rng(0))[0] == shown).all()
    seen_whole = Augmented(Grid(160, 1.4), 64, NONE)(
        DrawnSlice(glaring, mask, SPACING, at), np.random.default_rng(0)
    )[0]
    assert seen_whole.std() < 0.5


def test_pixels_of_unknown_size_are_what_the_first_look_takes_them_for() -> None:
    """Of 180 columns on its square."""
    each = SHIPPED.image_size * SHIPPED.spacing_mm / 180
    unknown, known = (
        CloserLook(SHIPPED)(DrawnSlice(*heart(), spacing, AT), np.random.default_rng(0))[0]
        for spacing in (UNKNOWN, Spacing(each, each))
    )
    assert unknown == pytest.approx(known, abs=1e-5)


@pytest.mark.parametrize("image", [np.zeros((60, 60)), np.full((60, 60), 4095), np.eye(60)])
def test_images_without_contrast_stay_finite(image: NDArray[Any]) -> None:
    mask = np.zeros((1, 60, 60), np.uint8)
    mask[0, 30, 30] = 1  # a single pixel
    for seed in range(5):
        shown, _ = Augmented(Grid(64, 2.0), 32, ALL)(
            DrawnSlice(image.astype(np.uint16), mask, Spacing(2.0, 2.0), np.array([29.5, 29.5])),
            np.random.default_rng(seed),
        )
        assert np.isfinite(shown).all()


def test_pixels_that_are_no_numbers_are_refused() -> None:
    image = np.ones((60, 60), np.float32)
    image[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        Augmented(Grid(64, 2.0), 32, ALL)(
            DrawnSlice(image, np.zeros((1, 60, 60), np.uint8), SPACING, AT), np.random.default_rng(0)
        )


@pytest.mark.parametrize(("share", "closer"), [(0.9, 36), (0.1, 4)])
def test_the_share_of_patches_is_as_the_second_look_sees_them(share: float, closer: int) -> None:
    """They have a mean of 0 and a standard deviation of 1, however bright the rest is; of 40, within 5."""
    settings = SHIPPED.model_copy(update={"closer": SHIPPED.closer.model_copy(update={"share": share})})
    looks = TwoLooks(settings)
    own = 0
    for seed in range(40):
        patch, _ = looks(DrawnSlice(*heart(), SPACING, AT), np.random.default_rng(seed))
        own += abs(float(patch.std()) - 1) < 1e-3
    assert abs(own - closer) <= 5
