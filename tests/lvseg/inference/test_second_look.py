"""The second look: the same network draws the heart from closer by, wherever the first look finds it."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.imaging.boxes import Box
from lvseg.imaging.grid import Grid
from lvseg.imaging.outline import area
from lvseg.imaging.placement import Placement
from lvseg.imaging.spacing import UNKNOWN, Spacing
from lvseg.imaging.structures import Structure
from lvseg.inference.second_look import Windows
from lvseg.inference.segmentation import Segmentation, Stack
from lvseg.inference.segmenter import Segmenter
from lvseg.inference.stacks import segment, segment_alone
from tests.lvseg.models.tiny_models import threshold_model

ROWS, COLUMNS = 120, 140
SPACING = Spacing(1.5, 1.2)
CLOSER = Grid(64, 1.0)
ONCE = Segmenter(threshold_model(None, level=1.5), Grid(96, 2.0), one_region=True)
TWICE = replace(ONCE, closer=CLOSER)


def disc(at: tuple[float, float], radius_mm: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:ROWS, :COLUMNS]
    away_mm = np.hypot((y - at[0]) * SPACING.rows_mm, (x - at[1]) * SPACING.columns_mm)
    return np.asarray(away_mm <= radius_mm)


def hearts(at: tuple[float, float] = (50, 90), slices: int = 4, phases: int = 6) -> Stack:
    """Return a beating disc of 900 on 100 in every slice, and bright fat of 1500 at a border in some frames."""
    pixels = np.full((slices * phases, ROWS, COLUMNS), 100, np.int16)
    for frame in range(len(pixels)):
        pixels[frame][disc(at, 14 - 4 * ((frame % phases) % 2))] = 900
        pixels[frame, 110:, 5 : 12 if frame % 3 else 6] = 1500
    return Stack(
        pixels,
        SPACING,
        np.repeat(np.arange(1, slices + 1), phases),
        np.arange(len(pixels)).reshape(slices, phases),
    )


def off(line: NDArray[np.float64] | None, at: tuple[float, float]) -> float:
    """Return how far the middle of an outline lies from where it should, in pixels."""
    assert line is not None
    return float(np.abs(line.mean(axis=0) - np.array([at[1], at[0]])).max())


@pytest.mark.parametrize("at", [(50, 90), (8, 60), (60, 134)])
def test_the_heart_is_drawn_where_it_lies_also_at_the_border(at: tuple[float, float]) -> None:
    stack = hearts(at)
    drawn = segment(TWICE, stack, margins_of=[3])
    assert drawn.labels.shape == stack.pixels.shape
    for frame, mask in enumerate(drawn.masks):
        expected = stack.pixels[frame] == 900
        assert 2 * (mask & expected).sum() / (mask.sum() + expected.sum()) > 0.97
    if at == (50, 90):
        assert max(off(line, at) for line in drawn.contours) < 0.3
    for mask, line in zip(drawn.masks, drawn.contours, strict=True):
        assert line is not None and line.min() >= -0.5
        assert (line.max(axis=0) <= (COLUMNS - 0.5, ROWS - 0.5)).all()
        assert abs(area(line)) == pytest.approx(mask.sum(), rel=0.08)
    assert drawn.cut == ()
    assert ((drawn.margins[3] > 0) == drawn.masks[3].astype(bool)).mean() > 0.99


def test_nothing_is_drawn_outside_of_the_window() -> None:
    stack = hearts()
    whole, closer = segment(ONCE, stack, margins_of=[0]), segment(TWICE, stack, margins_of=[0])
    far = np.hypot(*(np.indices((ROWS, COLUMNS)) - np.array([50, 90])[:, None, None])) > 60
    assert (whole.margins[0][far] > 0).any() and (closer.margins[0][far] == -20).all()


def test_the_closer_look_sees_its_own_brightness() -> None:
    """A heart that pales beside fat elsewhere is as bright as any to the second look."""
    stack = hearts()
    stack.pixels[:, :, :30] = 1100
    stack.pixels[:, 40:60, 30:40] = 1100  # of one region with it
    assert not (segment(ONCE, stack).masks[:, 45:56, 85:96]).any()
    found = replace(TWICE, grid=Grid(64, 1.0))  # a first look at the middle alone
    assert segment(found, stack).masks[:, 45:56, 85:96].all()


def test_a_dead_pixel_does_not_darken_what_lies_beyond_the_image() -> None:
    stack = hearts((8, 60))
    dead = replace(stack, pixels=stack.pixels.copy())
    dead.pixels[:, 20, 70] = -20000  # in the window, a third of which lies beyond the image
    expected, drawn = segment(TWICE, stack).masks, segment(TWICE, dead).masks
    assert expected.any() and (drawn != expected).mean() < 1e-3


def test_a_body_that_the_window_cuts_is_named_by_its_slices() -> None:
    stack = hearts()
    stack.pixels[6:18, 46:54, 48:132] = 900  # 100 mm long, in the second and third slice
    assert segment(TWICE, stack).cut == (2, 3)


def test_what_lies_wholly_beyond_the_image_is_no_outline() -> None:
    windows = Windows([Box(-40, 0, 24, 64)], np.ones(1, np.int64), (ROWS, COLUMNS), SPACING, None)
    square = np.array([[10.0, 20], [20, 20], [20, 30], [10, 30]])
    for down, expected in ((0, None), (15, 10 * 5.5), (30, 100)):  # rows of the image begin at 39.5
        drawn = Segmentation(
            np.zeros((1, 64, 64), np.uint8), {Structure.CAVITY: (square + np.array([0, down]),)}
        )
        (line,) = windows.put_back(drawn).contours
        assert (None if line is None else abs(area(line))) == expected


def test_an_image_far_smaller_than_its_window_is_looked_at_once() -> None:
    """A pixel size that cannot be: 140 columns in 7 mm, in a window of 1,280."""
    tiny = replace(hearts(), spacing_mm=Spacing(0.05, 0.05))
    once = replace(ONCE, grid=Grid(96))
    drawn = segment(replace(once, closer=CLOSER), tiny)
    assert drawn.masks.any() and (drawn.labels == segment(once, tiny).labels).all()


def test_one_frame_is_a_stack_of_one() -> None:
    stack = hearts()
    frame = Stack(stack.pixels[5:6], SPACING, np.ones(1, np.int64), np.zeros((1, 1), np.int64))
    alone = segment_alone(TWICE, stack.pixels[5], SPACING)
    assert (alone.labels == segment(TWICE, frame).labels[0]).all() and alone.mask.any()


def test_where_the_first_look_finds_nothing_nothing_is_drawn() -> None:
    stack = replace(hearts(), pixels=np.full((24, ROWS, COLUMNS), 100, np.int16))
    drawn = segment(TWICE, stack, margins_of=[1])
    assert not drawn.labels.any() and drawn.margins[1].max() <= 0


def test_pixels_of_unknown_size_are_what_the_first_look_takes_them_for() -> None:
    """140 columns on 96 points of 2 mm: 1.371 mm."""
    stack = replace(hearts(), spacing_mm=UNKNOWN)
    known = replace(stack, spacing_mm=Spacing(192 / COLUMNS, 192 / COLUMNS))
    drawn = segment(TWICE, stack)
    assert drawn.masks.any() and (drawn.labels == segment(TWICE, known).labels).all()


def test_slices_that_are_turned_or_moved_have_their_windows_where_the_heart_is() -> None:
    stack = hearts()
    turned = stack.pixels.copy()
    for frame in np.flatnonzero(stack.slices == 3):
        turned[frame] = turned[frame][::-1, ::-1]  # by half a turn, around the middle
    moved = np.flatnonzero(stack.slices == 4)
    turned[moved] = np.roll(turned[moved], (20, -25), (1, 2))
    straight, half = Placement(np.eye(2), np.zeros(2)), Placement(-np.eye(2), np.zeros(2))
    shifted = Placement(np.eye(2), np.array([-20 * SPACING.rows_mm, 25 * SPACING.columns_mm]))
    placed = replace(stack, pixels=turned, placements=[straight, straight, half, shifted])
    drawn = segment(TWICE, placed)
    expected = segment(TWICE, stack).masks
    expected[stack.slices == 3] = expected[stack.slices == 3][:, ::-1, ::-1]
    expected[moved] = np.roll(expected[moved], (20, -25), (1, 2))
    shared = (drawn.masks & expected).sum(axis=(1, 2))
    assert (2 * shared / (drawn.masks.sum(axis=(1, 2)) + expected.sum(axis=(1, 2))) > 0.97).all()


def test_a_slice_that_few_phases_show_is_seen_as_well() -> None:
    stack = hearts()
    kept = [n for n in range(24) if stack.slices[n] != 2 or n == 8]  # its third phase of six alone
    at = np.full((4, 6), -1)
    for number, n in enumerate(kept):
        at[n // 6, n % 6] = number
    few = replace(stack, pixels=stack.pixels[kept], slices=stack.slices[kept], at=at)
    assert all(line is not None for line in segment(TWICE, few).outlines[Structure.CAVITY])


def test_a_turned_slice_is_joined_where_it_lies_within_the_windows() -> None:
    """A heart that leans to one side: as the turned slice shows it, it would lie apart from the rest."""
    stack = hearts(slices=6)
    for frame, slice_ in enumerate(stack.slices):
        stack.pixels[frame] = 100 + 800 * disc((50, 60 + 7 * slice_), 9)
    stack.pixels[stack.slices == 6] = stack.pixels[stack.slices == 6][:, ::-1, ::-1]
    straight, half = Placement(np.eye(2), np.zeros(2)), Placement(-np.eye(2), np.zeros(2))
    drawn = segment(TWICE, replace(stack, placements=[straight] * 5 + [half]))
    assert all(line is not None for line in drawn.contours)


def test_the_first_look_takes_few_phases_and_one_view_the_second_all_phases_and_its_views() -> None:
    """Of 4 slices and 6 phases: 4 x 4 frames on 96 points, then 4 x 6 on 64 points in three views."""
    seen: Counter[int] = Counter()

    class Counting:
        def predict_on_batch(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
            seen[batch.shape[1]] += len(batch)
            return np.asarray(ONCE.network.predict_on_batch(batch))

    segment(replace(TWICE, network=Counting(), views=3), hearts())
    assert seen == {96: 16, 64: 72}
