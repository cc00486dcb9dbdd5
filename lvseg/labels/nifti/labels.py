"""Label maps in NIfTI volumes, held against the images that they were drawn on."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.labels.sources import structures
from lvseg.labels.sources.label_map import LabelMap, Reading, composed
from lvseg.labels.sources.structures import Region, Table, region_of
from lvseg.nifti.frames import NOMINAL
from lvseg.nifti.layouts import ACDC
from lvseg.nifti.mnms import MNMS, MNMS2
from lvseg.nifti.volume import Volume, read_volume
from lvseg.nifti.volume_files import DrawnVolume, VolumeFiles

_LARGEST_LABEL = 65535
_WHOLE = 2e-3  # from a whole number, within which a program has rounded one: scaled and in single precision

# Where the layout says what values mean: two data sets number the same structures the other way round.
_MEANINGS = {ACDC: structures.ACDC, MNMS: structures.MNMS, MNMS2: structures.MNMS}


def read_drawn(files: VolumeFiles, table: Table) -> Reading:
    """Return all that was drawn on a patient's images, held against them.

    Args:
        files: of the patient.
        table: the user's own words for labels.
    """
    reading = Reading()
    meanings = _MEANINGS.get(files.layout) or _named_regions(files.names, table)
    for drawn in files.drawn:
        reading.add(read_labels(drawn, meanings, table))
    return reading


def read_labels(drawn: DrawnVolume, meanings: Mapping[int, Region], table: Table) -> Reading:
    """Return the label maps of the phases that were drawn.

    A phase without a single label was not drawn: nothing is known of it. In a phase that was drawn, every structure of
    the data set is known on every slice, and absent where there is none of it.

    Args:
        drawn: the files.
        meanings: what the values of the data set mean.
        table: the user's own words, for values that have no meaning there.
    """
    reading = Reading()
    with reading.or_set_aside(drawn.labels, "volume of labels"):
        _read(drawn, meanings, table, reading)
    return reading


def _read(drawn: DrawnVolume, meanings: Mapping[int, Region], table: Table, reading: Reading) -> None:
    file, volume = drawn.labels.label, read_volume(drawn.labels)
    if drawn.image is None:
        raise UnreadableError("labels without an image beside them")
    _hold_against(volume, read_volume(drawn.image), drawn.phase)
    values = _whole_numbers(volume.values())
    if not volume.oriented:
        reading.notes.append(NOMINAL)
    regions = _regions(meanings, table, values, reading)
    counts = dict(zip(*(column.tolist() for column in np.unique(values, return_counts=True)), strict=True))
    unknown = {value: count for value, count in counts.items() if value and value not in regions}
    for value, count in unknown.items():
        name = drawn.names.get(value)
        reading.refuse(f"{value} ({name})" if name else str(value), count, "pixels", file)
    if unknown:
        return
    for phase, slices in enumerate(values, start=1):
        if not slices.any():
            continue
        try:
            reading.maps += _maps(volume, slices, regions, drawn.phase or phase)
        except UnreadableError as error:
            reading.aside.append(SetAside(file, f"phase {drawn.phase or phase}: {error}"))
    if not values.any():
        reading.notes.append(f"{drawn.labels.parts[-1]} holds no label: nothing is known of it")


def _hold_against(labels: Volume, image: Volume, phase: int | None) -> None:
    """Refuse labels that do not lie on the pixels of their image."""
    if labels.shape[:3] != image.shape[:3]:
        sizes = [" x ".join(map(str, volume.shape[:3])) for volume in (labels, image)]
        raise UnreadableError(f"labels of {sizes[0]} pixels for an image of {sizes[1]}")
    if labels.shape[3] not in (1, image.shape[3]):
        raise UnreadableError(f"labels of {labels.shape[3]} phases for an image of {image.shape[3]}")
    if phase is not None and image.shape[3] > 1 and phase > image.shape[3]:
        raise UnreadableError(f"labels of phase {phase} for an image of {image.shape[3]} phases")
    if phase is None and labels.shape[3] == 1 and image.shape[3] > 1:
        raise UnreadableError(
            f"labels of one phase for an image of {image.shape[3]}: nothing says which it is"
        )
    if labels.oriented != image.oriented or not labels.lies_on(image):
        raise UnreadableError("its affine is not that of its image: save both with the same geometry")


def _whole_numbers(values: NDArray[np.generic]) -> NDArray[np.uint16]:
    """Return labels as whole numbers, however they were stored."""
    numbers = np.asarray(values, float)
    if not np.isfinite(numbers).all():
        raise UnreadableError("its labels hold NaN or infinity")
    between = np.abs(numbers - np.rint(numbers)) > _WHOLE
    if between.any():
        raise UnreadableError(
            f"its labels are no whole numbers ({numbers[between].flat[0]:.4g}): resample them by nearest neighbour"
        )
    numbers = np.rint(numbers)
    if numbers.min() < 0 or numbers.max() > _LARGEST_LABEL:
        raise UnreadableError(f"its labels run from {numbers.min():g} to {numbers.max():g}")
    return np.asarray(numbers, np.uint16)


def _regions(
    meanings: Mapping[int, Region], table: Table, values: NDArray[np.uint16], reading: Reading
) -> dict[int, Region]:
    """Return what each value covers.

    A number in the user's table is meant for the data set that says nothing of it: others count otherwise. Where a data
    set gives it a meaning as well, it is believed if the labels (phases, slices, rows, columns) cannot have that.
    """
    stated = {int(label): region for label, region in table.items() if label.isdigit()}
    own, users = _cavities_said({**stated, **meanings}), _cavities_said({**meanings, **stated})
    differing = [
        value for value in sorted(stated.keys() & meanings.keys()) if stated[value] is not meanings[value]
    ]
    if not differing:
        return own
    refused, taken = (any(_contradicted(_masks(phase, one)) for phase in values) for one in (own, users))
    users_hold = refused and not taken
    reading.notes += [
        f"data.labels calls {value} the {_words(stated[value])}, its layout the {_words(meanings[value])}: "
        f"{'data.labels' if users_hold else 'the layout'} is believed"
        for value in differing
    ]
    return users if users_hold else own


def _cavities_said(regions: dict[int, Region]) -> dict[int, Region]:
    """Return regions with the cavity for "left ventricle", which it means where another value is its wall."""
    if Region.MYOCARDIUM in regions.values() and Region.CAVITY not in regions.values():
        return {value: Region.CAVITY if r is Region.LEFT_VENTRICLE else r for value, r in regions.items()}
    return {value: region for value, region in regions.items() if region is not Region.LEFT_VENTRICLE}


def _words(region: Region) -> str:
    return region.value.replace("_", " ")


def _maps(
    volume: Volume, slices: NDArray[np.uint16], regions: Mapping[int, Region], phase: int
) -> list[LabelMap]:
    masks = _masks(slices, regions)
    if fault := _contradicted(masks):
        raise UnreadableError(
            f"{fault}: its labels count otherwise than those of its layout (`data.labels` says how)"
        )
    maps = []
    for n in range(len(slices)):
        labels, known = composed({region: mask[n] for region, mask in masks.items()}, slices.shape[1:])
        maps.append(LabelMap(labels, known, volume.affine(n), slice=n + 1, phase=phase))
    return maps


def _masks(slices: NDArray[np.uint16], regions: Mapping[int, Region]) -> dict[Region, NDArray[np.bool_]]:
    """Return the masks (slices, rows, columns) of what a data set labels."""
    kinds = {region: [value for value, r in regions.items() if r is region] for region in regions.values()}
    return {region: np.isin(slices, values) for region, values in kinds.items() if region is not Region.OTHER}


def _contradicted(masks: Mapping[Region, NDArray[np.bool_]]) -> str:
    """Return why labels of one phase cannot mean what they should, as where two are exchanged; else nothing."""
    cavity, ring, right = (
        masks.get(region) for region in (Region.CAVITY, Region.MYOCARDIUM, Region.RIGHT_VENTRICLE)
    )
    if cavity is None:
        return ""
    if right is not None and right.any() and not cavity.any():
        return "there is a right ventricle and no cavity of the left one"
    if ring is None or not ring.any():
        return ""
    if (ring & _within(cavity)).sum() > ring.sum() / 2:
        return "what should be the myocardium lies within the cavity"
    inside = _within(ring)
    if right is not None and (right & inside).sum() > (cavity & inside).sum():
        return "what should be the right ventricle lies within the myocardium"
    return ""


def _within(ring: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what rings (slices, rows, columns) enclose."""
    return np.stack([ndimage.binary_fill_holes(slice_) for slice_ in ring]) & ~ring


def _named_regions(names: Mapping[int, str], table: Table) -> dict[int, Region]:
    """Return what the values of a label map cover, as far as their names or the user's table say it.

    Args:
        names: of the values, as the source gives them; 0 is the background.
        table: the user's own words, which go before the names.
    """
    regions = {value: region_of(table, name, value) for value, name in names.items() if value}
    return {value: region for value, region in regions.items() if region is not None}
