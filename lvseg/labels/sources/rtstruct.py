"""DICOM RT Structure Sets: closed lines in mm on the images that they name (PS3.3 C.8.8.6)."""

import io
from collections import defaultdict

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import content
from lvseg.dicom.image import Image
from lvseg.imaging.types import Affine, Contour
from lvseg.labels.sources.contours import checked, filled
from lvseg.labels.sources.kinds import RTSTRUCT
from lvseg.labels.sources.label_map import Reading
from lvseg.labels.sources.matching import Drawings, Images, pixels_of
from lvseg.labels.sources.structures import Region, Table, region_of

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_MOST_CONTOURS = 100_000


def read_rtstruct(item: Item, images: Images, table: Table) -> Reading:
    """Return the label maps of a structure set.

    A structure is known on the images on which it was drawn. What is open, lies off its image or names one that is not
    here is set aside.

    Args:
        item: the file.
        images: of the same patient.
        table: the user's own words for the names of structures.
    """
    reading, drawings = Reading(), Drawings()
    with reading.or_set_aside(item, "RT Structure Set"):
        whole = pydicom.dcmread(io.BytesIO(content.kept(item)), force=True)
        if str(whole.get("SOPClassUID", "")) not in RTSTRUCT:
            raise UnreadableError("no RT Structure Set")
        names = {
            int(roi.ROINumber): str(roi.get("ROIName", "") or "") for roi in whole.StructureSetROISequence
        }
        drawn = set[int]()
        for roi in whole.get("ROIContourSequence") or []:
            number = int(roi.ReferencedROINumber)
            name, contours = names.get(number, ""), list(roi.get("ContourSequence") or [])
            if len(contours) > _MOST_CONTOURS:
                raise UnreadableError(f"{len(contours):,} contours of {name} are too many")
            drawn |= {number} if contours else set()
            region = region_of(table, name, number)
            if region is None:
                reading.refuse(name or f"without a name ({number})", len(contours), "contours", item.label)
            elif region is not Region.OTHER:
                _add(drawings, region, contours, images)
        reading.notes += [
            f"the structure {name or 'without a name'} has no contour: nothing is known of it"
            for number, name in names.items()
            if number not in drawn
        ]
        drawings.close(reading, item.label, "contours")
    return reading


def _add(drawings: Drawings, region: Region, contours: list[Dataset], images: Images) -> None:
    """Lay the contours of one structure on their images."""
    lines: dict[tuple[str, int | None], list[Contour]] = defaultdict(list)
    marked: dict[tuple[str, int | None], Image] = {}
    for contour in contours:
        try:
            points = _points(contour)
            image = images.drawn_on(_references(contour), _plane(points))
            lines[image.sop_uid, image.frame].append(checked(pixels_of(points, image)))
            marked[image.sop_uid, image.frame] = image
        except UnreadableError as error:
            drawings.faults[str(error)] += 1
    for key, image in marked.items():
        try:
            drawings.add(image, region, filled(lines[key], (image.rows, image.columns)))
        except UnreadableError as error:
            drawings.faults[str(error)] += len(lines[key])


def _points(contour: Dataset) -> np.ndarray:
    """Return the points (n, 3) of a closed line in mm."""
    kind = str(contour.get("ContourGeometricType", ""))
    if kind not in _CLOSED:
        raise UnreadableError(f"{kind or 'without a type'}, not a closed line in a plane")
    try:
        values, said = contour.get("ContourData"), contour.get("NumberOfContourPoints")
        numbers = np.array([] if values is None else [float(value) for value in np.atleast_1d(values)])
        count = len(numbers) // 3 if said is None else int(said)
    except Exception:  # damaged numbers may fail in any way
        numbers, count = np.array([]), 0
    if not len(numbers) or len(numbers) % 3 or not np.isfinite(numbers).all():
        raise UnreadableError("its coordinates are not threes of numbers")
    points = numbers.reshape(-1, 3)
    whole = len(points) == count
    if len(points) > 1 and (points[0] == points[-1]).all():
        points = points[:-1]
    if len(points) < 3:
        raise UnreadableError(f"{len(points)} point(s) enclose no area")
    if not whole:
        raise UnreadableError(f"it should have {count} points and has {len(numbers) // 3}")
    return points


def _references(contour: Dataset) -> list[tuple[str, list[int]]]:
    references = []
    for image in contour.get("ContourImageSequence") or []:
        number = image.get("ReferencedFrameNumber")
        frames = [] if number is None else [int(value) - 1 for value in np.atleast_1d(number)]
        references.append((str(image.get("ReferencedSOPInstanceUID", "")), frames))
    return references


def _plane(points: np.ndarray) -> Affine | None:
    """Return an affine of the plane that points (n, 3) lie in, None where they lie on one line."""
    middle = points.mean(axis=0)
    _, spread, directions = np.linalg.svd(points - middle, full_matrices=False)
    if len(spread) < 2 or spread[1] < 1e-3:
        return None
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([directions[0], directions[1], np.cross(directions[0], directions[1])])
    affine[:3, 3] = middle
    return affine
