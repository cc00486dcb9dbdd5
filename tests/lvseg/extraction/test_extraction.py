"""From raw files to shards, index and report: same bytes twice, nothing done twice, nothing private stored."""

import csv
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvseg.core.errors import UserError
from lvseg.data import shards
from lvseg.extraction import patient
from lvseg.extraction.run import Outs, extract
from lvseg.labels.layouts import TRUTH
from lvseg.params import load
from lvseg.phantom.dataset import Size, generate
from tests.conftest import REPOSITORY
from tests.lvseg.labels.scd import ED, ES, PHASES, SLICES, Cine, write_contour, write_layout

Extraction = Callable[[patient.Job, Path], None]
CINES = (Cine(), Cine("SC-N-40", "SCD0004001", (36.0, 28.0)))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "home"))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for cine in CINES:
        write_layout(tmp_path / "raw", "A", cine)
    return tmp_path / "raw"


def run(raw: Path, out: Path, *, public: bool = True) -> str:
    outs = Outs(out / "shards", out / "index.csv", out / "quality")
    shipped = load(REPOSITORY / "params.yaml")
    data = shipped.data.model_copy(update={"raw": str(raw), "ids_public": public})
    return extract(data, shipped.quality, workers=1, module="tasks.extract", outs=outs)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_shard_holds_the_patient(raw: Path, tmp_path: Path) -> None:
    assert "12 of 12 endocardial contours joined" in run(raw, tmp_path)
    shard = shards.read(tmp_path / "shards/SC-HF-I-01.npz")
    cine = CINES[0]
    assert shard.pixels.dtype == np.int16
    for frame, (number, slice_, phase) in enumerate(cine.numbers()):
        assert (shard.image_number[frame], shard.slice[frame], shard.phase[frame]) == (
            number,
            slice_ + 1,
            phase,
        )
        np.testing.assert_array_equal(shard.pixels[frame], cine.pixels(slice_, phase))
    assert shard.cycle.tolist() == ["ES", "ED"] * SLICES
    assert shard.phase[shard.label_frame].tolist() == [ES, ED] * SLICES
    np.testing.assert_allclose(shard.contour(1), cine.contour(0, ED), atol=0.005)
    assert (float(shard.thickness_mm), float(shard.gap_mm)) == (8.0, 2.0)
    corner = shard.affine[-1] @ (10, 20, 0, 1)  # column 10, row 20 of the last slice
    np.testing.assert_allclose(corner[:3], (10 * 1.5, 20 * 1.4, 10 * (SLICES - 1)))
    assert (str(shard.group), str(shard.official_part)) == ("HF-I", "training")
    with (tmp_path / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * SLICES * PHASES
    assert sum(int(row["endo"]) for row in rows) == 12


def test_same_bytes_twice_and_from_a_warm_cache(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(raw, tmp_path / "one")
    run(raw, tmp_path / "warm")
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "elsewhere"))
    run(raw, tmp_path / "cold")
    assert contents(tmp_path / "one") == contents(tmp_path / "warm") == contents(tmp_path / "cold")


def test_one_more_patient_is_the_only_one_read(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(raw, tmp_path / "before")
    write_layout(raw, "A", Cine("SC-HYP-3", "SCD0003101", (33.0, 30.0)))
    read: list[str] = []
    monkeypatch.setattr(patient, "_extract", _recording(read, patient._extract))
    monkeypatch.setattr("lvseg.extraction.run.each", _in_this_process)
    run(raw, tmp_path / "after")
    assert read == ["SC-HYP-03"]
    before, after = contents(tmp_path / "before/shards"), contents(tmp_path / "after/shards")
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"SC-HYP-03.npz"}


def _recording(read: list[str], function: Extraction) -> Extraction:
    def record(job: patient.Job, folder: Path) -> None:
        read.append(job.name)
        function(job, folder)

    return record


def _in_this_process(
    function: Callable[[Any], Any], jobs: Iterable[Any], workers: int, label: str
) -> Iterator[tuple[int, Any]]:
    return ((position, function(job)) for position, job in enumerate(jobs))


