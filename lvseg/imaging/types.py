"""What the arrays of images hold. H rows, W columns; the centre of the pixel in row r and column c is x = c, y = r."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]  # (H, W), of whatever real type the source has
Mask = NDArray[np.uint8]  # (H, W), 1 inside, 0 outside
Region = NDArray[np.bool_]  # (H, W), the same as truth
Floats = NDArray[np.float32]  # (H, W) or more, as networks take and give them
Contour = NDArray[np.float64]  # (n, 2), x and y in pixels, closed without a repeated last point
Affine = NDArray[np.float64]  # (4, 4), from (column, row, 0, 1) to patient coordinates in mm (LPS)
