"""How large a patient is, and his sex, as far as it is known: what volumes are set against.

Nothing of it is written anywhere but as what follows from it: the body surface area, and the range that healthy adults
of the sex have.
"""

import io
import math
from dataclasses import dataclass

import pydicom
from pydicom.dataset import Dataset

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import Item
from lvseg.dicom import content
from lvseg.dicom.tolerance import tolerant

_SEXES = ("F", "M")
# What people are; a header that says otherwise has another unit or a slip, and is not believed.
_HEIGHTS_CM = (30.0, 250.0)
_WEIGHTS_KG = (1.0, 400.0)
_CM_PER_M = 100.0
# Weight over the square of height, from the starved to the heaviest: beyond it one of the two has another unit, such as
# inches or pounds.
_KG_PER_M2 = (8.0, 90.0)


@dataclass(frozen=True)
class Body:
    """A patient's size and sex; NaN and "" where they are unknown.

    Attributes:
        height_cm: from head to foot.
        weight_kg: of the whole.
        sex: F or M.
    """

    height_cm: float = math.nan
    weight_kg: float = math.nan
    sex: str = ""

    @property
    def contradicts_itself(self) -> bool:
        """Whether nobody of that height has that weight."""
        mass_index = self.weight_kg / (self.height_cm / _CM_PER_M) ** 2
        return mass_index < _KG_PER_M2[0] or mass_index > _KG_PER_M2[1]

    @property
    def surface_m2(self) -> float:
        """The body surface area after Mosteller (N Engl J Med 1987;317:1098).

        NaN where a size is unknown, or height and weight do not go together.

        Example:
            >>> Body(180.0, 80.0).surface_m2
            2.0
        """
        if self.contradicts_itself:
            return math.nan
        return math.sqrt(self.height_cm * self.weight_kg / 3600)


NOBODY = Body()  # of whom nothing is known


def stated(height_cm: float | None, weight_kg: float | None) -> Body:
    """Return what a user says of a patient; None is left to the source.

    Raises:
        UserError: nobody has that size.
    """
    for option, value, (least, most), unit in (
        ("height", height_cm, _HEIGHTS_CM, "cm"),
        ("weight", weight_kg, _WEIGHTS_KG, "kg"),
    ):
        if value is not None and not least <= value <= most:
            raise UserError(f"--{option} {value:g}: give {unit}, from {least:g} to {most:g}")
    body = Body(
        math.nan if height_cm is None else height_cm,
        math.nan if weight_kg is None else weight_kg,
    )
    if body.contradicts_itself:
        raise UserError(
            f"--height {height_cm:g} and --weight {weight_kg:g} do not go together: give cm and kg"
        )
    return body


def body_of(item: Item, stated_body: Body) -> Body:
    """Return size and sex of the patient whom a file shows; what the user says goes before its header.

    Args:
        item: one of his images; a header that cannot be read says nothing.
        stated_body: what the user says of him.
    """
    try:
        with tolerant():
            header = pydicom.dcmread(io.BytesIO(content.kept(item)), stop_before_pixels=True, force=True)
            sex = str(header.get("PatientSex") or "").strip().upper()
            height = _within(header, "PatientSize", _CM_PER_M)
            weight = _within(header, "PatientWeight", 1.0)
    except Exception:  # a damaged header may fail in any way, and a file of another kind has none
        return stated_body
    return body_said(height, weight, sex, stated_body)


def body_said(height_cm: float | None, weight_kg: float | None, sex: str, stated_body: Body) -> Body:
    """Return size and sex of a patient as a file beside his images says them; what the user says goes before it.

    Args:
        height_cm: as the file has it, None where it says nothing.
        weight_kg: in the same way.
        sex: in the same way, empty where it says nothing.
        stated_body: what the user says of him.
    """
    height, weight = _plausible(height_cm, _HEIGHTS_CM), _plausible(weight_kg, _WEIGHTS_KG)
    return Body(
        height if math.isnan(stated_body.height_cm) else stated_body.height_cm,
        weight if math.isnan(stated_body.weight_kg) else stated_body.weight_kg,
        sex if sex in _SEXES else "",
    )


def _within(header: Dataset, name: str, scale: float) -> float | None:
    """Return an element x scale; None where it is missing or no number."""
    try:
        return float(str(header.get(name))) * scale
    except ValueError:
        return None


def _plausible(value: float | None, limits: tuple[float, float]) -> float:
    """Return a size, NaN where it is unknown or beyond what people are."""
    return value if value is not None and limits[0] <= value <= limits[1] else math.nan
