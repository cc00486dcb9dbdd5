"""Requests, result folders and archives of an attacker: what would take all memory, or reach another folder."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvseg.core.errors import UserError
from lvseg.dicom import content
from lvseg.erasure import predicted, traces
from lvseg.erasure.traces import Traces
from lvseg.inference import serving
from lvseg.labels import layouts
from lvseg.privacy.contents import UnopenedError
from lvseg.studies.cohort.journal import FOLDER, Journal, JournalEntry
from tests.lvseg.hostile.test_bombs import written
from tests.lvseg.labels.scd import dataset, to_bytes

NO_NETWORK: Any = None  # it is refused before one is asked


def test_a_study_of_a_million_places_makes_no_table_of_them() -> None:
    apart = [{"pixels": [[1]], "slice": number, "phase": number} for number in range(20_000)]
    with pytest.raises(UserError, match="20000 frames, 20000 slices and 20000 phases is too large"):
        serving.segment(NO_NETWORK, apart)
    for few in (apart[:9000], [{**frame, "slice": 1} for frame in apart[:9000]]):
        with pytest.raises(UserError, match="is too large"):
            serving.segment(NO_NETWORK, few)


def test_frames_of_a_study_are_read_as_far_as_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_PIXELS", 6)
    frames = [{"pixels": [[1, 2], [3, 4]], "slice": 1, "phase": phase} for phase in (1, 2)]
    unread = {"dicom": "would be refused as well, had it been read", "slice": 1, "phase": 3}
    with pytest.raises(UserError, match="a study of more than 6 pixels"):
        serving.segment(NO_NETWORK, [*frames, unread])


@pytest.mark.parametrize("name", ["../../thesis", "{there}/thesis", "..", ".", "", FOLDER, ".hidden", "a\0b"])
def test_a_folder_of_results_names_no_folder_elsewhere(tmp_path: Path, name: str) -> None:
    out, thesis = tmp_path / "given/out", tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter").write_text("years")
    journal = Journal(out)
    journal.open()
    (out / "report").write_text("of others")
    entry = JournalEntry("/studies/1", "k", "a patient", [name.format(there=tmp_path), "S1"])
    journal._write(entry)
    assert list(journal.entries()) == []
    journal.done(JournalEntry("/studies/1", "k", "a patient", ["S2"]))
    journal._write(entry)
    predicted.remove(out, Traces(["a patient"]))
    assert (thesis / "chapter").read_text() == "years" and (out / "report").is_file()
    assert json.loads(next((out / FOLDER / "done").iterdir()).read_text())["patient"] == "a patient"


def test_an_archive_that_is_searched_unpacks_to_no_more_than_a_machine_bears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "MOST", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small", "of somebody else")
        archive.writestr("large", bytes(1001))
    with pytest.raises(UnopenedError, match="a member of 1,001 bytes"):
        Traces(["PATIENT-77"]).in_file(tmp_path / "a.zip", "a.zip")


def test_whose_a_drawing_is_costs_no_more_than_a_file_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search asks in the process of the command itself, which nobody restarts."""
    for name in ("a", "b"):
        image = dataset(np.zeros((8, 8), np.int16), 1, 0)
        image.PatientID = name
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.dcm").write_bytes(to_bytes(image))
    bomb = tmp_path / "drawing.dcm"
    written(bomb, bytes(2**22))  # of the patient a
    monkeypatch.setattr(layouts, "kind_of", lambda item: "SEG" if item.name == bomb.name else "")
    patients, _ = layouts.find_patients([tmp_path])
    assert [len(patient.drawings) for patient in patients] == [1, 0]
    monkeypatch.setattr(content, "LARGEST", 2**20)
    patients, aside = layouts.find_patients([tmp_path])
    assert not any(patient.drawings for patient in patients)
    assert [Path(entry.file).name for entry in aside] == [bomb.name]
