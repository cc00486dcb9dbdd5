"""A phantom patient's papers: what a hospital would have written into the files, so that leaks can be found."""

from dataclasses import dataclass

import numpy as np

from lvseg.phantom.acquisition import Scanner
from lvseg.phantom.dicom import MR_IMAGE_STORAGE, Value, decimal, sequence, uid
from lvseg.phantom.plane import Plane, Pose

PATHOLOGIES = {
    "HF-I": "Heart failure with infarct",
    "HF-NI": "Heart failure without infarct",
    "HYP": "Hypertrophy",
    "N": "Normal",
}
_PRIVATE_CREATOR = "LEAKVENDOR PRIVATE"


@dataclass(frozen=True)
class Record:
    """Who a phantom patient is. No value depends on the clock."""

    seed: int
    number: int  # 1-based, over all patients
    group: str
    number_in_group: int
    sex: str
    age: int

    @property
    def patient_id(self) -> str:
        """As SCD's Cardiac Atlas names them: one number per patient, then 01."""
        return f"PHA{self.number:05d}01"

    @property
    def original_id(self) -> str:
        """The id under which the contours name the patient, as those of SCD do."""
        return f"PH-{self.group}-{self.number_in_group:02d}"

    @property
    def name(self) -> str:
        """Family, given and middle name as DICOM joins them: each a word that no other patient bears."""
        return f"LEAKNAME{self.number:03d}^LEAKGIVEN{self.number:03d}^LEAKMIDDLE{self.number:03d}"

    @property
    def birth_date(self) -> str:
        """Day, month and year, made from the number and the age at the examination in 1999."""
        return f"{1999 - self.age}{1 + self.number % 12:02d}{1 + self.number % 28:02d}"

    @property
    def study_date(self) -> str:
        """The day of the examination, in 1999, as DICOM writes dates."""
        return f"1999{1 + self.number % 11:02d}{1 + (7 * self.number) % 28:02d}"

    @property
    def study_uid(self) -> str:
        """The UID of the one examination that the patient had."""
        return uid("lvseg phantom", self.seed, self.number, "study")

    def telling(self) -> dict[int, tuple[str, Value]]:
        """The elements {tag: (VR, value)} that name the patient or lead to him, private and nested ones included."""
        name = self.patient_id
        requested: dict[int, tuple[str, Value]] = {
            0x00321060: ("LO", f"LEAKREQUEST for {name}"),
            0x00400007: ("LO", f"LEAKSTEP of {name}"),
            0x00400009: ("SH", f"LEAKSPS{self.number:05d}"),
            0x00401001: ("SH", f"LEAKRP{self.number:05d}"),
        }
        return {
            0x00080020: ("DA", self.study_date),
            0x00080021: ("DA", self.study_date),
            0x00080022: ("DA", self.study_date),
            0x00080023: ("DA", self.study_date),
            0x00080030: ("TM", f"0817{self.number % 60:02d}.271828"),
            0x00080031: ("TM", f"0819{self.number % 60:02d}.314159"),
            0x00080032: ("TM", f"0821{self.number % 60:02d}.173205"),
            0x00080033: ("TM", f"0823{self.number % 60:02d}.141421"),
            0x00080050: ("SH", f"LEAKACC{self.number:05d}"),
            0x00080080: ("LO", "LEAKHOSPITAL OF SAINT PHANTOM"),
            0x00080081: ("ST", "1 LEAKSTREET, PHANTOMVILLE"),
            0x00080090: ("PN", f"LEAKREFERRER^{name}"),
            0x00081010: ("SH", "LEAKSTATION"),
            0x00081030: ("LO", f"LEAKSTUDY HEART {name}"),
            0x00081040: ("LO", "LEAKDEPARTMENT OF HEARTS"),
            0x00081048: ("PN", f"LEAKPHYSICIAN^{name}"),
            0x00081050: ("PN", f"LEAKDOCTOR^{name}"),
            0x00081070: ("PN", f"LEAKOPERATOR^{name}"),
            0x00090010: ("LO", _PRIVATE_CREATOR),
            0x00091001: ("LO", f"LEAKPRIVATE^{name}"),
            0x00091002: ("DA", self.birth_date),
            0x00091003: ("UN", f"LEAKUNKNOWN {name}".encode()),
            0x00091004: ("UI", uid("lvseg phantom", self.seed, self.number, "private")),
            0x00100010: ("PN", self.name),
            0x00100020: ("LO", name),
            0x00100030: ("DA", self.birth_date),
            0x00100040: ("CS", self.sex),
            0x00101010: ("AS", f"{self.age:03d}Y"),
            0x00101000: ("LO", (f"LEAKOTHER{self.number:05d}", f"LEAKELSE{self.number:05d}")),
            0x00101001: ("PN", f"LEAKALIAS{self.number:03d}^LEAKGIVEN{self.number:03d}"),
            0x00101040: ("LO", f"LEAKADDRESS {self.number}"),
            0x00101060: ("PN", f"LEAKMOTHER{self.number:03d}^LEAKELDER{self.number:03d}"),
            0x00102154: ("SH", f"LEAKTEL {self.number:05d}"),
            0x001021B0: ("LT", f"LEAKHISTORY of {name}"),
            0x00104000: ("LT", f"LEAKCOMMENT on the patient {name}"),
            0x00181000: ("LO", f"LEAKSERIAL{self.seed}"),
            0x00181030: ("LO", f"LEAKPROTOCOL {name}"),
            0x0020000D: ("UI", self.study_uid),
            0x00200010: ("SH", f"LEAKSTUDY{self.number:05d}"),
            0x00204000: ("LT", f"LEAKCOMMENT on the image of {name}"),
            0x00321032: ("PN", f"LEAKREQUESTER^{name}"),
            0x00400275: ("SQ", sequence(requested)),
        }


