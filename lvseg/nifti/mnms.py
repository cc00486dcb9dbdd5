"""The layouts of M&Ms, of 2020, and of M&Ms-2, whose patients have their ends of the beat in files of their own."""

import re

from lvseg.core.paths.archives import Item, SetAside
from lvseg.nifti import facts
from lvseg.nifti.frames import ImageVolume
from lvseg.nifti.tables import Tables
from lvseg.nifti.volume_files import DrawnVolume, Found, VolumeFiles, in_part, take, take_size

MNMS, MNMS2 = "M&Ms", "M&Ms-2"  # layouts
_MNMS = re.compile(r"(?P<id>.+?)_sa(?P<labels>_gt)?\.nii(\.gz)?$", re.IGNORECASE)
_MNMS2 = re.compile(
    r"(?P<id>.+?)_(?P<view>SA|LA)_((?P<end>ED|ES)(?P<labels>_gt)?|CINE)\.nii(\.gz)?$", re.IGNORECASE
)
_ENDS = ("ED", "ES")
_CODE = re.compile(r"[0-9]{3}")  # the challenge's name of a patient
_LONG_AXIS = "a long axis: of each patient the short axis is used"
# Which numbers the challenge trained, validated and tested on, by the readme of M&Ms-2.
_NUMBERS = {"training": range(1, 161), "validation": range(161, 201), "testing": range(201, 361)}


def find(files: list[Item], tables: Tables, found: Found) -> list[VolumeFiles]:
    """Return the patients of M&Ms in a folder: a file of all phases, and one of labels like it."""
    patients: dict[str, VolumeFiles] = {}
    images, labels = dict[str, Item](), dict[str, Item]()
    for item in files:
        if match := _MNMS.match(item.parts[-1]):
            patients.setdefault(match["id"], VolumeFiles(match["id"], MNMS))
            found.used.append(item)
            take(labels if match["labels"] else images, match["id"], item, found)
    for name, item in images.items():
        patients[name].images.append(ImageVolume(item))
    for name, item in labels.items():
        patients[name].drawn.append(DrawnVolume(item, images.get(name)))
    for name, patient in patients.items():
        row = tables.row(name, files[0].parts[:-1], found.aside)
        patient.ed, patient.es = facts.phase(row.get("ed"), first=0), facts.phase(row.get("es"), first=0)
        patient.group = row.get("pathology", "")
        patient.vendor = row.get("vendorname") or row.get("vendor", "")
        take_size(patient, row)
    return [in_part(patient, files) for patient in patients.values()]


def find_second(files: list[Item], tables: Tables, found: Found) -> list[VolumeFiles]:
    """Return the patients of M&Ms-2 in a folder: the ends of the beat, labels of both, and a file of all phases.

    Which phases of that file the ends are, only their pixels say: without it they are phases 1 and 2, with it they
    bear these numbers, and `VolumeFiles.ed` and `es` are not known.
    """
    patients: dict[str, VolumeFiles] = {}
    images, labels = dict[tuple[str, int | None], Item](), dict[tuple[str, int], Item]()
    for item in files:
        match = _MNMS2.match(item.parts[-1])
        if match is None:
            continue
        found.used.append(item)
        if match["view"].upper() == "LA":
            found.aside.append(SetAside(item.label, _LONG_AXIS))
            continue
        patients.setdefault(match["id"], VolumeFiles(match["id"], MNMS2))
        phase = _ENDS.index(match["end"].upper()) + 1 if match["end"] else None
        if phase and match["labels"]:
            take(labels, (match["id"], phase), item, found)
        else:
            take(images, (match["id"], phase), item, found)
    for (name, phase), item in images.items():
        patients[name].images.append(ImageVolume(item, phase))
    for (name, phase), item in labels.items():
        patients[name].drawn.append(DrawnVolume(item, images.get((name, phase)), phase))
    for name, patient in patients.items():
        if (name, None) not in images:
            patient.ed, patient.es = (end if (name, end) in images else None for end in (1, 2))
        row = tables.row(name, files[0].parts[:-1], found.aside)
        patient.group, patient.vendor = row.get("disease", ""), row.get("vendor", "")
        if not in_part(patient, files).official_part and _CODE.fullmatch(name) and patient.group:
            patient.official_part = next((part for part, own in _NUMBERS.items() if int(name) in own), "")
    return list(patients.values())
