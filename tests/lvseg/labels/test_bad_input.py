"""One bad file never stops the rest, and never disappears without a word."""

import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import JPEG2000Lossless, RLELossless

from lvseg.labels.inspection import inspect
from lvseg.labels.layouts import find_patients
from lvseg.labels.patient import read_study
from tests.lvseg.labels.scd import Cine, dataset, to_bytes, write_layout, zip_folder

CINE = Cine()
GOOD = to_bytes(dataset(CINE.pixels(0, 5), 5, 0))
IMAGES = "challenge_training/SC-HF-I-1"
CONTOURS = "Sunnybrook Cardiac MR Database ContoursPart3/TrainingDataContours/SC-HF-I-01/contours-manual/IRCCI-expert"


def without(keyword: str) -> bytes:
    frame = dataset(CINE.pixels(0, 5), 5, 0)
    delattr(frame, keyword)
    return to_bytes(frame)


def broken_jpeg() -> bytes:
    frame = dataset(CINE.pixels(0, 5), 5, 0)
    frame.compress(JPEG2000Lossless)
    content = to_bytes(frame)
    return content[: len(content) // 2] + bytes(len(content) // 2)


CUT_OFF = "".join(f"{x:.2f} {y:.2f}\n" for x, y in CINE.contour(0, 5)[:40]).encode()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (f"{IMAGES}/IM-0004-0005.dcm", b"", "empty"),
        (f"{IMAGES}/IM-0004-0005.dcm", GOOD[:2000], "truncated"),
        (f"{IMAGES}/IM-0004-0005.dcm", GOOD[:500], "pixel data"),
        (f"{IMAGES}/IM-0004-0005.dcm", b"%PDF-1.7" + bytes(range(256)) * 40, "not a DICOM file"),
        (f"{IMAGES}/IM-0004-0005.dcm", without("PixelData"), "without pixel data"),
        (f"{IMAGES}/IM-0004-0005.dcm", without("Rows"), "image size"),
        (f"{IMAGES}/IM-0004-0005.dcm", broken_jpeg(), "cannot be decoded"),
        (f"{CONTOURS}/IM-0001-0005-icontour-manual.txt", b"1 2\nhello there\n", "not a pair of numbers"),
        (f"{CONTOURS}/IM-0001-0005-icontour-manual.txt", b"1 2\nnan 3\n4 5\n", "pixel coordinates"),
        (f"{CONTOURS}/IM-0001-0005-icontour-manual.txt", b"1 2\n", "enclose no area"),
        (f"{CONTOURS}/IM-0001-0005-icontour-manual.txt", b"", "enclose no area"),
        (f"{CONTOURS}/IM-0001-0005-icontour-manual.txt", CUT_OFF, "line is open"),
        (f"{CONTOURS}/IM-0001-0005-icontour-auto.txt", b"1 2\n3 4\n5 1\n", "not a manual contour"),
        (f"{CONTOURS}/notes.txt", b"drawn on a Monday", "not that of a contour"),
        ("readme.pdf", b"%PDF", "neither an image"),
        ("inner.tar.gz", b"x", "unpack it"),
        ("table.csv", b"a,b\n1,2\n", "table without"),
    ],
)
def test_a_bad_file_is_set_aside_with_a_reason_and_the_rest_goes_on(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    write_layout(tmp_path, "A", CINE)
    (tmp_path / name).write_bytes(content)
    found = inspect([tmp_path], first_pixel=1, workers=1)
    (entry,) = found["set_aside"]
    assert entry["file"] == str(tmp_path / name)
    assert reason in entry["reason"]
    assert found["patients"][0]["contours_joined"] >= 5


def archive_with(path: Path, name: str, content: bytes) -> Path:
    """Return a good archive with one more member."""
    write_layout(path / "raw", "A", CINE)
    archive = zip_folder(path / "raw", path / "raw.zip")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return archive


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("../../outside.dcm", GOOD, "outside the archive"),
        ("/etc/absolute.dcm", GOOD, "outside the archive"),
        (f"{IMAGES}/IM-0004-0099.dcm", bytes(64 * 2**20), "zip bomb"),
    ],
)
def test_a_dangerous_member_is_not_touched(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    found = inspect([archive_with(tmp_path, name, content)], first_pixel=1, workers=1)
    (entry,) = found["set_aside"]
    assert reason in entry["reason"]
    assert found["patients"][0]["contours_joined"] == 6
    assert not (tmp_path.parent / "outside.dcm").exists()


def test_an_encrypted_member_and_one_that_lies_about_its_size(tmp_path: Path) -> None:
    archive = archive_with(tmp_path, f"{IMAGES}/IM-0004-0099.dcm", GOOD)
    content = bytearray(archive.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    assert content[entry + 46 :].startswith(IMAGES.encode())
    content[entry + 8] |= 1
    archive.write_bytes(content)
    assert "encrypted" in inspect([archive], first_pixel=1, workers=1)["set_aside"][0]["reason"]
    content[entry + 8] &= 0xFE
    struct.pack_into("<I", content, entry + 24, 1000)
    archive.write_bytes(content)
    found = inspect([archive], first_pixel=1, workers=1)
    assert len(found["set_aside"]) == 1
    assert found["patients"][0]["contours_joined"] == 6


def test_a_header_with_an_impossible_type_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write_layout(tmp_path, "A", CINE)
    path = tmp_path / IMAGES / "IM-0004-0005.dcm"
    path.write_bytes(path.read_bytes().replace(b"\x28\x00\x30\x00DS", b"\x28\x00\x30\x00Dx"))
    found = inspect([tmp_path], first_pixel=1, workers=1)
    assert found["patients"][0]["frames"] + len(found["set_aside"]) == 15


def test_damage_in_every_way_to_compress(tmp_path: Path) -> None:
    for name, method in (
        ("lzma", zipfile.ZIP_LZMA),
        ("bz2", zipfile.ZIP_BZIP2),
        ("zip", zipfile.ZIP_DEFLATED),
    ):
        archive = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(archive, "w", method) as file:
            file.writestr(f"SC-HF-I-{len(name)}/IM-0001-0001.dcm", GOOD)
        content = bytearray(archive.read_bytes())
        content[200:260] = bytes(60)
        archive.write_bytes(content)
    found = inspect([tmp_path], first_pixel=1, workers=1)
    assert len(found["set_aside"]) == 3


def test_large_strangers_are_not_read_whole(tmp_path: Path) -> None:
    write_layout(tmp_path, "A", CINE)
    for name in ("film.avi", "table.csv"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(20 * 2**30)
    (tmp_path / "features.csv").write_text("id," + "x" * 140_000)
    os.mkfifo(tmp_path / "pipe.csv")
    found = inspect([tmp_path], first_pixel=1, workers=1)
    assert len(found["set_aside"]) == 4
    assert found["patients"][0]["contours_joined"] == 6


def test_a_damaged_archive_beside_a_good_one(tmp_path: Path) -> None:
    archive_with(tmp_path, "extra.pdf", b"")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "raw.zip").read_bytes()[:5000])
    (tmp_path / "bomb.zip").write_bytes(b"")
    found = inspect([tmp_path], first_pixel=1, workers=1)
    assert {Path(entry["file"]).name for entry in found["set_aside"]} == {"cut.zip", "bomb.zip", "extra.pdf"}
    assert found["patients"][0]["contours_joined"] == 6


def test_compressed_pixels_decode_to_the_same(tmp_path: Path) -> None:
    import gdcm

    write_layout(tmp_path, "A", CINE)
    files = sorted((tmp_path / IMAGES).glob("*.dcm"))
    for path, syntax in zip(files, (RLELossless, JPEG2000Lossless), strict=False):
        frame = pydicom.dcmread(path)
        frame.compress(syntax)
        frame.save_as(path)
    for path, syntax in zip(
        files[2:],
        (gdcm.TransferSyntax.JPEGLosslessProcess14_1, gdcm.TransferSyntax.JPEGLSLossless),
        strict=False,
    ):
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
    patients, _ = find_patients([tmp_path])
    study = read_study(patients[0], first_pixel=1, all_pixels=True)
    assert study.aside == []
    for number, slice_, phase in CINE.numbers():
        np.testing.assert_array_equal(study.pixels[number], CINE.pixels(slice_, phase))


def test_monochrome1_is_turned(tmp_path: Path) -> None:
    write_layout(tmp_path, "A", CINE)
    for path in (tmp_path / IMAGES).glob("*.dcm"):
        frame = pydicom.dcmread(path)
        frame.PhotometricInterpretation = "MONOCHROME1"
        frame.PixelData = np.invert(frame.pixel_array).tobytes()
        frame.save_as(path)
    patients, _ = find_patients([tmp_path])
    np.testing.assert_array_equal(
        read_study(patients[0], first_pixel=1, all_pixels=True).pixels[5], CINE.pixels(0, 5)
    )


mutations = st.lists(
    st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations=mutations, cut=st.integers(0, len(GOOD)), low=st.booleans())
def test_mutated_images_never_crash_and_never_vanish(
    tmp_path: Path, mutations: list[tuple[int, bytes]], cut: int, low: bool
) -> None:
    content = bytearray(GOOD)
    for place, patch in mutations:
        start = place % 1000 if low else place  # the header is the first kilobyte
        content[start : start + len(patch)] = patch
    folder = tmp_path / "SC-HF-I-01"
    folder.mkdir(exist_ok=True)
    (folder / "IM-0001-0005.dcm").write_bytes(bytes(content[:cut] if cut % 3 == 0 else content))
    patients, aside = find_patients([tmp_path])
    study = read_study(patients[0], first_pixel=1, all_pixels=True)
    assert len(study.frames) + len(study.aside) + len(aside) == 1


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=60), st.binary(max_size=60), st.lists(st.floats(), max_size=12)))
def test_any_contour_file_is_read_or_set_aside(tmp_path: Path, text: str | bytes | list[float]) -> None:
    if isinstance(text, list):
        text = "\n".join(f"{x} {y}" for x, y in zip(text[::2], text[1::2], strict=False))
    folder = tmp_path / "SC-HF-I-01" / "i-contours"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "IM-0001-0005-icontour-manual.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    image = tmp_path / "SC-HF-I-01" / "IM-0001-0005.dcm"
    image.write_bytes(GOOD)
    patients, _ = find_patients([tmp_path])
    study = read_study(patients[0], first_pixel=1, all_pixels=True)
    assert len(study.points) + len(study.aside) == 1
    assert len(study.frames) == 1


