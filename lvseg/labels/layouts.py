"""Which files belong to which patient, whatever the layout of the folders.

The layouts of the Sunnybrook data (challenge, author archive, Cardiac Atlas, flat) differ in folder names,
in the padding of ids and in whether a table links image ids to contour ids. One rule covers them: a patient's
files lie below a folder that bears the id, and ids are compared without padding, through the tables where
there are any. Images below no such folder are grouped by the patient id in their header.
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pydicom

from lvseg.core.paths.archives import Item, SetAside, UnreadableError, shared, walk
from lvseg.core.texts import shown
from lvseg.dicom import content
from lvseg.dicom.bounds import bounded
from lvseg.dicom.multiframe import read_images
from lvseg.labels import sunnybrook_text
from lvseg.labels.sources.kinds import kind_of

GROUPS = ("HF-NI", "HF-I", "HYP", "N")
_PATHOLOGY = {
    "heart failure with infarct": "HF-I",
    "heart failure without infarct": "HF-NI",
    "hypertrophy": "HYP",
    "normal": "N",
}
_IMAGE_ID = ("patientid", "scdid")
_ORIGINAL_ID = ("originalid",)
_TRAILING_NUMBER = re.compile(r"(?<=[-_ ])0*(\d+)$")
_SUNNYBROOK = re.compile(r"SC-(HF-NI|HF-I|HYP|N)-0*(\d+)$", re.IGNORECASE)
_ATLAS = re.compile(r"SCD\d{7}$", re.IGNORECASE)
_OWNERLESS = (
    "a drawing beside the images of several patients, or of none: put it into the folder of its patient"
)
TRUTH = "true values of the phantom, to hold results against: no input"  # reason that is no complaint
_TRUTH = {"patient", "edvml", "esvml", "efpercent"}  # columns
_LARGEST_TABLE = 4 * 2**20  # bytes
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z"}
_NIFTI = (".nii", ".nii.gz")
_NO_IMAGES = {".pdf", ".md", ".html", ".json", ".xml", ".dvc"}
_NO_DRAWINGS = {".csv", ".txt", ".gz", ".nii", ".pdf", ".html"}


@dataclass(frozen=True)
class Copy:
    """The images or the contours of one patient in one place."""

    folder: tuple[str, ...]
    items: tuple[Item, ...]

    @property
    def label(self) -> str:
        """The folder as a path; it may stand in any text."""
        return shown(str(PurePosixPath(*self.folder)))


@dataclass
class PatientFiles:
    """All that was found of one patient: every copy of the images and of the contours."""

    id: str
    group: str = ""
    images: list[Copy] = field(default_factory=list)
    contours: list[Copy] = field(default_factory=list)
    drawings: list[Item] = field(default_factory=list)  # SEG, RTSTRUCT, workspaces of cvi42


def key_of(patient: str) -> str:
    """Return what two spellings of one id have in common: no padding of the last number, upper case."""
    return _TRAILING_NUMBER.sub(r"\1", patient.strip()).upper()


def canonical(patient: str) -> str:
    """Return an id as it is shown; Sunnybrook's with two digits, others as they came."""
    printable = "".join(filter(str.isprintable, patient.strip()))
    match = _SUNNYBROOK.match(printable)
    return f"SC-{match[1].upper()}-{int(match[2]):02d}" if match else printable


def of_sunnybrook(patient: str) -> bool:
    """Return whether an id is one of the Sunnybrook data, which names one patient wherever it stands."""
    return bool(_SUNNYBROOK.match(patient) or _ATLAS.match(patient))


def group_of(patient: str) -> str:
    """Return the group that an id names (`SC-HF-NI-03`: HF-NI), or nothing."""
    parts = patient.upper().split("-")
    return next((g for g in GROUPS if parts[1 : 1 + len(g.split("-"))] == g.split("-")), "")


def find_patients(
    paths: Iterable[Path], taken: Collection[Item] = ()
) -> tuple[list[PatientFiles], list[SetAside]]:
    """Return the patients below folders and in archives, sorted by id, and the files that belong to none.

    Among those is the phantom's own table of true values, for the reason `TRUTH`.

    Args:
        paths: of folders and archives.
        taken: files whose patients are known otherwise: they may lie in a folder that bears the id of another.
    """
    items, aside = walk(paths)
    tables, texts, rest, drawings = [], [], [], []
    others = set(taken)
    for item in items:
        if item in others:
            continue
        suffix = PurePosixPath(item.name).suffix.lower()
        if suffix not in _NO_DRAWINGS and kind_of(item):
            drawings.append(item)
        elif suffix in _NO_IMAGES or item.parts[-1].startswith(".") or "__MACOSX" in item.parts:
            aside.append(SetAside(item.label, "neither an image, a contour nor a table"))
        elif suffix == ".csv":
            tables.append(item)
        elif suffix == ".txt":
            texts.append(item)
        elif item.name.lower().endswith(_NIFTI):
            aside.append(SetAside(item.label, "a NIfTI file of no layout that is known (docs/data.md)"))
        elif suffix in _ARCHIVES:
            aside.append(SetAside(item.label, "archive inside an archive, or not a zip: unpack it"))
        else:
            rest.append(item)
    links = _Links()
    for item in tables:
        links.read(item, aside)
    patients: dict[str, PatientFiles] = {}
    known = set(links.original) | set(links.group)
    for folder, files in _contours(texts, aside).items():
        patient = _patient(patients, links, folder[-1])
        patient.contours.append(Copy(folder, tuple(files)))
        known.add(key_of(folder[-1]))
    for (name, folder), files in _images(rest, known, aside).items():
        _patient(patients, links, name).images.append(Copy(folder, tuple(files)))
    for item in drawings:
        owner = _owner(item, [patient for patient in patients.values() if patient.images])
        if owner is None:
            aside.append(SetAside(item.label, _OWNERLESS))
        else:
            owner.drawings.append(item)
    return sorted(patients.values(), key=lambda patient: patient.id), aside


