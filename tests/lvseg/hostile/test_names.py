"""Ids, descriptions, UIDs, members' names of an attacker: every writer stays in its folder, patients stay apart."""

import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from lvseg.core.paths.path_names import path_name
from lvseg.data.pseudonyms import pseudonym, study_name
from lvseg.extraction.run import Outs, extract
from lvseg.params import load
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.cohort import cohort
from lvseg.studies.cohort.order import Order
from lvseg.studies.cohort.worker import Worker
from lvseg.studies.outputs.study_folder import Outputs
from tests.conftest import REPOSITORY
from tests.lvseg.labels.scd import Cine, write_image
from tests.lvseg.studies.hearts import Heart, classic

IDS = (
    "../../x",
    "a/b",
    "a_b",
    "..",
    ".hidden",
    "/etc/x",
    "con",
    "-rf",
    "x" * 300,
    "\u202egnp",
    "\0",
    "a\x1b[2Jb",
    "a\nb",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "home"))


def is_harmless(name: str) -> bool:
    return (
        name.isprintable()
        and len(name.encode()) < 200
        and name[0] not in "-."
        and not set(name) & set("/\\:\u202e")
    )


def test_a_name_is_one_component_and_of_one_text() -> None:
    names = [path_name(text) for text in IDS]
    assert all(map(is_harmless, names)) and len(set(names)) == len(IDS)
    assert not {name.partition(".")[0].casefold() for name in map(path_name, ("con", "NUL.x", "com1"))} & {
        "con",
        "nul",
        "com1",
    }
    for harmless in ("SC-HF-I-01", "a_b", "patient.1", "Müller", "0042-12345678"):
        assert path_name(harmless) == harmless, "who has such ids keeps his files"
    for text in IDS:
        assert is_harmless(pseudonym(text, public=True)) and is_harmless(study_name("../1", text))


def test_the_extraction_stays_in_its_folders(tmp_path: Path) -> None:
    raw, work = tmp_path / "in" / "raw", tmp_path / "work" / "deep"
    table = ["PatientID,OriginalID"]
    ids = [text for text in IDS if text.isprintable()]
    for place, text in enumerate(ids):
        cine, image = Cine(), f"SCD{place:07d}"
        for number, slice_, phase in cine.numbers():
            write_image(raw / "dicoms" / image / f"{number}.dcm", cine.pixels(slice_, phase), number, slice_)
        table.append(f"{image},{text}")
    (raw / "table.csv").write_text("\n".join(table))
    shipped = load(REPOSITORY / "params.yaml")
    data = shipped.data.model_copy(update={"raw": str(raw), "ids_public": True})
    before = set(tmp_path.rglob("*"))
    outs = Outs(work / "shards", work / "index.csv", work / "quality")
    extract(data, shipped.quality, workers=1, module="tasks.extract", outs=outs)
    assert {path.relative_to(tmp_path).parts[0] for path in set(tmp_path.rglob("*")) - before} == {
        "home",
        "work",
    }
    assert {path.name for path in work.parent.rglob("*") if path.parent in (work, work.parent)} == {
        "deep",
        "shards",
        "index.csv",
        "quality",
    }
    shards = [path.name for path in (work / "shards").rglob("*")]
    assert len(shards) == len(ids) and all(map(is_harmless, shards)), shards


@pytest.mark.parametrize("text", ["../../x", "a/b", "/etc/x", "con", "x" * 300, "\u202egnp\x1b[2J"])
def test_a_prediction_stays_in_its_folder(
    text: str, tmp_path: Path, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hostile(ds: Dataset, slice_: int, phase: int) -> None:
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.PatientID = ds.PatientName = ds.SeriesDescription = ds.StudyID = text
        ds.StudyInstanceUID = ds.SeriesInstanceUID = text if text.isascii() else "1.2"

    monkeypatch.setattr(Worker, "_model", model)
    with pydicom.config.disable_value_validation():
        source = classic(tmp_path / "in" / "s", Heart(slices=5, phases=3, end_systole=2), hostile)
    with zipfile.ZipFile(tmp_path / "in" / "s.zip", "w") as archive:
        for path in source.iterdir():
            archive.write(path, path.name)
        archive.writestr(f"evil{text}/evil.dcm", "no image")
    out = tmp_path / "work" / "deep" / "out"
    order = Order(
        out, tmp_path, model.facts, 2, None, Outputs(True, nifti=True, contours=True), with_ids=True
    )
    monkeypatch.setattr(cohort, "_outcomes", lambda paths, order, workers: map(Worker(order).predict, paths))
    before = set(tmp_path.rglob("*"))
    cohort.predict([tmp_path / "in" / "s.zip"], order, workers=1)
    written = set(tmp_path.rglob("*")) - before
    assert {path.relative_to(tmp_path).parts[0] for path in written} == {"home", "work"}
    assert [path.name for path in (*(tmp_path / "work").iterdir(), *out.parent.iterdir())] == ["deep", "out"]
    assert (out / "measurements.csv").is_file() and len(list(out.glob("*/report.html"))) == 1
    assert all(is_harmless(part) for path in written for part in path.relative_to(tmp_path).parts)
