"""A patient is in one part only; methods, folds and stratification."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lvseg.core.errors import UserError
from lvseg.data.parts.split import Patient, read_patients, split
from lvseg.data.parts.split_params import SplitParams
from lvseg.data.parts.sunnybrook import official_part
from lvseg.labels.layouts import canonical, key_of
from tests.conftest import REPOSITORY

OFFICIAL = {"training": 15, "validation": 15, "online": 15}


def settings(**changes: object) -> SplitParams:
    values: dict[str, object] = {
        "method": "auto", "seed": 7, "validation_fraction": 0.2, "test_fraction": 0.3, "folds": 0, "fold": 0,
        "train_on": [], "test_on": [],
    }  # fmt: skip
    return SplitParams.model_validate(values | changes)


def challenge() -> list[Patient]:
    names = [f"SC-{group}-{number:02d}" for group in ("HF-I", "HF-NI", "HYP", "N") for number in range(1, 41)]
    return [Patient(n, n[3:].rpartition("-")[0], official_part(n)) for n in names if official_part(n)]


def strangers(counts: dict[str, int]) -> list[Patient]:
    return [Patient(f"P-{group}-{n:02d}", group, "") for group, count in counts.items() for n in range(count)]


def test_the_challenge_has_its_patients() -> None:
    assert Counter(patient.official_part for patient in challenge()) == OFFICIAL


def test_auto_follows_the_challenge_where_the_ids_are_its_own() -> None:
    parts = split(challenge(), settings())
    for patient in challenge():
        assert (parts[patient.name] == "test") == (patient.official_part != "training")
    assert Counter(parts.values()) == {"train": 12, "validation": 3, "test": 30}
    assert parts == split(challenge()[::-1], settings())
    assert "test" in split(challenge() + strangers({"N": 1}), settings()).values()  # random: no error
    with pytest.raises(UserError, match="P-N-00"):
        split(challenge() + strangers({"N": 1}), settings(method="official"))


def test_folds_hold_out_every_patient_once() -> None:
    for patients, method, part in ((strangers({"A": 9, "B": 5, "C": 4}), "random", "test"),
                                   (challenge(), "official", "validation")):  # fmt: skip
        held = [
            name
            for fold in range(3)
            for name, found in split(patients, settings(method=method, folds=3, fold=fold)).items()
            if found == part
        ]
        learning = [p.name for p in patients if method == "random" or p.official_part == "training"]
        assert sorted(held) == sorted(learning)


@given(
    counts=st.dictionaries(st.sampled_from(["A", "B", "C", "D"]), st.integers(2, 20), min_size=1),
    seed=st.integers(0, 1000),
)
def test_random_is_stratified_and_whole(counts: dict[str, int], seed: int) -> None:
    patients = strangers(counts)
    if len(patients) < 5:
        return
    parts = split(patients, settings(seed=seed))
    assert sorted(parts) == sorted(patient.name for patient in patients)
    test = Counter(patient.group for patient in patients if parts[patient.name] == "test")
    share = sum(test.values()) / len(patients)
    for group, count in counts.items():
        assert abs(test[group] - share * count) <= 1


def of(collection: str, parts: dict[str, int]) -> list[Patient]:
    """Patients of two groups of one source, so many of each official part."""
    return [
        Patient(f"{collection}-{part}-{n:02d}", "AB"[n % 2], part, collection)
        for part, count in parts.items()
        for n in range(count)
    ]


def test_the_official_parts_of_several_data_sets_side_by_side() -> None:
    acdc, mnms = (
        of("acdc", {"training": 10, "testing": 5}),
        of("mnms", {"training": 8, "validation": 3, "testing": 4}),
    )
    for method in ("auto", "official"):
        parts = split([*acdc, *mnms], settings(method=method))
        for patient in (*acdc, *mnms):
            assert (parts[patient.name] == "test") == (patient.official_part == "testing")
        held = Counter(
            patient.collection for patient in (*acdc, *mnms) if parts[patient.name] == "validation"
        )
        assert held == {"acdc": 2, "mnms": 3}
        assert all(parts[p.name] == "validation" for p in mnms if p.official_part == "validation")


def test_by_source_trains_on_some_and_tests_on_others() -> None:
    patients = of("scd", {"": 10}) + of("acdc", {"": 6}) + of("mine", {"": 2})
    parts = split(patients, settings(method="by_source", train_on=["scd"], test_on=["acdc"]))
    assert {name.split("-")[0]: part for name, part in parts.items() if part == "test"} == {"acdc": "test"}
    assert Counter(parts.values()) == {"train": 8, "validation": 2, "test": 6}
    assert len({p.group for p in patients if parts.get(p.name) == "validation"}) == 2, "stratified by group"
    with pytest.raises(
        UserError, match=r"split\.test_on: no patient comes from adcd; there are acdc, mine, scd"
    ):
        split(patients, settings(method="by_source", train_on=["scd"], test_on=["adcd"]))
    with pytest.raises(ValidationError, match="test_on: by_source needs the names of places"):
        settings(method="by_source", train_on=["scd"])
    with pytest.raises(ValidationError, match="test_on: scd is in train_on as well"):
        settings(method="by_source", train_on=["scd"], test_on=["scd"])


def test_random_takes_its_share_of_every_source() -> None:
    patients = of("scd", {"": 30}) + of("acdc", {"": 60})
    parts = split(patients, settings(method="random"))
    assert Counter(p.collection for p in patients if parts[p.name] == "test") == {"scd": 9, "acdc": 18}


@given(number=st.integers(0, 99), zeros=st.integers(0, 3), lower=st.booleans(), space=st.booleans())
def test_paddings_of_an_id_are_one_patient(number: int, zeros: int, lower: bool, space: bool) -> None:
    spelt = f"SC-HF-NI-{'0' * zeros}{number}"
    spelt = f" {spelt.lower() if lower else spelt}" if space else spelt
    assert canonical(spelt).upper() == f"SC-HF-NI-{number:02d}" or not space
    assert key_of(spelt) == key_of(f"SC-HF-NI-{number}")
    assert official_part(canonical(spelt)) == official_part(f"SC-HF-NI-{number:02d}")


def test_two_spellings_in_an_index_are_refused(tmp_path: Path) -> None:
    index = tmp_path / "index.csv"
    index.write_text("patient,group,official_part,endo,collection\nP-1,N,,1,a\nP-01,N,,1,a\nP-2,N,,0,a\n")
    with pytest.raises(UserError, match="P-01 and P-1"):
        read_patients(index)
    index.write_text("patient,group,official_part,endo,collection\nP-1,N,,1,a\nP-2,N,,0,a\n")
    assert [patient.name for patient in read_patients(index)] == ["P-1"]


def test_too_few_patients_are_an_error_that_says_so() -> None:
    with pytest.raises(UserError, match="leave no one for train"):
        split(strangers({"N": 2}), settings())


def test_params_of_the_repository_are_valid() -> None:
    from lvseg.params import load

    assert load(REPOSITORY / "params.yaml").split == settings()
