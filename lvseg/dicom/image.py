"""One image of a series, as its header describes it: what all that orders and reads images asks for."""

import functools
from dataclasses import dataclass, field

import numpy as np

from lvseg.core.paths.archives import Item
from lvseg.imaging.types import Affine

_TEXTS = (
    "patient_id", "sop_uid", "sop_class", "series_uid", "study_uid", "reference_uid", "description", "protocol",
    "modality", "acquired", "created", "manufacturer",
)  # fmt: skip


@dataclass(frozen=True)
class Image:
    """The header of one image; lengths in mm, times in ms, None where not said.

    Most of it is for telling series apart. `temporal` is the phase by number; `acquired` and `created` are times of
    day; `sop_class` is the UID of the kind of object. The scanner's value of a pixel is `slope` x what is stored +
    `intercept`. What is stored are `bits` bits from `low_bit` on (None: all), the rest is something else, such as an
    overlay; from the first to the second value of `padding` nothing was measured. `frame` counts from 0 in a file of
    functional groups and is None in others. `unscaled`: the header states a slope and an intercept that cannot be, such
    as a slope of 0, and they are left out. `drawn_into`: the header says that its pixels hold text, perhaps of the
    patient (Burned In Annotation). `synthetic`: our own phantom made it, no scanner. Texts are without the characters
    that cannot be printed, which would move a terminal's cursor.
    """

    item: Item
    rows: int
    columns: int
    number: int | None
    patient_id: str
    sop_uid: str
    series_uid: str
    series_number: int | None
    description: str
    image_type: tuple[str, ...]
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    thickness: float | None
    slice_spacing: float | None
    trigger_time: float | None
    phases: int | None
    inverted: bool
    dtype: str | None = field(repr=False)  # None: only a decoder can tell
    offset: int = field(repr=False)
    frame: int | None = None
    study_uid: str = ""
    modality: str = ""
    protocol: str = ""
    slope: float = 1.0
    intercept: float = 0.0
    beat_ms: float | None = None
    inversion_time: float | None = None
    acquisition: int | None = None
    acquired: str = ""
    location: float | None = None
    reference_uid: str = ""
    temporal: int | None = None
    created: str = ""
    bits: int | None = None
    low_bit: int = 0
    padding: tuple[int, int] | None = None
    synthetic: bool = False
    unscaled: bool = False
    drawn_into: bool = False
    manufacturer: str = ""
    sop_class: str = ""

    def __post_init__(self) -> None:
        """Leave out of the texts what cannot be printed."""
        for name in _TEXTS:
            text = getattr(self, name)
            if not text.isprintable():
                object.__setattr__(self, name, "".join(filter(str.isprintable, text)))

    @functools.cached_property
    def normal(self) -> np.ndarray | None:
        """The unit normal (3,) of the image plane; None where the orientation is unknown or degenerate."""
        if self.orientation is None:
            return None
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        length = np.linalg.norm(normal)
        return normal / length if 0.5 < length < 2 else None

    @functools.cached_property
    def centre(self) -> np.ndarray | None:
        """The middle (3,) of the image in patient coordinates in mm: a turn in its plane leaves it where it is."""
        if self.position is None or self.normal is None or self.spacing is None:
            return None if self.position is None else np.array(self.position)
        return np.asarray((self.affine @ ((self.columns - 1) / 2, (self.rows - 1) / 2, 0, 1))[:3])

    @property
    def is_flow(self) -> bool:
        """Whether it shows velocity or phase, not signal."""
        return any("VELOCITY" in part or part in ("P", "PHASE", "PHASE MAP") for part in self.image_type)

    @property
    def affine(self) -> Affine:
        """(4, 4) from (column, row, 0, 1) of a pixel centre to patient coordinates in mm (PS3.3 C.7.6.2).

        Where the orientation is unknown or degenerate, rows and columns run along the patient's axes.
        """
        row_spacing, column_spacing = self.spacing or (1.0, 1.0)
        known = None if self.normal is None else self.orientation
        orientation = known or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
        affine = np.eye(4)
        affine[:3, 0] = np.multiply(orientation[:3], column_spacing)
        affine[:3, 1] = np.multiply(orientation[3:], row_spacing)
        affine[:3, 2] = np.cross(orientation[:3], orientation[3:])
        affine[:3, 3] = self.position or (0.0, 0.0, 0.0)
        return affine
