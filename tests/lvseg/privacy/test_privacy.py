"""What identifies in raw data is found wherever it is hidden, what identifies no one is not, and no find tells it."""

import base64
import bz2
import gzip
import io
import json
import lzma
import re
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pydicom
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from lvseg.core.paths.places import ROOT
from lvseg.phantom.case import draw_case
from lvseg.phantom.dataset import Size, generate
from lvseg.privacy.raw import RawValues, read_values
from lvseg.privacy.scan import Scan
from lvseg.privacy.search import SHORTEST_IN_BYTES, Search
from lvseg.privacy.values import Kind, Value, spellings

SIZE = Size(patients=2, slices=3, phases=2, matrix=64)
# One of each kind, as they stand in files.
VALUES = [
    Value(Kind.PATIENT_ID, "SC-HF-I-7"),
    Value(Kind.NAME, "Müller^Anna Maria"),
    Value(Kind.NUMBER, "4711-0815"),
    Value(Kind.DATE, "19540312"),
    Value(Kind.TIME, "081707.271828"),
    Value(Kind.UID, "1.2.840.113619.2.5.1762583153"),
    Value(Kind.PLACE, "Klinik am Wald, Haus 3"),
    Value(Kind.DESCRIPTION, "control of the valve of 2007"),
    Value(Kind.PRIVATE, "GEIGE/77"),
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    generate(folder, 5, SIZE, workers=1)
    return folder


@pytest.fixture(scope="module")
def found(phantom: Path) -> RawValues:
    return read_values(phantom)


def test_every_telling_element_of_the_phantom_is_looked_for(phantom: Path, found: RawValues) -> None:
    files = len(list(phantom.rglob("*.dcm")))
    assert (found.files, found.unread) == (files + 2, 0)
    search = Search(found.values)
    assert search.looked_for[Kind.UID] == files + 2 * 5  # study, two series, frame of reference, private
    assert all(search.looked_for[kind] >= 2 for kind in Kind)
    for number in (1, 2):
        record = draw_case(5, number, SIZE.slices, SIZE.phases, SIZE.matrix).record
        telling = record.telling()
        for dull in (
            0x00090010,
            0x00100040,
            0x00101010,
            0x00400275,
        ):  # vendor, sex, age; the sequence is below
            del telling[dull]
        texts: list[object] = [
            record.original_id,
            f"LEAKREQUEST for {record.patient_id}",
            f"LEAKSPS{number:05d}",
        ]
        for _, value in telling.values():
            texts += value if isinstance(value, tuple) else [value]
        for text in texts:
            content = text if isinstance(text, bytes) else str(text).encode()
            assert search.find(b"<p>" + content + b"</p>"), text


def test_raw_data_is_read_from_archives_and_damaged_files_are_counted(phantom: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    shutil.make_archive(str(tmp_path / "raw" / "received"), "zip", phantom)
    whole = read_values(tmp_path / "raw")
    assert {value.text for value in whole.values} >= {"LEAKNAME001^LEAKGIVEN001^LEAKMIDDLE001", "PHA0000101"}
    frame = next(phantom.rglob("*.dcm")).read_bytes()
    (tmp_path / "raw" / "cut.dcm").write_bytes(frame[:300])
    (tmp_path / "raw" / "torn.zip").write_bytes(frame)
    again = read_values(tmp_path / "raw")
    assert (again.files, again.unread) == (whole.files, 2)
    (tmp_path / "longer").mkdir()
    (tmp_path / "longer" / "frame.dcm").write_bytes(frame + b"\xff" * 50)
    assert "LEAKNAME001^LEAKGIVEN001^LEAKMIDDLE001" in {
        v.text for v in read_values(tmp_path / "longer").values
    }


def test_an_implicit_header_and_what_follows_the_pixels_count(phantom: Path, tmp_path: Path) -> None:
    header = pydicom.dcmread(next(phantom.rglob("*.dcm")))
    header.PatientName = "Orlova^Darya"
    header.add_new(0x7FE10010, "LO", "VENDOR")
    header.add_new(0x7FE11001, "LO", "behind the picture 12")
    header.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    header.file_meta.SourceApplicationEntityTitle = "WARD7SCANNER"
    header.save_as(tmp_path / "implicit.dcm", implicit_vr=True, little_endian=True)
    texts = {value.text for value in read_values(tmp_path).values}
    assert {"Orlova^Darya", "behind the picture 12", "LEAKUNKNOWN PHA0000101", "WARD7SCANNER"} <= texts


def as_png(kind: str) -> Callable[[str], bytes]:
    def write(text: str) -> bytes:
        info, file = PngImagePlugin.PngInfo(), io.BytesIO()
        if kind == "iTXt":
            info.add_itxt("Comment", text, zip=True)
        else:
            info.add_text("Comment", text, zip=kind == "zTXt")
        Image.new("L", (4, 4)).save(file, "PNG", pnginfo=info)
        return file.getvalue()

    return write


def as_npz(text: str) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, pixels=np.arange(9), names=np.array(["P-1", text, "P-2"]))
    return file.getvalue()


def as_zip(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps({"name": f"\n{text}"}))
    return file.getvalue()


def behind_a_prefix(text: str) -> bytes:
    return b"#!/bin/sh\nexec unpack\n" + as_zip(text)


def as_hdf5(text: str) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as group:
        kind = h5py.string_dtype()
        group.create_dataset("notes", data=["P-1", text], dtype=kind, chunks=True, compression="gzip")
        group.create_dataset("weights", data=np.arange(9.0))
    return file.getvalue()


def as_parquet(text: str) -> bytes:
    file = io.BytesIO()
    pd.DataFrame({"who": ["P-1", text], "dice": [0.9, 0.8]}).to_parquet(file)
    return file.getvalue()


def as_database(text: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("create table logs (message text)")
        database.execute("insert into logs values (?)", [f"{'x ' * 9000}{text} was read"])
        return bytes(database.serialize())


def as_page(text: str) -> bytes:
    return b'<img src="data:image/png;base64,' + base64.b64encode(as_png("zTXt")(text)) + b'">'


HIDDEN: dict[str, Callable[[str], bytes]] = {
    "text": lambda text: f"seen by {text}.".encode(),
    "Latin-1": lambda text: f"seen by {text}.".encode("latin-1"),
    "UTF-16": lambda text: f"seen by {text}.".encode("utf-16"),
    "JSON": lambda text: json.dumps({"who": f"a\t{text}\n"}).encode(),
    "CSV": lambda text: f"patient,dice\n{text},0.928123\n".encode(),
    "PNG tEXt": as_png("tEXt"),
    "PNG zTXt": as_png("zTXt"),
    "PNG iTXt": as_png("iTXt"),
    "NumPy strings": as_npz,
    "zip": as_zip,
    "gzip": lambda text: gzip.compress(as_zip(text)),
    "bzip2": lambda text: bz2.compress(as_zip(text)),
    "xz": lambda text: lzma.compress(text.encode()),
    "zlib": lambda text: zlib.compress(as_zip(text)),
    "zip behind a prefix": behind_a_prefix,
    "HDF5": as_hdf5,
    "parquet": as_parquet,
    "database": as_database,
    "base64": lambda text: b"token " + base64.b64encode(f"seen by {text}, of this house".encode()) + b" end",
    "lines of base64": lambda text: base64.encodebytes(as_zip(text)),
    "hexadecimal": lambda text: b'{"blob": "' + f"seen by {text}.".encode().hex().encode() + b'"}',
    "bytes in digits": lambda text: f"seen by {text}.".encode().hex(" ").encode(),
    "soft hyphens": lambda text: f"seen by {text[:3]}\u00ad{text[3:]}.".encode(),
    "page": as_page,
}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.kind)
@pytest.mark.parametrize("place", HIDDEN)
def test_each_kind_is_found_in_each_place(value: Value, place: str) -> None:
    scan = Scan(Search(VALUES))
    scan.look("test", "reports/telling", HIDDEN[place](value.text))
    scan.look("test", "reports/clean", HIDDEN[place]("nobody"))
    assert {(find.kind, find.place.split("/")[1]) for find in scan.finds} == {(value.kind, "telling")}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.kind)
