"""Labels of an attacker, in every form: a line of what was set aside, within bounds, and nothing else suffers."""

import csv
import gzip
import json
import struct
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lvseg.cli.inspect import main as inspect
from lvseg.dicom import bounds
from lvseg.labels.find import find_all
from lvseg.labels.nifti.labels import read_drawn
from lvseg.labels.sources.cvi42 import read_cvi42
from lvseg.labels.sources.rtstruct import read_rtstruct
from lvseg.labels.sources.seg import read_seg
from lvseg.nifti.layouts import find_volumes
from tests.lvseg.extraction.test_forms import run
from tests.lvseg.hostile.test_bombs import elements
from tests.lvseg.hostile.test_texts import is_tame
from tests.lvseg.labels.sources import forms
from tests.lvseg.labels.sources.forms import Form

MOVES = "x\x1b[2J\r\nS0123456789ab  ok \u202e"
FORMULA, MARKUP = f"=cmd()|{MOVES}", "<script>alert(1)</script>"
POINT = "<List:item><Point:x>{}</Point:x><Point:y>2</Point:y></List:item>"
WORKSPACES = {
    "a character set that nobody has": ('<?xml version="1.0" encoding="x-none"?><a Hash:k="">', "damaged"),
    "points that belong to no contour": (
        '<a xmlns:Hash="h" Hash:key="ImageStates"><b Hash:key="1"><c Hash:key="Other"><d Hash:key="n">'
        '<e Hash:key="Points"><List:item xmlns:List="l"/></e></d></c></b></a>',
        "",
    ),
    "a number without end": ("0" * 1000, "is no number"),
    "blanks without end": ("1" + "\n" * 100_000, "is no number"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def heart() -> Form:
    return forms.heart()


@pytest.mark.parametrize("attack", WORKSPACES)
def test_a_workspace_ends_nothing(tmp_path: Path, heart: Form, attack: str) -> None:
    forms.write_images(tmp_path, heart)
    text, reason = WORKSPACES[attack]
    if "number" in reason:
        number = text
        whole = forms.workspace(heart)
        text = whole.replace(
            whole[whole.index("<Point:x>") : whole.index("</Point:x>")], f"<Point:x>{number}", 1
        )
    (tmp_path / "w.xml").write_text(text)
    (item,) = (item for item in forms.items(tmp_path) if item.name == "w.xml")
    aside = read_cvi42(item, forms.images(tmp_path), {}).aside
    assert [reason in entry.reason for entry in aside] == [True] * bool(reason), aside


def test_a_segmentation_promises_no_more_frames_than_it_describes(tmp_path: Path, heart: Form) -> None:
    """To count them one by one would take hours."""
    whole = forms.seg(heart, forms.write_images(tmp_path, heart), "BINARY", 0)
    whole.NumberOfFrames, whole.Rows, whole.Columns = 2**31 - 1, 0, 1
    (entry,) = read_seg(forms.save(tmp_path / "s.dcm", whole), forms.images(tmp_path), {}).aside
    assert "where it lies" in entry.reason


def _reasons(folder: str) -> dict[str, list[str]]:
    """Return what is said of each bomb, in a process that has no memory to spare."""
    root, found = Path(folder), {}
    images = forms.images(root)
    np.linalg.inv(np.eye(300))  # what the library for it takes once, it takes now
    bounds.MEMORY = 24 * 2**20
    for item in forms.items(root / "drawn"):
        for reader in (read_seg, read_rtstruct, read_cvi42):
            if item.name == reader.__name__:
                found[item.name] = [entry.reason for entry in reader(item, images, {}).aside]
    (patient,) = find_volumes(forms.items(root / "nifti")).patients
    found["labels"] = [entry.reason for entry in read_drawn(patient, {}).aside]
    (candidate,) = find_all([root / "nifti"])[0]
    found["images"] = [
        entry.reason for entry in candidate.read(1, {}, True).aside if "frame" not in entry.file
    ]
    return found


def test_what_unpacks_to_gigabytes_is_refused_by_every_reader(tmp_path: Path, heart: Form) -> None:
    sources = forms.write_images(tmp_path, heart)
    for name, whole in (
        ("read_seg", forms.seg(heart, sources, "BINARY", 0)),
        ("read_rtstruct", forms.rtstruct(heart)),
    ):
        path = tmp_path / "drawn" / name
        forms.save(path, whole)
        path.write_bytes(path.read_bytes() + elements(300_000))
    whole = forms.workspace(heart)
    points = POINT.format(1) * 300_000
    place = whole.index("<List:item><Point:x>")
    (tmp_path / "drawn/read_cvi42").write_text(whole[:place] + points + whole[place:])
    bomb = bytearray(348 + 4)
    struct.pack_into("<i", bomb, 0, 348)
    struct.pack_into("<8h", bomb, 40, 4, 512, 512, 16, 16, 1, 1, 1)
    struct.pack_into("<2h", bomb, 70, 2, 8)  # bytes
    struct.pack_into("<8f", bomb, 76, 1, 1, 1, 8, 1, 1, 1, 1)
    struct.pack_into("<f", bomb, 108, 352)
    bomb[344:348] = b"n+1\0"
    packed = gzip.compress(bytes(bomb) + bytes(512 * 512 * 16 * 16))
    assert len(packed) < 100_000
    for name in ("patient101_4d", "patient101_frame01", "patient101_frame01_gt"):
        path = tmp_path / f"nifti/patient101/{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed)
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        found = fresh.submit(_reasons, str(tmp_path)).result()
    assert found == {
        name: [bounds.TOO_MUCH] for name in ("read_seg", "read_rtstruct", "read_cvi42", "labels", "images")
    }


def test_tables_beside_volumes_hold_no_number_that_ends_the_search(tmp_path: Path, heart: Form) -> None:
    for number in ("²", "9" * 5000, "-1", "1e9"):
        forms.write_acdc(tmp_path / "acdc", heart)
        (info,) = (tmp_path / "acdc").rglob("Info.cfg")
        info.write_text(f"ED: {number}\nES: {number}\n", encoding="utf-8")
        (patient,) = find_volumes(forms.items(tmp_path / "acdc")).patients
        assert patient.ed is None and patient.es is None
    forms.write_nnunet(tmp_path / "nnunet", heart)
    (dataset,) = (tmp_path / "nnunet").rglob("dataset.json")
    dataset.write_text('{"labels": {"a": 1e999}}')
    (entry,) = find_volumes(forms.items(tmp_path / "nnunet")).aside
    assert "do not give each name one number" in entry.reason


def attacked(root: Path, heart: Form) -> None:
    """Write every form of labels with an attack in every text that something shows."""
    forms.write_acdc(root / "acdc", heart)
    (info,) = (root / "acdc").rglob("Info.cfg")
    info.write_text(f"Group: {FORMULA.splitlines()[0]}\nED: 1\nES: 7\n")
    forms.write_nnunet(root / "nnunet", heart, {"background": 0, f"{MOVES}{MARKUP}": 1, "MLV": 2, "LVC": 3})
    forms.write_mnms(root / "mnms", heart)
    for sheet in (root / "mnms").rglob("*.csv"):
        rows = list(csv.DictReader(sheet.open(newline="")))
        for row in rows:
            row.update(
                {name: FORMULA for name in row if name.lower() in ("vendor", "vendorname", "pathology")}
            )
        with sheet.open("w", newline="") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)
    for kind in ("SEG", "RTSTRUCT", "cvi42"):
        sources = forms.write_images(root / kind, heart)
        for path, image in zip(sorted((root / kind / "images").iterdir()), range(len(sources)), strict=True):
            header = pydicom.dcmread(path)
            header.Manufacturer, header.SeriesDescription = FORMULA, f"{MOVES}{MARKUP}"
            header.PatientID = f"{kind}{MOVES}"
            header.save_as(path)
            assert image >= 0
    whole = forms.seg(heart, sources, "BINARY", 0)
    whole.SegmentSequence[0].SegmentLabel = f"{MOVES}{MARKUP}"
    del whole.SegmentSequence[0].SegmentedPropertyTypeCodeSequence
    forms.save(root / "SEG/drawn/0.dcm", whole)
    forms.save(
        root / "RTSTRUCT/drawn/0.dcm", forms.rtstruct(heart, {"endo": "LV endo", "epi": f"{MOVES}{MARKUP}"})
    )
    name = "x&#27;[2J&lt;script&gt;"
    (root / "cvi42/drawn.xml").write_text(forms.workspace(heart).replace("saepicardialContour", name))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_texts_of_labels_move_no_cursor_and_are_neither_formula_nor_markup(
    tmp_path: Path, heart: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    with pydicom.config.disable_value_validation():
        attacked(tmp_path / "given", heart)
    inspect([tmp_path / "given"], workers=1)
    said = capsys.readouterr().out
    assert is_tame(said), said
    assert said.count("\\x1b") >= 5, "it is seen that there was something"
    _, rows = run(tmp_path / "out", tmp_path / "given", ids_public=True)
    cells = {text for row in rows for text in row.values()}
    assert any("=cmd()" in text for text in cells), "the attack came this far"
    assert all(is_tame(text) and not text.startswith(tuple("=+-@")) for text in cells), cells
    page = (tmp_path / "out/quality/index.html").read_text()
    assert "&lt;script" in page and "<script" not in page
    assert json.loads((tmp_path / "out/quality/quality.json").read_text())


def test_a_word_of_the_user_for_a_label_is_no_markup_either(tmp_path: Path, heart: Form) -> None:
    forms.write_nnunet(tmp_path / "given", heart, {"background": 0, MARKUP: 1, "MLV": 2, "LVC": 3})
    run(tmp_path / "out", tmp_path / "given", ids_public=True, labels={MARKUP: "right_ventricle"})
    assert "<script" not in (tmp_path / "out/quality/index.html").read_text()
    assert np.load(next((tmp_path / "out/shards").iterdir()), allow_pickle=False)
