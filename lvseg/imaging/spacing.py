"""How far apart pixels lie."""

import math
from typing import NamedTuple


class Spacing(NamedTuple):
    """Millimetres from row to row and from column to column, in DICOM's order (Pixel Spacing, PS3.3 10.7.1.3).

    A header that does not say has None in its place. Where lengths and areas are computed it is `UNKNOWN`: NaN goes
    through every product, so that what depends on it is unknown as well.

    Example:
        >>> Spacing(1.4, 1.5).pixel_mm2
        2.0999999999999996
    """

    rows_mm: float
    columns_mm: float

    @property
    def known(self) -> bool:
        """Whether the source says what its pixels measure."""
        return math.isfinite(self.rows_mm) and math.isfinite(self.columns_mm)

    @property
    def pixel_mm2(self) -> float:
        """The area of a pixel in mm2."""
        return self.rows_mm * self.columns_mm


UNKNOWN = Spacing(math.nan, math.nan)
IN_PIXELS = Spacing(1.0, 1.0)  # with it, lengths come out in pixels
