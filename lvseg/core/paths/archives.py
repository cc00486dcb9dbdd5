"""Files in folders and zip archives, read in place: nothing is unpacked onto the user's disk."""

import functools
import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from lvseg.core.texts import shown

# A classic MR image is well below 16 MiB and compresses at most some tenfold; an all-black one, more.
BOMB_BYTES = 16 * 2**20
BOMB_RATIO = 100
_TOLD_REASONS = 3  # for which files could not be used
# Where DVC keeps a file, by its hash: data that it tracks may be links there, in whatever folder the cache lies.
_IN_DVC_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


class UnreadableError(Exception):
    """A file that cannot be used; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class SetAside:
    """A file (or a folder of them) that was not used, and why."""

    file: str
    reason: str

    def __post_init__(self) -> None:
        """Make name and reason printable: they are read, not opened; libraries put names into their reasons."""
        object.__setattr__(self, "file", shown(self.file))
        object.__setattr__(self, "reason", shown(self.reason))


def told(set_aside: Sequence[SetAside]) -> str:
    """Return the most frequent reasons for which files were set aside, each with its count, in brackets."""
    counts = Counter(file.reason for file in set_aside).most_common()
    if not counts:
        return ""
    if len(counts) == 1:
        return f" ({counts[0][0]})"
    reasons = "; ".join(f"{count} x {reason}" for reason, count in counts[:_TOLD_REASONS])
    return f" ({reasons}{'; and others' if len(counts) > _TOLD_REASONS else ''})"


@dataclass(frozen=True, order=True)
class Item:
    """One file, on disk or inside a zip archive.

    Attributes:
        place: the archive's or the folder's path, as text.
        name: the path inside it, with forward slashes.
        size: bytes, as declared.
        member: position in the archive; -1 for a file on disk.
        stamp: changes when the content does: checksum of an archive's member, time of a file on disk.
    """

    place: str
    name: str
    size: int
    member: int
    stamp: int

    @property
    def label(self) -> str:
        """The path a person can follow, archive first; it may stand in any text."""
        return shown(f"{self.place}/{self.name}")

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders above the file, an archive counting as one, and its name."""
        place = self.place if self.member < 0 else self.place.removesuffix(".zip")
        return PurePosixPath(place, self.name).parts

    def read(self, size: int = -1) -> bytes:
        """Return the first `size` bytes, or all of them.

        Raises:
            UnreadableError: the file cannot be opened, decompressed, or holds less or more than declared.
        """
        try:
            if self.member < 0:
                with Path(self.place, self.name).open("rb") as file:
                    return file.read(size)
            archive = _open(self.place, os.getpid())
            with archive.open(archive.infolist()[self.member]) as file:
                return file.read(size)
        except OSError as error:
            raise UnreadableError(f"cannot be read ({error.strerror or error})") from None
        except MemoryError:
            raise
        except Exception as error:  # each compression method has errors of its own
            raise UnreadableError(f"damaged in its archive ({error})") from None


@functools.lru_cache(maxsize=8)
def _open(place: str, _process: int) -> zipfile.ZipFile:
    """Return an open archive; each process keeps a few of its own, for a fork shares the place in the file."""
    return zipfile.ZipFile(place)


def shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many folders two paths have in common from the top."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def walk(paths: Iterable[Path]) -> tuple[list[Item], list[SetAside]]:
    """Return every file below the given folders and in the given or found archives, in stable order.

    An archive that is damaged, encrypted or a bomb, a member with an unsafe name, and a link that leads out of its
    folder (but for one into a cache of DVC's) are set aside.
    """
    items: list[Item] = []
    aside: list[SetAside] = []
    for path in (given if given.name not in ("", "..") else given.resolve() for given in paths):
        if path.is_dir():
            for file in _files(path, aside):
                if file.suffix.lower() == ".zip":
                    _add_archive(file, items, aside)
                else:
                    _add_file(path, file, items, aside)
        elif zipfile.is_zipfile(path) or path.suffix.lower() == ".zip":
            _add_archive(path, items, aside)
        else:
            _add_file(path.parent, path, items, aside)
    return sorted(set(items)), aside


def leads_out(path: Path, folder: Path) -> bool:
    """Return whether a link leads out of a folder that somebody delivered, other than to a file that DVC keeps."""
    real, home = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([real, home]) != home and not _IN_DVC_CACHE.search(real)


def _files(folder: Path, aside: list[SetAside]) -> list[Path]:
    """Return all files below a folder, links within it followed once."""

    def refuse(error: OSError) -> None:
        aside.append(SetAside(str(error.filename), f"folder cannot be read ({error.strerror})"))

    seen: set[str] = set()
    files: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in [*folders, *names]:  # a copy, from which none is removed
            path = Path(place, name)
            if path.is_symlink() and leads_out(path, folder):
                reason = (
                    "a link that leads out of its folder: name the folder that it leads to, or copy the files"
                )
                aside.append(SetAside(str(path), reason))
                (folders if name in folders else names).remove(name)
        folders.sort()
        files += [Path(place, name) for name in sorted(names)]
    return files


def _add_file(folder: Path, path: Path, items: list[Item], aside: list[SetAside]) -> None:
    try:
        status = path.stat()
    except OSError as error:
        aside.append(SetAside(str(path), f"cannot be read ({error.strerror})"))
        return
    if not stat.S_ISREG(status.st_mode):
        aside.append(SetAside(str(path), "not a regular file"))
        return
    name = path.relative_to(folder).as_posix()
    items.append(Item(str(folder), name, status.st_size, -1, status.st_mtime_ns))


def _add_archive(path: Path, items: list[Item], aside: list[SetAside]) -> None:
    try:
        members = _open(str(path), os.getpid()).infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        aside.append(SetAside(str(path), f"not a readable zip archive ({error}): fetch it again"))
        return
    faults = [_fault(member) for member in members]
    whole = sum(member.file_size for member, fault in zip(members, faults, strict=True) if not fault)
    if _is_bomb(whole, path.stat().st_size):  # members that share their bytes pass one by one
        reason = f"holds {whole:,} bytes in {path.stat().st_size:,}: looks like a zip bomb"
        aside.append(SetAside(str(path), reason))
        return
    for index, (member, fault) in enumerate(zip(members, faults, strict=True)):
        name = _name(member)
        if fault:
            aside.append(SetAside(f"{path}/{name}", fault))
        elif not name.endswith("/"):
            items.append(Item(str(path), name, member.file_size, index, member.CRC))


def _name(member: zipfile.ZipInfo) -> str:
    """Return the path of a member with forward slashes: some archives made on Windows have others."""
    return member.filename.replace("\\", "/")


def _fault(member: zipfile.ZipInfo) -> str | None:
    """Return why a member of an archive is not to be touched."""
    name = _name(member)
    if not name:
        return "has no name"
    if name.startswith("/") or ".." in PurePosixPath(name).parts or ":" in name.split("/")[0]:
        return "its name points outside the archive"
    if member.flag_bits & 1:
        return "encrypted: unpack the archive with its password first"
    if _is_bomb(member.file_size, member.compress_size):
        return f"{member.file_size:,} bytes packed into {member.compress_size:,}: looks like a zip bomb"
    return None


def _is_bomb(whole: int, packed: int) -> bool:
    return whole > BOMB_BYTES and whole > BOMB_RATIO * max(packed, 1)
