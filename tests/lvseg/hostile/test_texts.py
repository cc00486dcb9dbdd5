"""What an attacker writes into ids and names of files moves no cursor, makes no line, and is no formula."""

import csv
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from lvseg.cli.inspect import main as inspect
from lvseg.core.errors import UserError, reported
from lvseg.core.paths.archives import walk
from lvseg.core.texts import cell
from lvseg.dicom import dicomdir
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.cohort import cohort
from lvseg.studies.cohort.order import Order
from lvseg.studies.cohort.worker import Worker
from lvseg.studies.outputs.study_folder import Outputs
from tests.lvseg.studies.hearts import Heart, classic

FORGED = "x\x1b[2J\x9b1A\r\nS0123456789ab  ok  EF 99 %"
TURNED = "\u202ednoces\u2028"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "home"))


def hostile(folder: Path) -> Path:
    """Return an archive of a study whose every text is an attack."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        ds.PatientID, ds.SeriesDescription = f"=cmd()|{FORGED}", f"=HYPERLINK() {FORGED}"

    with pydicom.config.disable_value_validation():
        images = classic(folder / "s", Heart(slices=5, phases=3, end_systole=2), change)
    with zipfile.ZipFile(folder / "in.zip", "w") as archive:
        for path in images.iterdir():
            archive.write(path, path.name)
        archive.writestr(f"{FORGED}{TURNED}.bin", "no image")
        archive.writestr(f"../{FORGED}{TURNED}.bin", "no image")
    (folder / f"{FORGED}{TURNED}".replace("/", "")).mkdir()
    return folder / "in.zip"


def is_tame(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n")) and "\nS0123456789ab" not in text


def test_terminals_and_tables_show_attacks_as_they_are(
    tmp_path: Path, model: LoadedModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, out = hostile(tmp_path), tmp_path / "out"
    order = Order(
        out, tmp_path, model.facts, 2, None, Outputs(True, nifti=False, contours=False), with_ids=True
    )
    monkeypatch.setattr(Worker, "_model", model)
    monkeypatch.setattr(cohort, "_outcomes", lambda paths, order, workers: map(Worker(order).predict, paths))
    odd = next(path for path in tmp_path.iterdir() if "noces" in path.name)
    cohort.predict([archive, odd], order, workers=1)
    inspect([archive], workers=1)
    said = capsys.readouterr().out
    assert is_tame(said), said
    assert "\\x1b" in said and "\\u202e" in said, "it is seen that there was something"
    for table in (out / "measurements.csv", *(out / "private").glob("*.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            cells = [text for row in csv.reader(file) for text in row]
        assert all(is_tame(text) and text[:1] not in tuple("=+-@") for text in cells), table
    assert "=cmd()" in (out / "private" / "sources.csv").read_text(encoding="utf-8")


def test_an_error_moves_no_cursor_either(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), reported():
        raise UserError(f"{FORGED.replace(chr(10), '')}{TURNED} is not there")
    assert is_tame(capsys.readouterr().err)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell("a=b") == "a=b" and cell("") == ""


def test_links_out_of_a_delivered_folder_are_set_aside(tmp_path: Path) -> None:
    secret, given = tmp_path / "secret", tmp_path / "given"
    cached = tmp_path / "cache/files/md5/ab" / ("0" * 30)
    for path in (secret / "colleague.dcm", secret / "more.zip", cached, given / "own/a.dcm"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (given / "file.dcm").symlink_to(secret / "colleague.dcm")
    (given / "more.zip").symlink_to(secret / "more.zip")
    (given / "folder").symlink_to(secret)
    (given / "tracked.dcm").symlink_to(cached)
    (given / "again").symlink_to(given / "own")
    (given / "over").symlink_to("own/../../secret")
    items, aside = walk([given])
    assert {item.name for item in items} in ({"own/a.dcm", "tracked.dcm"}, {"again/a.dcm", "tracked.dcm"})
    assert {Path(one.file).name for one in aside} == {"file.dcm", "more.zip", "folder", "over"}
    assert all("leads out of its folder" in one.reason for one in aside)
    (tmp_path / "named").symlink_to(secret)
    assert [item.name for item in walk([tmp_path / "named"])[0]] == ["colleague.dcm"], (
        "who names a link means it"
    )


def test_a_dicomdir_reaches_nothing_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    given = tmp_path / "given"
    given.mkdir()
    (given / "A").symlink_to(tmp_path / "secret")
    listed = Dataset()
    listed.DirectoryRecordType, listed.ReferencedFileID = "IMAGE", "A"
    directory = Dataset()
    directory.DirectoryRecordSequence = [listed]
    directory.save_as(given / "DICOMDIR", implicit_vr=False, little_endian=True)
    (item,) = [item for item in walk([given])[0] if item.name == "DICOMDIR"]
    studies, missing = dicomdir.read(item)
    assert not studies and [Path(one.file).name for one in missing] == ["A"]
