"""From frames to masks on the frames' own grid, with a trained network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lvseg.core.errors import UserError
from lvseg.imaging.boxes import Box
from lvseg.imaging.grid import Grid
from lvseg.imaging.outline import outline
from lvseg.imaging.spacing import Spacing

if TYPE_CHECKING:
    import keras

_SURELY_OUTSIDE = -20.0  # the margin of pixels that the network was not shown
VIEWS = tuple((turns, flip) for flip in (False, True) for turns in range(4))  # quarter turns, mirrored or not


@dataclass(frozen=True)
class Prediction:
    """What a network says of one frame, on the frame's own grid.

    Attributes:
        mask: (H, W) uint8, 1 in the cavity.
        margin: (H, W) float32, logit of the cavity minus logit of the background.
    """

    mask: NDArray[np.uint8]
    margin: NDArray[np.float32]

    def contour(self) -> NDArray[np.float64] | None:
        """Return the outline (n, 2) of the largest region, x and y in pixels; None where nothing is drawn."""
        box = Box.of_mask(self.mask)
        if box is None:
            return None
        box = box.widened(1).clipped(self.mask.shape)  # by a border of what is outside
        part = box.slices
        # Regions that the mask leaves out lie outside, holes that it fills inside.
        inside, margin, nothing = self.mask[part].astype(bool), self.margin[part], np.float32(1e-3)
        line = outline(np.where(inside, np.maximum(margin, nothing), np.minimum(margin, -nothing)))
        return None if line is None else line + np.array([box.left, box.top])


@dataclass(frozen=True)
class Segmenter:
    """A trained network and how it is asked.

    Attributes:
        network: images (batch, size, size, 1) to logits (batch, size, size, 2) of background and cavity.
        grid: the square that the network looks at.
        views: of test-time augmentation: how many of the eight turned and mirrored views of a frame are averaged.
        one_region: keep one region, without holes: a ventricle has one cavity. It is the one with the largest sum
            of squared margins: fat and air far from the heart give larger regions at times, and a spot of them
            surer ones, hardly ever both.
    """

    network: "keras.Model"
    grid: Grid
    views: int = 1
    one_region: bool = False

    def predict(
        self, images: Sequence[NDArray[np.generic]], spacings_mm: Sequence[Spacing]
    ) -> list[Prediction]:
        """Segment one batch of frames, each (H, W) in its original type; their sizes may differ.

        Args:
            images: the frames.
            spacings_mm: of each frame, between rows and between columns.

        Raises:
            ValueError: an image is empty, or holds NaN or infinity.
        """
        predictions = []
        margins = self.margins(self.batch(images, spacings_mm), VIEWS[: self.views])
        for image, spacing, on_grid in zip(images, spacings_mm, margins, strict=True):
            margin = self.grid.restored(on_grid, image.shape, spacing, beyond=_SURELY_OUTSIDE)
            mask = _strongest(margin) if self.one_region else margin > 0
            predictions.append(Prediction(mask.astype(np.uint8), margin))
        return predictions

    def batch(
        self, images: Sequence[NDArray[np.generic]], spacings_mm: Sequence[Spacing]
    ) -> NDArray[np.float32]:
        """Return frames as the network takes them, (batch, size, size, 1) float32.

        Raises:
            ValueError: as `predict`.
        """
        return np.stack([self.grid.image(*frame) for frame in zip(images, spacings_mm, strict=True)])

    def margins(self, batch: NDArray[np.float32], views: Sequence[tuple[int, bool]]) -> NDArray[np.float32]:
        """Return the mean margin over some of `VIEWS` on the square grid, (batch, size, size) float32."""
        total = np.zeros(batch.shape[:3], np.float32)
        for turns, flip in views:
            seen = np.rot90(batch, turns, axes=(1, 2))
            turned = np.ascontiguousarray(seen[:, :, ::-1] if flip else seen)
            scores = np.asarray(self.network.predict_on_batch(turned))
            margin = scores[..., 1] - scores[..., 0]
            total += np.rot90(margin[:, :, ::-1] if flip else margin, -turns, axes=(1, 2))
        return np.asarray(total / len(views), np.float32)


def _strongest(margin: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the connected region above 0 with the largest sum of squared margins (H, W), its holes filled."""
    from scipy import ndimage

    labels, _ = ndimage.label(margin > 0)
    strength = np.bincount(labels.ravel(), margin.ravel().astype(np.float64) ** 2)
    strength[0] = 0  # the outside
    chosen = int(np.argmax(strength))
    return np.asarray(ndimage.binary_fill_holes((labels == chosen) & (chosen > 0)))


def load_segmenter(path: Path, how: Mapping[str, Any]) -> Segmenter:
    """Load a trained network for prediction; nothing that a stranger put into the file is executed.

    Args:
        path: of the model.
        how: `prediction` of its `run.json`: size, spacing_mm, views, one_region.

    Raises:
        UserError: the file is missing, damaged, or not a Keras model.
    """
    from lvseg.core.backend import keras

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is not a readable model ({reason}): run `dvc repro` to train it again"
        ) from None
    grid = Grid(how["size"], how["spacing_mm"])
    return Segmenter(network, grid, how["views"], how["one_region"])