@dataclass(frozen=True)
class Series:
    """One cine series: its number and name, how many phases make a heart beat, and how long that takes."""

    number: int
    name: str
    phases: int
    beat_ms: float


def frame_elements(
    record: Record, series: Series, scanner: Scanner, plane: Plane, pose: Pose, spacing: float, image: int
) -> dict[int, tuple[str, Value]]:
    """All elements of one frame but the pixels; `image` is its 1-based number, `spacing` mm between slices."""
    position, orientation = plane.in_patient(pose)
    phase = (image - 1) % series.phases
    step = series.beat_ms / series.phases
    instance = uid(record.study_uid, series.number, image)
    size = plane.size
    return record.telling() | {
        0x00080005: ("CS", "ISO_IR 100"),
        0x00080008: ("CS", ("ORIGINAL", "PRIMARY", "OTHER")),
        0x00080016: ("UI", MR_IMAGE_STORAGE),
        0x00080018: ("UI", instance),
        0x00080060: ("CS", "MR"),
        0x00080070: ("LO", "LVSEG"),
        0x0008103E: ("LO", series.name),
        0x00081090: ("LO", "PHANTOM"),
        0x00180015: ("CS", "HEART"),
        0x00180020: ("CS", "GR"),
        0x00180021: ("CS", "SS"),
        0x00180022: ("CS", "CG"),
        0x00180023: ("CS", "2D"),
        0x00180050: ("DS", decimal(plane.thickness)),
        0x00180080: ("DS", "3.4"),
        0x00180081: ("DS", "1.5"),
        0x00180083: ("DS", "1"),
        0x00180084: ("DS", "63.87"),
        0x00180085: ("SH", "1H"),
        0x00180087: ("DS", "1.5"),
        0x00180088: ("DS", decimal(spacing)),
        0x00180091: ("IS", "1"),
        0x00180093: ("DS", decimal(round(100 * scanner.sampled[0], 1))),
        0x00180094: ("DS", "100"),
        0x00181060: ("DS", decimal(round(phase * step, 3))),
        0x00181062: ("IS", str(round(series.beat_ms))),
        0x00181088: ("IS", str(round(60000 / series.beat_ms))),
        0x00181090: ("IS", str(series.phases)),
        0x00181310: ("US", (round(size * scanner.sampled[1]), 0, 0, round(size * scanner.sampled[0]))),
        0x00181312: ("CS", "COL"),
        0x00181314: ("DS", "50"),
        0x00185100: ("CS", "HFS"),
        0x0020000E: ("UI", uid(record.study_uid, series.number)),
        0x00200011: ("IS", str(series.number)),
        0x00200012: ("IS", "1"),
        0x00200013: ("IS", str(image)),
        0x00200032: ("DS", tuple(map(decimal, position))),
        0x00200037: ("DS", tuple(map(decimal, orientation))),
        0x00200052: ("UI", uid(record.study_uid, "frame of reference")),
        0x00201040: ("LO", ""),
        0x00201041: ("DS", decimal(float(position @ np.cross(orientation[:3], orientation[3:])))),
        0x00280030: ("DS", (decimal(plane.spacing), decimal(plane.spacing))),
        0x00281050: ("DS", decimal(round(0.8 * scanner.gain))),
        0x00281051: ("DS", decimal(round(1.6 * scanner.gain))),
    }
