"""Image planes: where pixels lie in the heart and in the patient, and what DICOM says about it."""

from dataclasses import dataclass

import numpy as np

from lvseg.phantom.anatomy.heart import Array
from lvseg.phantom.anatomy.scene import View

# Heart axes in patient coordinates (left, posterior, superior): the apex points left, forward and down.
_APEX = np.array([0.68, -0.60, -0.42])


@dataclass(frozen=True)
class Pose:
    """A heart in its patient: `axes` (3, 3) has x, y and w of the heart as columns in patient coordinates."""

    origin: Array  # (3,) mm, the mitral plane's centre in patient coordinates
    axes: Array


@dataclass(frozen=True)
class Plane:
    """A square image in heart coordinates; pixel (row, column) has its centre at corner + their steps."""

    corner: Array  # (3,) mm, centre of the first pixel
    along: Array  # (3,) unit vector of increasing column
    down: Array  # (3,) unit vector of increasing row
    spacing: float
    size: int
    thickness: float

    def view(self, layers: int) -> View:
        """Pixel positions, in `layers` sheets spread over the slice thickness."""
        across = np.cross(self.along, self.down)
        sheets = ((np.arange(layers) + 0.5) / layers - 0.5) * self.thickness
        steps = np.arange(self.size) * self.spacing
        points = (
            self.corner
            + sheets[:, None, None, None] * across
            + steps[:, None, None] * self.down
            + steps[:, None] * self.along
        )
        return View(points[..., 0], points[..., 1], points[..., 2], self.spacing)

    def pixels(self, points: Array) -> Array:
        """(n, 2) column and row of points (n, 3) in heart coordinates; pixel centres are integers."""
        away = points - self.corner
        return np.stack([away @ self.along, away @ self.down], 1) / self.spacing

    def in_patient(self, pose: Pose) -> tuple[Array, Array]:
        """ImagePositionPatient (3,) and ImageOrientationPatient (6,)."""
        orientation = np.concatenate([pose.axes @ self.along, pose.axes @ self.down])
        return pose.origin + pose.axes @ self.corner, orientation


def draw_pose(rng: np.random.Generator) -> Pose:
    """An oblique heart somewhere left of the middle of the chest."""
    apex = _APEX + rng.normal(0, 0.08, 3)
    apex /= np.linalg.norm(apex)
    lateral = np.cross(np.cross(apex, [0.72, 0.69, 0.05]), apex)
    lateral /= np.linalg.norm(lateral)
    origin = np.array([25.0, -40.0, 10.0]) + rng.uniform(-15, 15, 3)
    return Pose(origin, np.stack([lateral, np.cross(lateral, apex), apex], 1))


def short_axis(
    heights: Array, centre: tuple[float, float], roll: float, spacing: float, size: int, thickness: float
) -> list[Plane]:
    """Parallel planes across the long axis at `heights`; `centre` (x, y) in mm is the middle of the image."""
    along = np.array([np.cos(roll), np.sin(roll), 0.0])
    down = np.array([-np.sin(roll), np.cos(roll), 0.0])
    half = (size - 1) / 2 * spacing
    corners = [np.array([*centre, w]) - half * (along + down) for w in heights]
    return [Plane(corner, along, down, spacing, size, thickness) for corner in corners]


def long_axis(turn: float, middle: float, spacing: float, size: int, thickness: float) -> Plane:
    """The plane through the long axis, apex up; `turn` in radians about that axis, 0 cuts septum and lateral wall."""
    along = np.array([np.cos(turn), np.sin(turn), 0.0])
    down = np.array([0.0, 0.0, -1.0])
    half = (size - 1) / 2 * spacing
    return Plane(np.array([0.0, 0.0, middle]) - half * (along + down), along, down, spacing, size, thickness)
