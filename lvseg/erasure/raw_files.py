"""Raw data without one patient: his files go, archives and tables that hold others too are written anew without him."""

import shutil
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import Item, UnreadableError, walk
from lvseg.core.paths.files import atomic_path
from lvseg.erasure.patient import Patient
from lvseg.erasure.traces import Traces
from lvseg.privacy.contents import UnopenedError


def tables(places: Sequence[Path], patient: Patient, traces: Traces) -> list[Item]:
    """Return the tables that have rows of his among others'."""
    return [
        item
        for item in _others(places, patient)
        if item.name.lower().endswith(".csv") and traces.without(item.name, item.read()) is not None
    ]


def others_naming(places: Sequence[Path], patient: Patient, traces: Traces) -> tuple[list[str], list[str]]:
    """Return what is no file of his and names him nonetheless, and what cannot be looked into."""
    known, naming, unopened = set(tables(places, patient, traces)), [], []
    for item in _others(places, patient):
        if item in known:
            continue
        try:
            if traces.in_content(item.name, item.read()):
                naming.append(item.label)
        except (UnopenedError, UnreadableError):
            unopened.append(item.label)
    return naming, unopened


def remove(places: Sequence[Path], patient: Patient, traces: Traces) -> None:
    """Take the patient out of the raw data; every file and archive is, at any moment, the old one or the new one.

    Raises:
        UserError: an archive cannot be written anew.
    """
    archives: dict[str, dict[int, bytes | None]] = defaultdict(dict)
    changes: dict[Item, bytes | None] = dict.fromkeys(patient.files)
    changes |= {item: traces.without(item.name, item.read()) for item in tables(places, patient, traces)}
    for item, content in changes.items():
        path = Path(item.place, item.name)
        if item.member >= 0:
            archives[item.place][item.member] = content
        elif content is None:
            path.unlink(missing_ok=True)
        else:
            with atomic_path(path) as temporary:
                temporary.write_bytes(content)
    for place, members in archives.items():
        _rewrite(Path(place), members, traces)
    for raw in places:
        for folder in sorted((path for path in raw.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):  # it holds something
                if traces.in_path(folder.relative_to(raw).as_posix()):
                    folder.rmdir()


def _others(places: Sequence[Path], patient: Patient) -> list[Item]:
    his = set(patient.files)
    return [item for item in walk(places)[0] if item not in his]


def _rewrite(path: Path, members: dict[int, bytes | None], traces: Traces) -> None:
    """Write an archive anew: without the members that are None, with the other content of the others.

    One of which nothing is left but folders goes.
    """
    try:
        with zipfile.ZipFile(path) as source, atomic_path(path) as temporary:
            left = 0
            with zipfile.ZipFile(temporary, "w", allowZip64=True) as target:
                target.comment = source.comment
                for number, member in enumerate(source.infolist()):
                    if members.get(number, b"") is None or traces.in_path(member.filename):
                        continue
                    left += not member.is_dir()
                    entry = copy(member)
                    if (content := members.get(number)) is not None:
                        target.writestr(entry, content)
                        continue
                    with source.open(member) as old, target.open(entry, "w", force_zip64=True) as new:
                        shutil.copyfileobj(old, new)
        if not left:
            path.unlink()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise UserError(
            f"{path} cannot be written anew without the patient ({error}): unpack it into a folder of its own, delete "
            "the archive, and repeat the command"
        ) from None