class _Links:
    """What the tables say: image id to original id, and the group of a patient."""

    def __init__(self) -> None:
        self.original: dict[str, str] = {}
        self.group: dict[str, str] = {}

    def read(self, item: Item, aside: list[SetAside]) -> None:
        """Take in one table, or set it aside if it names no patients."""
        try:
            if item.size > _LARGEST_TABLE:
                raise UnreadableError(f"{item.size:,} bytes are too many for a table of patients")
            content = item.read()
            encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            rows = list(csv.DictReader(io.StringIO(content.decode(encoding, errors="replace"), newline="")))
        except (UnreadableError, csv.Error) as error:
            aside.append(SetAside(item.label, f"not a table of patients: {error}"))
            return
        columns = {re.sub(r"[^a-z]", "", (name or "").lower()): name for name in (rows[0] if rows else ())}
        if columns.keys() >= _TRUTH:
            aside.append(SetAside(item.label, TRUTH))
            return
        image = next((columns[name] for name in _IMAGE_ID if name in columns), None)
        original = next((columns[name] for name in _ORIGINAL_ID if name in columns), None)
        if image is None or original is None:
            aside.append(SetAside(item.label, "table without columns PatientID and OriginalID: not used"))
            return
        for row in rows:
            if row.get(image) and row.get(original):
                self.original[key_of(row[image])] = row[original].strip()
                pathology = str(row.get(columns.get("pathology", "")) or "").strip()
                group = _PATHOLOGY.get(pathology.lower(), pathology if pathology in GROUPS else "")
                if group:
                    self.group[key_of(row[original])] = group


def _patient(patients: dict[str, PatientFiles], links: _Links, name: str) -> PatientFiles:
    """Return the patient that a folder name or header id means, made on first use."""
    original = links.original.get(key_of(name), name)
    key = key_of(original)
    if key not in patients:
        name = canonical(original)
        patients[key] = PatientFiles(name, links.group.get(key) or group_of(name))
    return patients[key]


def _contours(texts: list[Item], aside: list[SetAside]) -> dict[tuple[str, ...], list[Item]]:
    """Return contour files by the folder that bears the patient's id."""
    by_folder: dict[tuple[str, ...], list[Item]] = {}
    for item in texts:
        try:
            sunnybrook_text.parse_name(item)
        except UnreadableError as error:
            aside.append(SetAside(item.label, str(error)))
            continue
        by_folder.setdefault(sunnybrook_text.patient_folder(item), []).append(item)
    return by_folder


def _images(
    items: list[Item], known: set[str], aside: list[SetAside]
) -> dict[tuple[str, tuple[str, ...]], list[Item]]:
    """Return possible images by (patient name, folder of the patient)."""
    by_folder: dict[tuple[str, tuple[str, ...]], list[Item]] = {}
    for item in items:
        folders = item.parts[:-1]
        depth = next((n for n in range(len(folders), 0, -1) if _is_id(folders[n - 1], known)), 0)
        if depth:
            by_folder.setdefault((folders[depth - 1], folders[:depth]), []).append(item)
            continue
        try:
            header = read_images(item)[0]
        except UnreadableError as error:
            aside.append(SetAside(item.label, str(error)))
            continue
        name = header.patient_id.strip() or folders[-1]
        by_folder.setdefault((name, (item.place,)), []).append(item)
    return by_folder


def _owner(item: Item, patients: Sequence[PatientFiles]) -> PatientFiles | None:
    """Return the patient beside whose images a drawing lies; where several are as near, the one that it names."""
    folders = item.parts[:-1]
    near = {
        patient.id: max(shared(folders, one.parts[:-1]) for copy in patient.images for one in copy.items)
        for patient in patients
    }
    nearest = [patient for patient in patients if near[patient.id] == max(near.values())]
    if len(nearest) == 1:
        return nearest[0]
    try:
        with bounded():
            header = pydicom.dcmread(
                io.BytesIO(content.whole(item)), stop_before_pixels=True, specific_tags=["PatientID"]
            )
            name = key_of(str(header.get("PatientID", "")))
    except Exception:  # a workspace, or whatever a parser makes of damaged bytes
        return None
    return next((patient for patient in nearest if key_of(patient.id) == name), None)


def _is_id(folder: str, known: set[str]) -> bool:
    return key_of(folder) in known or of_sunnybrook(folder)
