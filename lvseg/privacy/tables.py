"""Files with a structure of their own: the texts in arrays, pictures, models, tables and databases."""

import io
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_ROWS = 10_000  # of a table of a database that are held at once
_BYTES = 256 * 2**20  # of an array that are looked at as they are

Parts = Iterator[tuple[str, bytes]]


def reader_of(content: bytes) -> Callable[[bytes], Parts] | None:
    """Return what yields name and bytes of each text of a file; None for what has no such structure."""
    readers = {
        _PNG: _png,
        b"\x93NUMPY": _numpy,
        b"\x89HDF\r\n\x1a\n": _hdf5,
        b"PAR1": _parquet,
        b"SQLite format 3\0": _sqlite,
    }
    return next((reader for start, reader in readers.items() if content.startswith(start)), None)


def _png(content: bytes) -> Parts:
    """Yield keyword and text of each textual chunk of a PNG file (PNG 3rd edition, 11.3.3)."""
    at = len(_PNG)
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        keyword, _, text = content[at + 8 : at + 8 + size].partition(b"\0")
        at += 12 + size
        if kind == b"tEXt":
            yield "tEXt", keyword + b"\n" + text
        elif kind == b"zTXt":
            yield "zTXt", keyword + b"\n" + zlib.decompress(text[1:])
        elif kind == b"iTXt":
            language, translated, said = text[2:].split(b"\0", 2)
            said = zlib.decompress(said) if text[:1] == b"\1" else said
            yield "iTXt", b"\n".join([keyword, language, translated, said])


def _numpy(content: bytes) -> Parts:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    yield from _strings("strings", array)


def _hdf5(content: bytes) -> Parts:
    """Yield the names of all groups and arrays, attributes, and arrays of strings and of bytes, which may be packed."""
    import h5py

    names: list[str] = []
    with h5py.File(io.BytesIO(content), "r") as file:
        members: list[tuple[str, Any]] = [("", file)]
        file.visititems(lambda name, item: members.append((name, item)))
        for name, item in members:
            names.append(name)
            for key, value in item.attrs.items():
                names.append(f"{key} {_words(value).decode(errors='replace')}")
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "OSU":
                yield name, _words(item[()])
            elif isinstance(item, h5py.Dataset) and item.dtype.itemsize == 1 and item.size <= _BYTES:
                yield name, np.asarray(item[()]).tobytes()
    yield "names", "\n".join(names).encode()


def _parquet(content: bytes) -> Parts:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(io.BytesIO(content))
    yield "schema", str(table.schema.metadata).encode() + "\n".join(table.column_names).encode()
    for name, column in zip(table.column_names, table.columns, strict=True):
        yield name, "\n".join(map(str, column.to_pylist())).encode()


def _sqlite(content: bytes) -> Parts:
    """Yield the values of each table of a database: in the file itself long ones may be cut into pages."""
    if content[18:20] == b"\2\2":  # it says that a journal goes with it, which is a file of its own
        content = content[:18] + b"\1\1" + content[20:]
    with closing(sqlite3.connect(":memory:")) as database:
        database.text_factory = bytes
        database.deserialize(content)
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (name,) in tables:
            quoted = name.decode(errors="replace").replace('"', '""')
            rows = database.execute(f'select * from "{quoted}"')
            while some := rows.fetchmany(_MOST_ROWS):
                values = (value for row in some for value in row if value is not None)
                yield (
                    quoted,
                    b"\n".join(one if isinstance(one, bytes) else str(one).encode() for one in values),
                )


def _strings(name: str, array: np.ndarray) -> Parts:
    if array.dtype.kind in "SU":
        yield name, _words(array)


def _words(value: Any) -> bytes:
    """Return a value or an array of values as text, each in a line."""
    flat = np.asarray(value).ravel().tolist()
    return b"\n".join(one if isinstance(one, bytes) else str(one).encode() for one in flat)
