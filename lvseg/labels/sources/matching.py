"""Drawings and the images that they lie on: found by the image's UID, or else by geometry, never by order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.dicom.image import Image
from lvseg.dicom.stacks import limits
from lvseg.imaging.types import Affine
from lvseg.imaging.types import Region as Truth
from lvseg.labels.sources.label_map import LabelMap, Reading, composed
from lvseg.labels.sources.structures import Region

Key = tuple[str, int | None]  # UID and frame, from 0; None in a file of one image
_KEPT = 0.8  # of the area of a mask that is laid on another grid; else it is not all on the image
_MANY = 20  # pixels, from which on a share of an area says something
_SAME_GRID = 1e-2  # of a pixel, between the corners of two grids that are one


class Images:
    """All images that a drawing may lie on, each once."""

    def __init__(self, images: Sequence[Image]) -> None:
        self._images = images
        self._often = Counter((image.sop_uid, image.frame) for image in images)

    def named(self, uid: str, frames: Sequence[int] = ()) -> list[Image]:
        """Return the images of a file: some of its frames, from 0, or all."""
        of_file = [image for image in self._images if image.sop_uid == uid]
        return [image for image in of_file if image.frame is None or not frames or image.frame in frames]

    def drawn_on(self, references: Sequence[tuple[str, Sequence[int]]], affine: Affine | None) -> Image:
        """Return the image that a drawing lies on.

        Args:
            references: UIDs, and frames from 0, of the images that it names; none where it names none.
            affine: of the drawing's plane, None where it does not say where it lies.

        Raises:
            UnreadableError: there is no such image, or several; or others bear its UID as well, as where an anonymiser
                gave all phases of a slice one: what is drawn on it would be drawn on all of them.
        """
        image = self._drawn_on(references, affine)
        if self._often[image.sop_uid, image.frame] > 1:
            raise UnreadableError(
                f"drawn on one of {self._often[image.sop_uid, image.frame]} different images of one UID: it does not "
                "say on which"
            )
        return image

    def _drawn_on(self, references: Sequence[tuple[str, Sequence[int]]], affine: Affine | None) -> Image:
        named = [image for uid, frames in references for image in self.named(uid, frames)]
        if references and not named:
            raise UnreadableError("drawn on an image that is not here")
        if len(named) == 1 or len({(image.sop_uid, image.frame) for image in named}) == 1:
            return named[0]
        if affine is None:
            raise UnreadableError("neither says which image it lies on nor where it lies")
        here = [image for image in named or self._images if _in_plane(affine, image)]
        if not here:
            raise UnreadableError("drawn where no image lies")
        if len(here) > 1:
            raise UnreadableError(
                f"drawn where {len(here)} images lie, one for each phase: it does not say on which"
            )
        return here[0]


@dataclass
class Drawings:
    """What was drawn, by image and region, and why some of it could not be used."""

    by_image: dict[Key, tuple[Image, dict[Region, Truth]]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, image: Image, region: Region, mask: Truth) -> None:
        """Add a mask (H, W) of a region, which may be empty, to what the image has of it."""
        _, regions = self.by_image.setdefault((image.sop_uid, image.frame), (image, {}))
        regions[region] = regions[region] | mask if region in regions else mask

    def close(self, reading: Reading, file: str, unit: str) -> None:
        """Turn all drawings into label maps, and faults into lines of what was set aside."""
        for image, regions in self.by_image.values():
            try:
                labels, known = composed(regions, (image.rows, image.columns))
            except UnreadableError as error:
                self.faults[str(error)] += 1
                continue
            if known:
                reading.maps.append(LabelMap(labels, known, image.affine, image.sop_uid, image.frame))
            else:
                self.faults[
                    "the left ventricle alone: its cavity or its myocardium must be drawn beside it"
                ] += 1
        reading.aside += [
            SetAside(file, f"{count} {unit if count > 1 else unit.removesuffix('s')}: {reason}")
            for reason, count in self.faults.items()
        ]


def onto(mask: Truth, affine: Affine | None, image: Image) -> Truth:
    """Return a mask on the pixels of an image, by the nearest pixel where the grids differ.

    Args:
        mask: (h, w).
        affine: of its plane as `Image.affine`; None where it does not say where it lies.
        image: that it was drawn on.

    Raises:
        UnreadableError: it lies in another plane, or on other pixels without saying where.
    """
    if affine is None or not _is_placed(image):
        if mask.shape != (image.rows, image.columns):
            raise UnreadableError("on other pixels than its image, and nothing says where they lie")
        return mask
    if not _in_plane(affine, image):
        raise UnreadableError("lies in another plane than the image that it names")
    to_mask = np.linalg.inv(affine) @ image.affine
    far = np.diag([image.columns - 1, image.rows - 1, 0, 1])[:, [0, 1, 3]]
    if (
        mask.shape == (image.rows, image.columns)
        and np.abs(((to_mask - np.eye(4)) @ far)[:2]).max() < _SAME_GRID
    ):
        return mask
    rows, columns = np.mgrid[: image.rows, : image.columns]
    x, y = (to_mask[axis, 0] * columns + to_mask[axis, 1] * rows + to_mask[axis, 3] for axis in (0, 1))
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
    result = np.zeros((image.rows, image.columns), bool)
    result[inside] = mask[row[inside], column[inside]]
    drawn = float(mask.sum()) / abs(np.linalg.det(to_mask[:2, :2]))  # in pixels of the image
    if drawn >= _MANY and result.sum() < _KEPT * drawn:
        raise UnreadableError("lies beyond the image that it names, or on pixels of another size")
    return result


def pixels_of(points: np.ndarray, image: Image) -> np.ndarray:
    """Return points (n, 3) in patient coordinates in mm as columns and rows (n, 2) of an image.

    Raises:
        UnreadableError: the image does not say where it lies, or they do not lie in its plane.
    """
    if not _is_placed(image):
        raise UnreadableError("its image does not say where it lies")
    column, row, away, _ = np.linalg.inv(image.affine) @ np.column_stack([points, np.ones(len(points))]).T
    if np.abs(away).max() > limits.SAME_SLICE_MM:
        raise UnreadableError(f"lies {np.abs(away).max():.1f} mm off the image that it names")
    return np.column_stack([column, row])


def _is_placed(image: Image) -> bool:
    return image.position is not None and image.normal is not None and image.spacing is not None


def _in_plane(affine: Affine, image: Image) -> bool:
    """Return whether an image lies in a plane, and how far its middle is from it being all that counts."""
    if not _is_placed(image) or image.normal is None or image.centre is None:
        return False
    normal = affine[:3, 2]
    parallel = abs(float(normal @ image.normal)) > limits.PARALLEL
    return parallel and abs(float(normal @ (image.centre - affine[:3, 3]))) <= limits.SAME_SLICE_MM
