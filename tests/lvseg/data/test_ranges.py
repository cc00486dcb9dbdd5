"""Studies unlike the training data are told from those like it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvseg.data import ranges
from lvseg.data.ranges import DataRanges
from lvseg.studies.analysis.analyse import analyse_study
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.cohort import inputs
from tests.lvseg.studies.hearts import Heart, classic


def test_the_ranges_of_shards_hold_their_own_patients(tiny_shards: Path) -> None:
    paths = sorted((tiny_shards / "shards").glob("*.npz"))
    known = ranges.of_shards(paths)
    assert set(known.ranges) == set(ranges.WORDS)
    assert known.ranges["pixel_mm"] == (1.4, 1.4) and known.ranges["distance_mm"] == (10, 10)
    low, high = known.ranges["edv_ml"]
    assert 5 < low <= high < 30
    for path in paths:
        patient = {name: low for name, (low, _) in ranges.of_shards([path]).ranges.items()}
        assert set(patient) == set(ranges.WORDS)
        assert all(known.ranges[name][0] <= value <= known.ranges[name][1] for name, value in patient.items())
        assert not known.outside(patient) and not known.strange(patient)
    assert DataRanges.read(known.written()).ranges.keys() == known.ranges.keys()


@pytest.mark.parametrize(("value", "far"), [(7.0, False), (11.0, False), (3.4, True), (15.1, True)])
def test_far_is_half_of_the_range_or_a_quarter_of_the_nearest_value(value: float, far: bool) -> None:
    """Beyond 8 to 10 mm the reach is half of the nearest value's half: 2 mm below, 2.5 mm above."""
    known = DataRanges({"distance_mm": (8.0, 10.0)})
    assert known.outside({"distance_mm": value}) == ({"distance_mm": value} if far else {})
    assert not known.outside({}) and not known.outside({"distance_mm": np.nan})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"spacing": (4.0, 4.0), "widest": 40.0}, "pixel size"),
        ({"distance": 20.0}, "distance of slices"),
        ({"widest": 50.0}, "end-diastolic volume"),
    ],
)
def test_a_study_far_from_the_training_data_is_flagged(
    change: dict[str, Any], said: str | None, tmp_path: Path, model: LoadedModel
) -> None:
    known = Heart(slices=6, phases=6, end_systole=3)
    found = inputs.studies(classic(tmp_path / "known", known))[0]
    first = analyse_study("x", found.images, [], None, model)
    from lvseg.studies.analysis.out_of_distribution import study_values

    known_ranges = DataRanges.of([study_values(first.cine, first.measurements)])
    trained = LoadedModel(model.segmenter, model.facts, known_ranges)
    other = replace(known, **change)
    found = inputs.studies(classic(tmp_path / "other", other))[0]
    result = analyse_study("x", found.images, [], None, trained)
    flagged = [reason for reason in result.assessment.reasons if "Unlike the training data" in reason]
    assert bool(flagged) == (said is not None), result.assessment
    assert said is None or any(said in reason for reason in flagged)


def test_brightness_does_not_hang_on_the_scale() -> None:
    pixels = np.random.default_rng(3).gamma(2.0, 50.0, (30, 40, 40))
    first, second = ranges.brightness(pixels), ranges.brightness(7 * pixels + 300)
    assert first == pytest.approx(second, rel=1e-3)
    assert np.isnan(ranges.brightness(np.ones((3, 4, 4)))["middle_grey"])
