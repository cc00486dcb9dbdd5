"""From a network's scores to the contour that a person would have drawn."""

import numpy as np
from numpy.typing import NDArray

from lvseg.imaging.types import Contour


def outline(margin: NDArray[np.floating]) -> Contour | None:
    """Return the closed line where `margin` crosses zero, between pixels, around the largest region.

    Args:
        margin: (H, W), positive inside. It is as if negative beyond the image, so that every line closes.

    Returns:
        (n, 2) float64, x (column) and y (row) in pixels without a repeated last point; None where nothing is
        positive.
    """
    from contourpy import contour_generator

    if not (margin > 0).any():
        return None
    padded = np.pad(margin.astype(np.float64), 1, constant_values=-float(np.abs(margin).max()))
    lines: list[Contour] = [np.asarray(line) for line in contour_generator(z=padded).lines(0.0)]
    largest = max(lines, key=lambda line: abs(area(line)))
    return largest[:-1] - 1


def area(points: Contour) -> float:
    """Return the signed area of a polygon (n, 2) in square pixels, by the shoelace formula.

    It is positive where the points run from x to y, clockwise on a screen.

    Example:
        >>> area(np.array([[0.0, 0], [3, 0], [3, 2], [0, 2]]))
        6.0
    """
    x, y = points.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