def test_a_name_of_a_file_counts_and_no_find_tells_the_value(value: Value) -> None:
    scan = Scan(Search(VALUES))
    name = value.text.replace("/", "_")
    scan.look("test", f"reports/{name}/archive.zip", as_zip(value.text))
    said = "\n".join(scan.report())
    assert f"FOUND {value.kind} {value.text[0]}... (P" in said
    assert f"in reports/{name[0]}.../archive.zip" in said and "/archive.zip/config.json" in said
    assert not Search(VALUES).find(said.encode())


@pytest.mark.parametrize(
    "value, written",
    [
        ("Müller^Anna", b"Mueller, Anna"),
        ("Müller^Anna", b"MULLER ANNA"),
        ("Müller^Anna", "Mu\u0308ller".encode()),
        ("Mueller^Anna", "Müller".encode()),
        ("Sørensen^Åse", b"Soerensen Aase"),
        ("Щербакова^Юлия", "Юлия Щербакова".encode("cp1251")),
        ("Щербакова^Юлия", "Юлия Щербакова".encode("koi8-r")),
        ("Щербакова^Юлия", "Юлия Щербакова".encode("utf-16-le")),
        ("Щербакова^Юлия", b"\1\2\xff" + "Щербакова".encode() + b"\0\3"),
        ("Щербакова^Юлия", b"SHCHERBAKOVA IULIIA"),
        ("Щербакова^Юлия", b"Yuliya"),
        ("王^小明", "病人 王 小明 的".encode("gb18030")),
        ("19540312", b"born on 12 March 1954"),
        ("19540312", b"March 12th, 1954"),
        ("19540312", "am 12. März 1954".encode()),
        ("19540312", b"le 12 mars 1954"),
        ("19540312", b"born 12.03.54, here"),
        ("19540312", b"3/12/54"),
    ],
)
def test_other_hands_and_other_letters(value: str, written: bytes) -> None:
    kind = Kind.DATE if value.isdigit() else Kind.NAME
    search = Search([Value(kind, value)])
    assert search.find(b"seen: " + written + b" (so it is)"), "in the middle of a text"
    assert not search.find("seen: Müllner Shcherba Щербак 13.03.54 v3.12.54 12:03:54 12 May 1954".encode())


