"""Boxes against what an index of the image itself gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lvseg.imaging.boxes import Box
from lvseg.imaging.raster import rasterise
from lvseg.imaging.types import Region

SHAPE = (7, 9)
MASKS = arrays(np.uint8, SHAPE, elements=st.integers(0, 1))
BOXES = st.builds(
    lambda top, left, rows, columns: Box(top, left, top + rows, left + columns),
    st.integers(-12, 12), st.integers(-12, 12), st.integers(1, 12), st.integers(1, 12),
)  # fmt: skip


@given(MASKS)
def test_the_box_of_a_mask_holds_all_of_it_and_no_empty_side(mask: Region) -> None:
    box = Box.of_mask(mask)
    if box is None:
        assert not mask.any()
        return
    part = mask[box.slices]
    assert part.sum() == mask.sum() and part.shape == box.shape
    assert part[0].any() and part[-1].any() and part[:, 0].any() and part[:, -1].any()


def test_the_box_of_a_contour_holds_its_pixels() -> None:
    points = np.array([[2.2, 3.0], [6.5, 2.4], [4.0, 8.9]])
    assert Box.of_points(points) == Box(top=2, left=2, bottom=10, right=8)
    assert Box.of_points(points - 3).widened(2) == Box(top=-3, left=-3, bottom=9, right=7)
    pixels = Box.of_mask(rasterise(points, (20, 20)))
    assert pixels is not None
    box = Box.of_points(points)
    assert box.top <= pixels.top < pixels.bottom <= box.bottom
    assert box.left <= pixels.left < pixels.right <= box.right


@given(BOXES, st.integers(0, 4))
def test_a_clipped_box_takes_the_pixels_that_are_there(box: Box, border: int) -> None:
    seen = np.zeros((60, 60), int)
    image = np.arange(1, 1 + np.prod(SHAPE)).reshape(SHAPE)
    seen[20 : 20 + SHAPE[0], 20 : 20 + SHAPE[1]] = image
    wide = box.widened(border)
    there = seen[20 + wide.top : 20 + wide.bottom, 20 + wide.left : 20 + wide.right]
    np.testing.assert_array_equal(image[wide.clipped(SHAPE).slices].ravel(), there[there > 0])


@given(BOXES, st.integers(1, 12), st.integers(1, 12))
def test_a_resized_box_keeps_its_middle(box: Box, rows: int, columns: int) -> None:
    new = box.resized(rows, columns)
    assert new.shape == (rows, columns)
    assert new.top + new.bottom - box.top - box.bottom in (0, -1)
    assert new.left + new.right - box.left - box.right in (0, -1)


@pytest.mark.parametrize(
    ("box", "moved"),
    [
        (Box(1, 2, 4, 6), Box(1, 2, 4, 6)),
        (Box(-2, 2, 1, 6), Box(0, 2, 3, 6)),
        (Box(5, 7, 9, 11), Box(3, 5, 7, 9)),
        (Box(-1, -1, 11, 5), Box(0, 0, 7, 6)),  # higher than the image
    ],
)
def test_a_moved_box_keeps_its_size_where_the_image_has_room(box: Box, moved: Box) -> None:
    assert box.moved_into(SHAPE) == moved
