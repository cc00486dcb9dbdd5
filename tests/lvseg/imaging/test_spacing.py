"""What is not known of pixels stays unknown."""

import math

from lvseg.imaging.spacing import IN_PIXELS, UNKNOWN, Spacing


def test_area_and_what_is_known() -> None:
    assert Spacing(2.0, 1.5).pixel_mm2 == 3.0 and Spacing(2.0, 1.5).known
    assert IN_PIXELS.pixel_mm2 == 1.0
    assert not UNKNOWN.known and math.isnan(UNKNOWN.pixel_mm2)
    assert not Spacing(1.0, math.nan).known


def test_it_is_the_pair_that_headers_hold() -> None:
    assert Spacing(1.4, 1.5) == (1.4, 1.5) and list(Spacing(1.4, 1.5)) == [1.4, 1.5]