def test_a_corrected_contour_changes_its_patient_only(raw: Path, tmp_path: Path) -> None:
    run(raw, tmp_path / "before")
    base = raw / "Sunnybrook Cardiac MR Database ContoursPart3/TrainingDataContours/SC-N-40/contours-manual"
    write_contour(
        base / f"IRCCI-expert/IM-0001-{ED:04d}-icontour-manual.txt", CINES[1].contour(0, ED, grow=-2)
    )
    run(raw, tmp_path / "after")
    before, after = contents(tmp_path / "before/shards"), contents(tmp_path / "after/shards")
    assert [name for name in before if before[name] != after[name]] == ["SC-N-40.npz"]


def test_private_ids_are_stored_nowhere(raw: Path, tmp_path: Path) -> None:
    images = raw / "challenge_training/SC-HF-I-1"
    shutil.copy(images / "IM-0004-0002.dcm", images / "IM-0004-002.dcm")
    with zipfile.ZipFile(raw / "damaged.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("SC-N-40-LEAK/table.csv", "PatientID")
    content = (raw / "damaged.zip").read_bytes()
    (raw / "damaged.zip").write_bytes(content.replace(b"PatientID", b"patientID", 1))
    (images / "IM-0004-0001.dcm").write_bytes(b"")
    run(raw, tmp_path / "out", public=False)
    stored = contents(tmp_path / "out")
    for name, content in stored.items():
        for word in ("SC-HF", "SC-N", "SCD000", "LEAK", str(tmp_path)):
            assert word not in name
            assert word.encode() not in content, (name, word)
            assert word.encode("utf-32-le") not in content, (name, word)  # NumPy's own text
    reasons = {entry["reason"] for entry in json.loads(stored["quality/quality.json"])["set_aside"]}
    assert reasons == {"empty file", "image number 2 again", "not a table of patients"}


def test_names_of_files_may_be_of_any_bytes(raw: Path, tmp_path: Path) -> None:
    images = raw / "challenge_training/SC-HF-I-1"
    for path in sorted(images.iterdir()):
        (images / os.fsdecode(b"caf\xe9")).mkdir(exist_ok=True)
        path.rename(images / os.fsdecode(b"caf\xe9") / path.name)
    (raw / os.fsdecode(b"caf\xe9.zip")).write_text("no archive")
    assert "12 of 12 endocardial contours joined" in run(raw, tmp_path)
    assert "caf\\xe9.zip" in {
        Path(entry["file"]).name
        for entry in json.loads((tmp_path / "quality/quality.json").read_text(encoding="utf-8"))["set_aside"]
    }


def test_nothing_usable_is_an_error_and_leaves_the_old_result(raw: Path, tmp_path: Path) -> None:
    run(raw, tmp_path)
    before = contents(tmp_path / "shards")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/readme.txt").write_text("nothing")
    with pytest.raises(UserError, match="no usable patient"):
        run(tmp_path / "empty", tmp_path)
    assert contents(tmp_path / "shards") == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_phantom_is_known_as_one_and_so_is_its_table_of_truth(tmp_path: Path) -> None:
    generate(tmp_path / "raw", 5, Size(patients=1, slices=3, phases=4, matrix=64), workers=1)
    assert run(tmp_path / "raw", tmp_path).endswith("0 set aside")
    (path,) = (tmp_path / "shards").glob("*.npz")
    assert shards.read(path).synthetic
    found = json.loads((tmp_path / "quality/quality.json").read_text())
    assert found["set_aside"] == [] and [entry["reason"] for entry in found["known"]] == [TRUTH]
    page = (tmp_path / "quality/index.html").read_text()
    assert "Nothing: every file was used or is known." in page and "truth.csv: true values" in page


def test_a_scanner_makes_no_phantom(raw: Path, tmp_path: Path) -> None:
    run(raw, tmp_path)
    assert not any(shards.read(path).synthetic for path in (tmp_path / "shards").glob("*.npz"))
