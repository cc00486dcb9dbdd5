"""From a contour to the mask of the pixels within it.

Convention: the centre of the pixel in row r and column c lies at x = c, y = r. A pixel belongs to a contour when
its centre does; a centre that lies exactly on the line belongs to one side only (left and upper edges are out),
so that areas carry no bias even where coordinates are whole numbers. Points are never rounded.
"""

import numpy as np
from PIL import Image, ImageDraw

from lvseg.imaging.types import Contour, Mask


def rasterise(points: Contour, shape: tuple[int, int]) -> Mask:
    """Return the (rows, columns) uint8 mask of a polygon, by the even-odd rule.

    Each row of pixel centres is cut by the edges; behind every cut inside and outside change places. That
    takes a tenth of the time of a point-in-polygon test for each pixel.

    Args:
        points: (n, 2), x (column) and y (row) in pixels; parts outside the image are cut off.
        shape: rows and columns.

    Example:
        >>> rasterise(np.array([[0.5, 0.5], [2.5, 0.5], [2.5, 1.5], [0.5, 1.5]]), (3, 4))
        array([[0, 0, 0, 0],
               [0, 1, 1, 0],
               [0, 0, 0, 0]], dtype=uint8)
    """
    rows, columns = shape
    x, y = points.T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    first = int(np.clip(np.floor(y.min()), 0, rows))
    last = int(np.clip(np.ceil(y.max()) + 1, first, rows))
    centres = np.arange(first, last)[:, None]
    row, edge = np.nonzero((y < centres) != (next_y < centres))
    share = (first + row - y[edge]) / (next_y[edge] - y[edge])
    cut = x[edge] + share * (next_x[edge] - x[edge])
    changes = np.zeros((last - first, columns + 1), bool)
    np.logical_xor.at(changes, (row, np.clip(np.floor(cut) + 1, 0, columns).astype(int)), True)
    mask = np.zeros(shape, np.uint8)
    mask[first:last] = np.logical_xor.accumulate(changes, axis=1)[:, :columns]
    return mask


def with_border(points: Contour, shape: tuple[int, int]) -> Mask:
    """Return the same polygon as many programs draw it: points rounded to whole pixels, the border inside.

    How far that lies from `rasterise` tells what the choice between two honest renderings costs.

    Args:
        points: (n, 2), x (column) and y (row) in pixels.
        shape: rows and columns.
    """
    image = Image.new("L", (shape[1], shape[0]))
    corners = [(int(x), int(y)) for x, y in np.rint(points)]
    ImageDraw.Draw(image).polygon(corners, fill=1, outline=1)
    return np.asarray(image)
