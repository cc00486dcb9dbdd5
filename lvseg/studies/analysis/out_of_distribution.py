"""Whether a study is out of distribution: far from all patients that its model learnt from (`lvseg.data.ranges`)."""

from lvseg.data.ranges import DataRanges, brightness, geometry
from lvseg.dicom.cine import Cine
from lvseg.studies.analysis.measurements import Measurements


def out_of_distribution(ranges: DataRanges | None, cine: Cine, measurements: Measurements) -> list[str]:
    """Return a sentence for each value of a study that is out of distribution.

    Args:
        ranges: of the training patients; None, for a model that does not know them, finds nothing.
        cine: what was segmented.
        measurements: of that cine.
    """
    return ranges.strange(study_values(cine, measurements)) if ranges else []


def study_values(cine: Cine, measurements: Measurements) -> dict[str, float]:
    """Return the values that are compared, by the names of `lvseg.data.ranges.WORDS`; NaN for the unknown."""
    rows, columns = cine.pixels.shape[1:]
    return (
        brightness(cine.pixels)
        | geometry((rows, columns), cine.spacing_mm, cine.distance_mm)
        | {"edv_ml": measurements.edv_ml, "ef_percent": measurements.ef_percent}
    )
