"""DICOMDIR: the table of contents of a medium (PS3.3 F.3), which files belong to which study."""

import io
from collections import defaultdict
from pathlib import Path, PurePosixPath

import pydicom

from lvseg.core.paths.archives import Item, SetAside, UnreadableError, leads_out
from lvseg.dicom import content
from lvseg.dicom.bounds import TOO_MUCH, bounded

Studies = dict[tuple[str, str], list[Item]]


@bounded()
def read(item: Item) -> tuple[Studies, list[SetAside]]:
    """Return the files of each study, by patient id and study UID, and those that are listed and not there.

    Media differ in the case of their file names, so it does not count.

    Raises:
        UnreadableError: it is damaged.
    """
    folder = Path(item.place, item.name).parent
    there = {
        path.relative_to(folder).as_posix().casefold(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not (path.is_symlink() and leads_out(path, folder))
    }
    studies: Studies = defaultdict(list)
    missing = []
    patient = study = ""
    try:
        listed = pydicom.dcmread(io.BytesIO(content.whole(item)), force=True).DirectoryRecordSequence
        for record in listed:
            kind = record.get("DirectoryRecordType", "")
            if kind == "PATIENT":
                patient = str(record.get("PatientID", "") or "")
            elif kind == "STUDY":
                study = str(record.get("StudyInstanceUID", "") or "")
            elif record.get("ReferencedFileID"):
                parts = record.ReferencedFileID
                name = PurePosixPath(*([parts] if isinstance(parts, str) else parts)).as_posix()
                path = there.get(name.casefold())  # a name that leads out of the folder is not among them
                if path is None:
                    missing.append(SetAside(f"{folder}/{name}", "listed in the DICOMDIR and not there"))
                else:
                    status = path.stat()
                    relative = path.relative_to(folder).as_posix()
                    studies[patient, study].append(
                        Item(str(folder), relative, status.st_size, -1, status.st_mtime_ns)
                    )
    except UnreadableError:
        raise
    except MemoryError:
        raise UnreadableError(TOO_MUCH) from None
    except Exception:  # a parser may fail in any way on damaged bytes
        raise UnreadableError("a damaged DICOMDIR: name the folder of each study itself") from None
    return dict(studies), missing
