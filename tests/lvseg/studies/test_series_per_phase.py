"""Each phase of the beat in a series of its own: one cine where that may be, and no more certain than the files are."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from lvseg.studies.analysis.loaded_model import LoadedModel
from tests.lvseg.dicom.odd_headers import tags
from tests.lvseg.studies.hearts import Heart, classic, predicted

HEART = Heart(slices=6, phases=12, end_systole=5)
NO_TIMES = "none says its time"


def parted(**given: object) -> Mapping[str, object]:
    """Return what a series per phase says, in the order of the phases unless something else is given."""
    said: dict[str, object] = {
        "SeriesInstanceUID": lambda _, phase: f"1.2.826.{99 - phase}",
        "SeriesNumber": lambda _, phase: 5 + phase,
        "SeriesDescription": lambda _, phase: f"SAX {phase + 1}/12",
        "InstanceNumber": lambda slice_, _: slice_ + 1,
    }
    return said | given


@pytest.mark.parametrize(
    ("given", "doubted"),
    [
        (parted(TriggerTime=None), True),
        (parted(TriggerTime=0), True),
        (
            parted(TriggerTime=None, SeriesNumber=None, AcquisitionTime=lambda _, phase: f"10{phase + 10}00"),
            True,
        ),
        (parted(TriggerTime=None, SeriesNumber=None, ContentTime=lambda _, phase: f"10{phase + 10}00"), True),
        (
            parted(
                TriggerTime=None,
                SeriesNumber=lambda _, phase: 99 - phase,
                TemporalPositionIdentifier=lambda _, phase: phase + 1,
            ),
            False,
        ),
        (parted(SeriesNumber=lambda _, phase: 99 - phase), False),
    ],
)
def test_series_of_the_same_slices_are_phases(
    given: Mapping[str, object], doubted: bool, tmp_path: Path, model: LoadedModel
) -> None:
    result = predicted(classic(tmp_path / "s", HEART, tags(**given)), model)
    assert (result.cine.slices, result.cine.phases) == (6, 12)
    assert (result.measurements.ed_phase, result.measurements.es_phase) == (1, 5)
    assert result.measurements.ef_percent == pytest.approx(HEART.ef, abs=2.5)
    assert result.assessment.verdict == ("look at it" if doubted else "ok"), result.assessment
    assert (NO_TIMES in " ".join(result.assessment.reasons)) == doubted


@pytest.mark.parametrize(
    "given",
    [
        parted(TriggerTime=600),
        parted(TriggerTime=None, SeriesDescription=lambda _, phase: "SAX" + "abcdefghijkl"[phase]),
    ],
)
def test_pictures_taken_again_at_one_time_are_no_beat(
    given: Mapping[str, object], tmp_path: Path, model: LoadedModel
) -> None:
    result = predicted(classic(tmp_path / "s", HEART, tags(**given)), model)
    assert result.assessment.verdict == "failed"
    assert "one phase only" in result.assessment.reasons[0]


def test_a_slice_with_fewer_phases_is_spread_over_a_beat_without_times(
    tmp_path: Path, model: LoadedModel
) -> None:
    """All times are 0: the nearest of them would be the first image, whatever the phase."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        ds.TriggerTime = 0
        if slice_ == 2 and phase > 8:
            del ds.Rows

    result = predicted(classic(tmp_path / "s", HEART, change), model)
    assert len({result.cine.at[3, phase] for phase in range(1, 13)}) == 9