@pytest.fixture(scope="session")
def real_files(real_data: Path) -> list[bytes]:
    with zipfile.ZipFile(real_data / "scd-original-SC-HF-I-1.zip") as archive:
        originals = [archive.read(f"final_data/dicoms/SCD0000101/{number}.dcm") for number in (48, 59, 240)]
    with zipfile.ZipFile(real_data / "scd-challenge-training.zip") as archive:
        return [*originals, *(archive.read(name) for name in archive.namelist()[:3] if name.endswith(".dcm"))]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_real_images_never_crash_and_never_vanish(
    tmp_path: Path, real_files: list[bytes], data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(real_files)))
    for place, patch in data.draw(mutations):
        content[place % 3000 : place % 3000 + len(patch)] = patch
    cut = data.draw(st.integers(0, len(content) * 2))
    folder = tmp_path / "SC-HF-I-01"
    folder.mkdir(exist_ok=True)
    (folder / "IM-0001-0005.dcm").write_bytes(bytes(content[:cut]))
    patients, aside = find_patients([tmp_path])
    study = read_study(patients[0], first_pixel=1, all_pixels=True)
    assert len(study.frames) + len(study.aside) + len(aside) == 1


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patches=st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4))
def test_mutated_archives_never_crash(tmp_path: Path, patches: list[tuple[int, bytes]]) -> None:
    source = tmp_path / "good.zip"
    if not source.exists():
        archive_with(tmp_path, "extra.pdf", b"").rename(source)
    content = bytearray(source.read_bytes())
    for place, patch in patches:
        start = place % len(content)
        content[start : start + len(patch)] = patch
    damaged = tmp_path / "damaged" / f"{zlib.crc32(content):x}.zip"
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes(content)
    patients, aside = find_patients([damaged])
    studies = [read_study(patient, first_pixel=1, all_pixels=True) for patient in patients]
    assert aside or any(study.frames or study.aside for study in studies)
    damaged.unlink()