def test_short_names_count_in_few_bytes_and_not_where_chance_writes_them() -> None:
    search = Search([Value(Kind.NAME, "Orlowa^Eve")])
    assert search.find(b"\x80\x04\x95\0\0\0orlowa\x94.\xff\0"), "a pickle"
    noise = np.random.default_rng(0).integers(0, 256, 4_000_000, dtype=np.uint8).tobytes()
    short = [Value(Kind.NAME, f"{a}{b}ko^Z") for a in "abcdefghijklmnop" for b in "aeiou"]
    assert not Search(short).find(b"\0" + noise)


LETTERS = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=6)
SEPARATORS = st.text(st.sampled_from(" ^_-./,;:|\t\n=()[]\"'<>"), min_size=1, max_size=4)


@given(
    value=st.sampled_from(VALUES),
    before=st.binary(max_size=40) | LETTERS.map(str.encode),
    left=SEPARATORS,
    right=SEPARATORS,
    after=st.binary(max_size=40) | LETTERS.map(str.encode),
    between=SEPARATORS,
    data=st.data(),
)
def test_a_value_is_found_whatever_surrounds_it(
    value: Value, before: bytes, left: str, right: str, after: bytes, between: str, data: st.DataObject
) -> None:
    """But for a decimal point. In bytes of any kind, from eight letters and digits on; in texts at any length."""
    ways = sorted(spellings(value))
    text = between.join(data.draw(st.sampled_from(ways)).split(" ")).upper()
    if sum(letter.isascii() and letter.isalnum() for letter in text) < SHORTEST_IN_BYTES:
        before = after = b"x"  # a short one counts in text alone
    assume(
        not re.search(rb"\d\.$", before + left.encode()) and not re.match(rb"\.\d", right.encode() + after)
    )
    content = before + left.encode() + text.encode() + right.encode() + after
    assert value in Search(VALUES).find(content), content


def test_a_value_is_found_at_the_seams_of_large_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvseg.privacy.search._STEP", 64)
    search = Search(VALUES)
    for filling in (b" ", b"\1"):  # as text, and as bytes
        for at in range(40, 150):
            content = bytearray(filling * 200)
            content[at : at + 29] = b"1.2.840.113619.2.5.1762583153"
            assert {value.kind for value in search.find(bytes(content))} == {Kind.UID}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_characters_amid_bytes(encoding: str) -> None:
    strings = "then\0Anna Maria Müller\0next".encode(encoding)
    content = b"\x01\xff\x02" + strings + b"\x03"
    assert {value.kind for value in Search(VALUES).find(content)} == {Kind.NAME}


