"""Which files beside images are drawings, told by their first bytes and not by their names."""

from lvseg.core.paths.archives import Item, UnreadableError
from lvseg.dicom import content

KINDS = ("SEG", "RTSTRUCT", "cvi42")  # of two that drew a structure on one frame, the first is believed
SEG = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.7",
)  # Segmentation, Label Map Segmentation Storage
RTSTRUCT = ("1.2.840.10008.5.1.4.1.1.481.3",)  # RT Structure Set Storage
_HEAD = 4096  # bytes, in which a file says what it is


def kind_of(item: Item) -> str:
    """Return which of `KINDS` a file is, by its first bytes; nothing for any other, or one that cannot be read."""
    try:
        head = item.read(_HEAD)
    except UnreadableError:
        return ""
    if content.is_named(head):
        for kind, storages in (("SEG", SEG), ("RTSTRUCT", RTSTRUCT)):
            # A UID stands in the file's meta information, and ends with a zero or where the next element begins.
            if any(f"{uid}{end}".encode("latin-1") in head for uid in storages for end in "\0\x02\x08"):
                return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return "cvi42" if text.startswith(b"<") and b"Hash:" in head else ""
