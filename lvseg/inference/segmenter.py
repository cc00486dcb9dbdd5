"""From frames to label maps on the frames' own grid, with a trained network.

A margin is what a network says of a point for a region against all else: the largest logit of what belongs to the
region minus the largest of the rest, above 0 where it takes the point for the region. With the cavity alone it is the
logit of the cavity minus that of the background.
"""

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
from lvseg.imaging.structures import Structure
from lvseg.inference.bodies import OnFirst, heart_regions

if TYPE_CHECKING:
    import keras

SURELY_OUTSIDE = -20.0  # the margin of pixels that the network was not shown
_BORDER = 8  # grid points kept around a region: more than a pixel of any frame measures
# A margin that says no more than its sign: of points that the choice of one region takes away or fills.
_SIGN_ONLY = np.float32(1e-3)
VIEWS = tuple((turns, flip) for flip in (False, True) for turns in range(4))  # quarter turns, mirrored or not


@dataclass(frozen=True)
class Drawn:
    """What is drawn on one frame of H x W pixels.

    Attributes:
        labels: (H, W) uint8, the numbers of `Structure`.
        outlines: of the largest region of each structure that the network knows, (n, 2), x (column) and y (row) in
            pixels whose first centre is (0, 0); None where there is none. That of the myocardium is its outer border.
    """

    labels: NDArray[np.uint8]
    outlines: Mapping[Structure, NDArray[np.float64] | None]

    @property
    def mask(self) -> NDArray[np.uint8]:
        """The mask of the cavity, (H, W) uint8 of 0 and 1."""
        return np.asarray(self.labels == Structure.CAVITY, np.uint8)

    def contour(self) -> NDArray[np.float64] | None:
        """Return the outline of the cavity, (n, 2) in pixels as `outlines` has it; None where there is none."""
        return self.outlines[Structure.CAVITY]


@dataclass(frozen=True)
class Prediction(Drawn):
    """What is drawn on one frame, and how sure the network is of the cavity.

    Attributes:
        margin: (H, W) float32, of the cavity, wherever the network looked.
    """

    margin: NDArray[np.float32]


