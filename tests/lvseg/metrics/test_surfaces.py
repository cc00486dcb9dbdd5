"""Distances between masks against cases computed by hand."""

import math

import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lvseg.imaging.types import Region
from lvseg.metrics.surfaces import surface_distances

MASKS = arrays(bool, (9, 11)).filter(lambda mask: bool(mask.any()))


def box(top: int, left: int, size: int = 10) -> Region:
    """Return a 64 x 64 mask of a square."""
    mask = np.zeros((64, 64), bool)
    mask[top : top + size, left : left + size] = True
    return mask


def test_equal_masks_are_nowhere_apart() -> None:
    found = surface_distances(box(5, 5), box(5, 5))
    assert (found.hausdorff, found.hausdorff_95, found.mean) == (0, 0, 0)


def test_single_pixels_are_their_distance_apart_in_mm() -> None:
    found = surface_distances(box(10, 10, 1), box(13, 14, 1), (2.0, 0.5))
    assert found.hausdorff == found.hausdorff_95 == found.mean == pytest.approx(math.hypot(6, 2))


def test_nested_squares() -> None:
    found = surface_distances(box(20, 20, 10), box(18, 18, 14))
    assert found.hausdorff == pytest.approx(math.hypot(2, 2))  # corner to corner
    assert 2 <= found.mean < 2.2


def test_a_far_speck_moves_the_hausdorff_distance_but_hardly_the_95th_percentile() -> None:
    speck = box(10, 10, 20)
    speck[60, 60] = 1
    found = surface_distances(box(10, 10, 20), speck)
    assert found.hausdorff == pytest.approx(math.hypot(31, 31))
    assert found.hausdorff_95 == 0


def test_an_empty_mask_has_no_distance() -> None:
    empty = np.zeros((64, 64), bool)
    for pair in ((box(1, 1), empty), (empty, box(1, 1)), (empty, empty)):
        found = surface_distances(*pair)
        assert math.isnan(found.hausdorff) and math.isnan(found.hausdorff_95) and math.isnan(found.mean)


@given(first=MASKS, second=MASKS, third=MASKS)
def test_a_metric(first: Region, second: Region, third: Region) -> None:
    spacing = (1.4, 0.9)
    there, back = surface_distances(first, second, spacing), surface_distances(second, first, spacing)
    assert (there.hausdorff, there.hausdorff_95) == (back.hausdorff, back.hausdorff_95)
    assert there.mean == pytest.approx(back.mean)
    assert 0 <= there.hausdorff_95 <= there.hausdorff
    around = (
        surface_distances(first, third, spacing).hausdorff
        + surface_distances(third, second, spacing).hausdorff
    )
    assert there.hausdorff <= around + 1e-9


@given(first=MASKS, second=MASKS, down=st.integers(1, 9), right=st.integers(1, 9))
def test_moving_both_changes_nothing(first: Region, second: Region, down: int, right: int) -> None:
    def placed(mask: Region, row: int, column: int) -> Region:
        canvas = np.zeros((24, 24), bool)
        canvas[row : row + mask.shape[0], column : column + mask.shape[1]] = mask
        return canvas

    here = surface_distances(placed(first, 1, 1), placed(second, 1, 1))
    assert here == surface_distances(placed(first, down, right), placed(second, down, right))


def by_itk(first: Region, second: Region, spacing: tuple[float, float]) -> tuple[float, float, float]:
    """Return Hausdorff distance, 95th percentile and mean as ITK's borders and distance maps have them."""
    borders = []
    for mask in (first, second):
        image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing(spacing[::-1])
        borders.append(SimpleITK.LabelContour(image, fullyConnected=False))
    exact = SimpleITK.HausdorffDistanceImageFilter()
    exact.Execute(*borders)
    ways = []
    for own, other in (borders, borders[::-1]):
        away = SimpleITK.GetArrayFromImage(
            SimpleITK.Abs(
                SimpleITK.SignedMaurerDistanceMap(other, squaredDistance=False, useImageSpacing=True)
            )
        )
        ways.append(away[SimpleITK.GetArrayFromImage(own) > 0])
    mean = (ways[0].mean() + ways[1].mean()) / 2
    return exact.GetHausdorffDistance(), float(np.percentile(np.concatenate(ways), 95)), float(mean)


@given(first=MASKS, second=MASKS)
def test_an_independent_library_agrees(first: Region, second: Region) -> None:
    first, second = np.pad(first, 2), np.pad(second, 2)  # ITK counts no border at the edge of the image
    spacing = (1.4, 0.9)
    found = surface_distances(first, second, spacing)
    assert (found.hausdorff, found.hausdorff_95, found.mean) == pytest.approx(
        by_itk(first, second, spacing), abs=1e-4
    )
