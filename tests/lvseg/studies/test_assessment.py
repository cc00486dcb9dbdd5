"""A person is asked to look where the numbers are doubtful, and only there."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lvseg.studies.analysis.assessment import FAILED, LOOK, OK, Assessment, assess
from lvseg.studies.analysis.measurements import Measurements
from tests.lvseg.studies.results import result

TAPERED = np.array([0.0, 1700, 1800, 1700, 1500, 1200, 700, 0])  # mm2, base first


def assessed(
    ed: NDArray[np.float64], share: float = 0.4, disagreement: float = 2.0, unlike: tuple[str, ...] = ()
) -> Assessment:
    """Assess a stack with these areas at end-diastole, of which `share` is left at end-systole; a beat of eight."""
    beat = 1 - (1 - share) * np.array([0, 0.3, 0.8, 1, 0.8, 0.5, 0.3, 0.1])
    return of_curve(ed, beat, disagreement, unlike)


def of_curve(
    ed: NDArray[np.float64],
    beat: NDArray[np.float64],
    disagreement: float = 2.0,
    unlike: tuple[str, ...] = (),
) -> Assessment:
    cine = result(slices=len(ed), phases=len(beat)).cine
    areas = np.outer(ed, beat)
    volume = np.asarray(areas.sum(axis=0) * 10 / 1000, np.float64)
    lowest = int(volume.argmin())
    measured = Measurements(
        areas, volume, 100 * np.arange(len(beat), dtype=np.float64), 1, lowest + 1, volume[0], volume[lowest]
    )
    return assess(replace(cine, distance_mm=10.0), measured, disagreement, unlike)


def test_an_ordinary_heart_is_ok_either_way_round() -> None:
    for areas in (TAPERED, TAPERED[::-1]):
        assessment = assessed(areas)
        assert (assessment.verdict, assessment.reasons) == (OK, ()), assessment
        assert assessment.quality["slices_segmented"] == 6 and assessment.quality["empty_beyond_base"] == 1


@pytest.mark.parametrize(
    ("areas", "share", "said"),
    [
        (TAPERED[1:], 0.4, "reaches the last slice at the base"),
        (TAPERED[:5], 0.4, "at the apex still shows 1500 mm2"),
        (TAPERED[:7], 0.4, "at the apex still shows 700 mm2"),
        (np.where(np.arange(8) == 3, 0, TAPERED), 0.4, "between segmented ones are empty"),
        (np.where(np.arange(8) == 3, 4000, TAPERED), 0.4, "from one slice to the next"),
        (TAPERED, 0.95, "ejection fraction of 5 %"),
        (TAPERED * 0.2, 0.4, "end-diastolic volume of 17 ml"),
        (TAPERED * 7, 0.4, "end-diastolic volume of 602 ml"),
    ],
)
def test_each_doubt_is_said(areas: NDArray[np.float64], share: float, said: str) -> None:
    assessment = assessed(areas, share)
    assert assessment.verdict == LOOK
    assert any(said in reason for reason in assessment.reasons), assessment.reasons


def test_a_volume_that_goes_up_and_down_twice_is_doubted() -> None:
    assessment = of_curve(TAPERED, np.array([1.0, 0.4, 0.9, 0.45, 0.95, 0.5]))
    assert any("more than once a beat" in reason for reason in assessment.reasons)


@pytest.mark.parametrize(
    ("beat", "said"),
    [
        (np.array([1, 0.9, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.6, 0.8]), "70 % of a beat after end-diastole"),
        (np.array([1, 0.8, 0.9, 0.5, 0.4, 0.6, 0.5, 0.8, 0.7, 0.9]), "unevenly"),
    ],
)
def test_a_beat_that_no_heart_has_is_doubted(beat: NDArray[np.float64], said: str) -> None:
    assert any(said in reason for reason in of_curve(TAPERED, beat).reasons)


@pytest.mark.parametrize(("gone", "doubted"), [((3, 4), False), ((1,), True), ((0, 3), True), ((3, 6), True)])
def test_the_cavity_at_the_apex_is_gone_around_end_systole_only(gone: tuple[int, ...], doubted: bool) -> None:
    cine = result(slices=8, phases=8).cine
    areas = np.outer(TAPERED, np.array([1, 0.8, 0.5, 0.4, 0.5, 0.7, 0.8, 0.9]))
    areas[6, list(gone)] = 0
    volume = np.asarray(areas.sum(axis=0) / 100, np.float64)
    measured = Measurements(areas, volume, np.arange(8.0), 1, 4, volume[0], volume[3])
    reasons = assess(replace(cine, distance_mm=10.0), measured, 2.0, ()).reasons
    assert any("slice 7 comes and goes" in reason for reason in reasons) == doubted, reasons


@pytest.mark.parametrize(("moved", "doubted"), [(0, False), (1, False), (4, True)])
def test_a_slice_that_beats_against_the_others_is_doubted(moved: int, doubted: bool) -> None:
    cine = result(slices=8, phases=8).cine
    areas = np.outer(TAPERED, np.array([1, 0.8, 0.5, 0.4, 0.5, 0.7, 0.8, 0.9]))
    areas[4] = np.roll(areas[4], moved)
    volume = np.asarray(areas.sum(axis=0) / 100, np.float64)
    measured = Measurements(areas, volume, np.arange(8.0), 1, 4, volume[0], volume[3])
    reasons = assess(replace(cine, distance_mm=10.0), measured, 2.0, ()).reasons
    assert any("slice 5 widens while the others narrow" in reason for reason in reasons) == doubted, reasons


def test_disagreement_and_an_unlike_study_are_doubts_and_failure_says_the_rest_is_moot() -> None:
    assert any("draws 20 % otherwise" in reason for reason in assessed(TAPERED, disagreement=20).reasons)
    assert assessed(TAPERED, unlike=("Unlike.",)).reasons == ("Unlike.",)
    nothing = assessed(np.zeros(8), unlike=("Unlike.",))
    assert nothing.verdict == FAILED and nothing.reasons == ("No left ventricle was found.",)
