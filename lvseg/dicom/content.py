"""The bytes of a DICOM file, never more than a machine bears: a deflated one is inflated up to a limit."""

import functools
import io
import zlib

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom.bounds import TOO_MUCH, bounded

LARGEST = 256 * 2**20  # bytes of one file, as it is read
PREAMBLE = 128
_META = PREAMBLE + 4  # where the file meta information begins
_DEFLATED = DeflatedExplicitVRLittleEndian.encode()
_HEAD = 2048  # bytes that hold the transfer syntax


def is_named(head: bytes) -> bool:
    """Return whether bytes begin as the standard says that a DICOM file does (PS3.10 7.1)."""
    return head[PREAMBLE:_META] == b"DICM"


def may_be_dataset(head: bytes) -> bool:
    """Return whether bytes without that beginning may be DICOM: such files begin with a group 0002 or 0008."""
    return head[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")


def is_deflated(head: bytes) -> bool:
    """Return whether the first bytes of a file announce a deflated data set."""
    return is_named(head) and _DEFLATED in head[_META:_HEAD]


def whole(item: Item) -> bytes:
    """Return all bytes of a file, inflated where the data set is deflated: then as explicit little endian.

    Raises:
        UnreadableError: it cannot be read, or is or becomes larger than `LARGEST`.
    """
    if item.size > LARGEST:
        raise UnreadableError(f"{item.size:,} bytes are too many for one DICOM file")
    content = item.read(item.size)
    return _inflated(content) if is_deflated(content[:_HEAD]) else content


# One file, so that hundreds of frames of an object read it once, and memory stays small.
@functools.lru_cache(maxsize=1)
def kept(item: Item) -> bytes:
    """Return the same, kept until another file is asked for."""
    return whole(item)


@bounded()
def _inflated(content: bytes) -> bytes:
    """Return a file whose data set is deflated as one whose data set is not (PS3.5 A.5)."""
    stream, inflater = io.BytesIO(content), zlib.decompressobj(-zlib.MAX_WBITS)
    stream.seek(_META)
    try:
        meta = FileMetaDataset(
            read_dataset(stream, False, True, stop_when=lambda tag, _vr, _size: tag >> 16 != 2)
        )
        plain = inflater.decompress(content[stream.tell() :], LARGEST)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        head = DicomBytesIO()
        write_file_meta_info(head, meta, enforce_standard=False)
    except MemoryError:
        raise UnreadableError(TOO_MUCH) from None
    except Exception as error:  # a parser may fail in any way on damaged bytes
        raise UnreadableError(f"its deflated data set is damaged ({type(error).__name__})") from None
    if inflater.unconsumed_tail:
        raise UnreadableError(f"unpacks to more than {LARGEST:,} bytes: looks like a bomb")
    written: bytes = head.getvalue()
    return content[:_META] + written + plain
