"""Contours to masks.

Convention: the centre of the pixel in row r and column c lies at x = c, y = r. A pixel belongs to a contour
when its centre does; a centre that lies exactly on the line belongs to one side only (left and upper edges are
out), so that areas carry no bias even where coordinates are whole numbers. Points are never rounded.
"""

import numpy as np
from skimage.draw import polygon2mask

_NUDGE = 1e-7  # pixels; settles ties without moving anything that could be seen


def rasterise(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the (rows, columns) uint8 mask of a polygon.

    Args:
        points: (n, 2), x (column) and y (row) in pixels; parts outside the image are cut off.
        shape: rows and columns.
    """
    return polygon2mask(shape, points[:, ::-1] + _NUDGE).astype(np.uint8)