@dataclass(frozen=True)
class Segmenter:
    """A trained network and how it is asked.

    Attributes:
        network: as it was trained, images (batch, size, size, 1) to logits (batch, size, size, 1 + C) of background and
            C structures.
        grid: the square that the network looks at.
        views: of test-time augmentation: how many of the eight turned and mirrored views of a frame are averaged.
        one_region: keep one region of each structure, without holes, as `lvseg.inference.bodies` chooses it.
        structures: that the network tells from the background, in the order of its logits, the cavity first.
        closer: the square of its second look, around the heart that the first one found; None: it looks once.
        quick: what computes the same sooner and is asked instead (`lvseg.models.folding`); None: there is none.
    """

    network: "keras.Model"
    grid: Grid
    views: int = 1
    one_region: bool = False
    structures: tuple[Structure, ...] = (Structure.CAVITY,)
    closer: Grid | None = None
    quick: "keras.Model | None" = None

    def on_pixels(
        self, margin: NDArray[np.float32], shape: tuple[int, int], spacing: Spacing
    ) -> NDArray[np.float32]:
        """Return a margin (size, size) on a frame's own pixels (H, W)."""
        return self.grid.restored(margin, shape, spacing, beyond=SURELY_OUTSIDE)

    def regions(
        self,
        margins: NDArray[np.float32],
        slices: NDArray[np.int64],
        placed: Sequence[OnFirst] | None = None,
    ) -> NDArray[np.bool_]:
        """Return where the structures are on N frames of one stack, (N, C, size, size); see `heart_regions`."""
        if self.one_region:
            return heart_regions(margins, self.structures, slices, placed)
        return np.asarray(margins > 0)

    def drawn(
        self,
        margins: NDArray[np.float32],
        regions: NDArray[np.bool_],
        shape: tuple[int, int],
        spacing: Spacing,
    ) -> Drawn:
        """Return what is drawn on one frame of H x W pixels.

        Args:
            margins: (C, size, size) on the grid.
            regions: (C, size, size) where the structures are.
            shape: H and W.
            spacing: of the pixels.
        """
        labels = np.zeros(shape, np.uint8)
        outlines: dict[Structure, NDArray[np.float64] | None] = {}
        for structure, margin, region in reversed(list(zip(self.structures, margins, regions, strict=True))):
            on_frame = self._on_frame(margin, region, shape, spacing)
            labels[on_frame > 0] = structure
            outlines[structure] = _outline(on_frame) if region.any() else None
        return Drawn(labels, {structure: outlines[structure] for structure in self.structures})

    def _on_frame(
        self,
        margin: NDArray[np.float32],
        region: NDArray[np.bool_],
        shape: tuple[int, int],
        spacing: Spacing,
    ) -> NDArray[np.float32]:
        """Return a margin on a frame's own pixels (H, W), above 0 in one region only, its holes included."""
        box = Box.of_mask(region)
        if box is None:
            return np.full(shape, -_SIGN_ONLY)
        box = box.widened(_BORDER).clipped(region.shape)
        part = box.slices
        chosen = np.where(
            region[part], np.maximum(margin[part], _SIGN_ONLY), np.minimum(margin[part], -_SIGN_ONLY)
        )
        return self.grid.restored(
            chosen, shape, spacing, beyond=-float(_SIGN_ONLY), corner=(box.top, box.left)
        )

    def batch(
        self, images: Sequence[NDArray[np.generic]], spacings_mm: Sequence[Spacing]
    ) -> NDArray[np.float32]:
        """Return frames as the network takes them, (batch, size, size, 1) float32.

        Raises:
            ValueError: an image is empty, or holds NaN or infinity.
        """
        return np.stack([self.grid.image(*frame) for frame in zip(images, spacings_mm, strict=True)])

    def logits(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the network says of a batch of images, (batch, size, size, 1 + C)."""
        return np.asarray((self.network if self.quick is None else self.quick).predict_on_batch(batch))

    def margins(self, batch: NDArray[np.float32], views: Sequence[tuple[int, bool]]) -> NDArray[np.float32]:
        """Return mean margins over some of `VIEWS` on the square grid, (batch, C, size, size) float32.

        The first channel is of the cavity. That of the myocardium is of all within its outer border, cavity included: a
        wall is the difference of two bodies. That of the right ventricle is its own.
        """
        total = np.zeros((len(batch), len(self.structures), *batch.shape[1:3]), np.float32)
        for turns, flip in views:
            seen = np.rot90(batch, turns, axes=(1, 2))
            turned = np.ascontiguousarray(seen[:, :, ::-1] if flip else seen)
            margins = self._margins(self.logits(turned))
            total += np.rot90(margins[..., ::-1] if flip else margins, -turns, axes=(2, 3))
        return np.asarray(total / len(views), np.float32)

    def _margins(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return margins (batch, C, n, n) of logits (batch, n, n, 1 + C)."""
        places = {structure: place for place, structure in enumerate(self.structures, start=1)}
        margins = []
        for structure in self.structures:
            part = [places[structure]]
            if structure is Structure.MYOCARDIUM:
                part.append(places[Structure.CAVITY])
            rest = [place for place in range(logits.shape[-1]) if place not in part]
            margins.append(logits[..., part].max(axis=-1) - logits[..., rest].max(axis=-1))
        return np.stack(margins, axis=1)


def _outline(margin: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return the outline (n, 2) of the largest region above 0 of a margin (H, W); None where there is none."""
    box = Box.of_mask(margin > 0)
    if box is None:
        return None
    box = box.widened(1).clipped(margin.shape)  # by a border of what is outside
    line = outline(margin[box.slices])
    return None if line is None else line + np.array([box.left, box.top])


def load_segmenter(path: Path, how: Mapping[str, Any]) -> Segmenter:
    """Load a trained network for prediction; nothing that a stranger put into the file is executed.

    Args:
        path: of the model.
        how: `prediction` of its `run.json`: size, spacing_mm, views, one_region, structures, closer; a model of an
            early version, without the last two, tells the cavity and looks once.

    Raises:
        UserError: the file is missing, damaged, or not a Keras model, or draws structures that this program does not
            know, or others than `how` names.
    """
    from lvseg.core.backend import keras
    from lvseg.models.folding import folded

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is not a readable model ({reason}): run `dvc repro` to train it again"
        ) from None
    known = {structure.key: structure for structure in Structure}
    names = how.get("structures", [Structure.CAVITY.key])
    if foreign := [str(name) for name in names if name not in known]:
        raise UserError(
            f"{path} draws {', '.join(foreign)}, which this version of lvseg does not know: use the version that "
            "trained it, or train it again"
        )
    if network.output_shape[-1] != 1 + len(names):
        raise UserError(
            f"{path} does not draw the {len(names)} structures that run.json names: copy both files from one "
            "models/<name>"
        )
    grid = Grid(how["size"], how["spacing_mm"])
    closer = Grid(**how["closer"]) if how.get("closer") else None
    told = tuple(known[name] for name in names)
    return Segmenter(network, grid, how["views"], how["one_region"], told, closer, folded(network))
