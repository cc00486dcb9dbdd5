"""Bytes that are written as text, or packed without a name: base64, hexadecimal digits, zlib."""

import base64
import binascii
import re
from collections.abc import Iterator

_LABELLED = re.compile(rb";base64,([A-Za-z0-9+/\s]+={0,2})")
# From 12 bytes on: below, every second word of a language would be one. Long lines may go on in the next.
_BASE64 = re.compile(
    rb"(?<![A-Za-z0-9+/_=-])(?:(?:[A-Za-z0-9+/_-]{60,}\r?\n)+[A-Za-z0-9+/_-]*|[A-Za-z0-9+/_-]{16,})={0,2}"
)
_HEX = re.compile(
    rb"(?<![0-9A-Za-z])(?:(?:[0-9a-fA-F]{2}){8,}|(?:[0-9a-fA-F]{2}[ :,]){7,}[0-9a-fA-F]{2})(?![0-9A-Za-z])"
)
_BETWEEN = re.compile(rb"[\s:,]")


def is_zlib(content: bytes) -> bool:
    """Return whether a content begins as a zlib stream does (RFC 1950, 2.2): so do two in a thousand others."""
    return (
        len(content) > 8
        and content[0] & 0x0F == 8
        and content[0] >> 4 <= 7
        and not content[1] & 0x20
        and (content[0] * 256 + content[1]) % 31 == 0
    )


def parts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what is written in base64, labelled as in pages or not, and in hexadecimal digits.

    What is none, such as a long word or a hash, gives bytes in which nothing is found. All short parts come as one, in
    lines; long ones may be containers and come one by one.
    """
    for number, match in enumerate(_LABELLED.finditer(content), start=1):
        yield f"base64 {number}", base64.b64decode(match[1])
    short: list[bytes] = []
    for number, decoded in enumerate(_decoded(content), start=1):
        if len(decoded) > 4096:
            yield f"coded {number}", decoded
        else:
            short.append(decoded)
    if short:
        yield "coded", b"\n\0".join(short)


def _decoded(content: bytes) -> Iterator[bytes]:
    for match in _HEX.finditer(content):
        yield bytes.fromhex(_BETWEEN.sub(b"", match[0]).decode())
    for match in _BASE64.finditer(content):
        text = _BETWEEN.sub(b"", match[0]).replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        try:
            yield base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + b"==")
        except binascii.Error:
            continue