@pytest.mark.parametrize(
    "value",
    [
        Value(Kind.NAME, "ANONYMOUS"),
        Value(Kind.NAME, "Li^Na"),  # too short
        Value(Kind.PLACE, "Sunnybrook"),  # the data set that this project is about
        Value(Kind.DESCRIPTION, "short axis cine"),
        Value(Kind.DESCRIPTION, "CINESAX"),
        Value(Kind.PRIVATE, "63.8712"),
        Value(Kind.PRIVATE, "XXXXXXXXXX"),
        Value(Kind.NUMBER, "12345"),
        Value(Kind.DATE, "19800101"),
        Value(Kind.DATE, "20120000"),
        Value(Kind.TIME, "101500"),
        Value(Kind.UID, "1.2.3.4"),
    ],
    ids=lambda value: value.text,
)
def test_what_identifies_no_one_is_left_out_and_counted(value: Value) -> None:
    search = Search([value])
    assert (search.looked_for.total(), search.left_out[value.kind]) == (0, 1)


def test_longer_words_and_decimals_are_no_find() -> None:
    search = Search([*VALUES, Value(Kind.PATIENT_ID, "928123"), Value(Kind.NAME, "Best Adam")])
    said = "0.928123 [-0.928123,928123e4] 11954031299 Adam and the best of SC-HF-I-70, 1.2.840.113619.2.5.17625831533"
    assert not search.find(said.encode())
    assert {value.text for value in search.find(b"928123, adam best")} == {"928123", "Best Adam"}


def test_the_words_of_this_project_raise_no_alarm(found: RawValues) -> None:
    names = ("Adam^Mark", "Young^Grant", "Weiss^Long", "Field^Gray")
    search = Search([*found.values, *(Value(Kind.NAME, name) for name in names)])
    for path in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *(ROOT / "tracking").glob("*.py")]:
        assert not search.find(path.read_bytes()), path


def test_public_ids_pass_and_nothing_else_of_the_same_patients(found: RawValues) -> None:
    search = Search(found.values, allowed=found.of_kind(Kind.PATIENT_ID))
    assert search.allowed == {Kind.PATIENT_ID: 4} and Kind.PATIENT_ID not in search.looked_for
    assert not search.find(b"PHA0000101 PH-HF-I-01")
    assert {value.kind for value in search.find(b"PHA0000101^LEAKNAME001")} == {Kind.NAME}
    assert {value.kind for value in search.find(b"LEAKSTUDY HEART PHA0000101")} == {Kind.DESCRIPTION}


@pytest.mark.parametrize(
    "content",
    [
        b"7z\xbc\xaf\x27\x1c\0\4",
        b"Rar!\x1a\x07\0",
        b"%PDF-1.7\n",
        b"\x28\xb5\x2f\xfd",
        b"-----BEGIN PGP MESSAGE-----\n",
        b"\x89HDF\r\n\x1a\n and no more",
        b"SQLite format 3\0 and no more",
        gzip.compress(bytes(2000)),
        zlib.compress(bytes(2000)),
    ],
    # Named, because gzip writes the time of day, and every worker must find the same tests.
    ids=["7z", "rar", "pdf", "zstd", "pgp", "hdf5", "sqlite", "gzip bomb", "zlib bomb"],
)
def test_what_nothing_here_reads_is_named(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvseg.privacy.contents.MOST", 1000)
    scan = Scan(Search(VALUES))
    scan.look("test", "results/closed", content)
    (line,) = [line for line in scan.report() if "UNOPENED" in line]
    assert not scan.clean and line.startswith("UNOPENED results/closed cannot be opened (")


def test_a_table_of_a_kilobyte_takes_no_gigabytes() -> None:
    """Anybody who may write to MLflow may have logged it; without bounds it takes three gigabytes, and is clean."""
    file = io.BytesIO()
    with h5py.File(file, "w") as table:
        table.create_dataset("words", shape=(3 * 2**20,), dtype="S1000", chunks=(1024,), compression="gzip")
    assert len(file.getvalue()) < 2000
    scan = Scan(Search(VALUES))
    scan.look("test", "results/table.h5", file.getvalue())
    assert "results/table.h5 cannot be opened (it takes more memory" in "\n".join(scan.report())


def test_what_cannot_be_opened_is_not_clean() -> None:
    scan = Scan(Search(VALUES))
    scan.look("test", "reports/page.html", as_page("nobody"))
    assert scan.clean
    scan.look("test", "reports/broken.zip", as_zip("nobody")[:60])
    assert not scan.clean and "UNOPENED reports/broken.zip" in "\n".join(scan.report())
