"""What a study is compared in with the data that its model learnt from; see `lvseg.data.ranges`."""

from lvseg.data.ranges import brightness, geometry
from lvseg.dicom.cine import Cine
from lvseg.studies.analysis.result import Measurements


def described(cine: Cine, measured: Measurements) -> dict[str, float]:
    """Return the values of a study that are compared, by the names of `reference.WORDS`; NaN where one is unknown."""
    rows, columns = cine.pixels.shape[1:]
    return (
        brightness(cine.pixels)
        | geometry((rows, columns), cine.spacing_mm, cine.distance_mm)
        | {"edv_ml": measured.edv_ml, "ef_percent": measured.ef_percent}
    )
