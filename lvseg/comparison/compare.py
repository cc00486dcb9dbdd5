"""Models against each other in figures: means with intervals, paired differences, groups, parameters, costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from lvseg.metrics.statistics import Difference, Interval, difference, interval
from lvseg.pages.score_names import APD, DICE, DM, EDV_ERROR, EF_ERROR, GOOD, HD95


@dataclass(frozen=True)
class ComparedModel:
    """A model that was evaluated on the same test set as the others.

    Attributes:
        title: its name, different from all others.
        patients: a row per test patient, as `lvseg.evaluation.summaries.per_patient` makes them.
        slices: a row per contoured test slice, as `lvseg.evaluation.scores.slices.table` makes them.
        params: of the training.
        costs: parameters, seconds of training, and what else is known, by what people call it.
    """

    title: str
    patients: pd.DataFrame
    slices: pd.DataFrame
    params: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ComparedMeasure:
    """One measure, of which every patient has a value, of all models.

    Attributes:
        label: what it is called, with its unit.
        decimals: that are shown.
        rises: whether more of it is better.
        means: over patients, one for each model.
        differences: from the first model, one for each further model: that model minus the first, over the patients
            who have a value of both.
    """

    label: str
    decimals: int
    rises: bool
    means: tuple[Interval, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class GroupDice:
    """The mean Dice of a group of patients, one for each model; the group of patients without one is empty."""

    group: str
    patients: int
    dice: tuple[float, ...]


@dataclass(frozen=True)
class PatientDice:
    """The mean Dice over the slices of a patient, one for each model."""

    patient: str
    group: str
    dice: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """All that is said of some models in figures; the first is what the others are held against.

    Attributes:
        titles: of the models, in order.
        patient_count: test patients.
        slice_count: contoured slices of these patients.
        synthetic: how many of the patients are a phantom's.
        measures: means and differences.
        groups: the mean Dice by group of patients.
        params: those that are not the same everywhere, each with its value by model; None where a model has none.
        costs: each with its value by model; None where it is not known.
        patients: Dice by patient, in order of their names.
    """

    titles: tuple[str, ...]
    patient_count: int
    slice_count: int
    synthetic: int
    measures: tuple[ComparedMeasure, ...]
    groups: tuple[GroupDice, ...]
    params: Mapping[str, Sequence[str | None]]
    costs: Mapping[str, Sequence[float | None]]
    patients: tuple[PatientDice, ...]


_MEASURES = (DICE, DM, APD, GOOD, HD95, EF_ERROR, EDV_ERROR)
_SLICE = ["patient", "slice", "phase", "cycle"]


def compare(models: Sequence[ComparedModel], synthetic: int = 0) -> Comparison:
    """Return the comparison of two models or more.

    Args:
        models: the first is what the others are held against.
        synthetic: how many of the patients are a phantom's.
    """
    tables = [_by_patient(model) for model in models]
    first, others = tables[0], tables[1:]
    return Comparison(
        titles=tuple(model.title for model in models),
        patient_count=len(first),
        slice_count=len(models[0].slices),
        synthetic=synthetic,
        measures=tuple(
            ComparedMeasure(
                score.title,
                score.decimals,
                score.rises,
                means=tuple(interval(table[score.column].tolist()) for table in tables),
                differences=tuple(
                    difference(table[score.column].tolist(), first[score.column].tolist()) for table in others
                ),
            )
            for score in _MEASURES
        ),
        groups=_groups(tables),
        params=differing_params([model.params for model in models]),
        costs=_costs(models),
        patients=tuple(
            PatientDice(
                str(patient),
                str(first["group"][patient]),
                tuple(float(table["dice_mean"][patient]) for table in tables),
            )
            for patient in first.index
        ),
    )


def differing_params(params: Sequence[Mapping[str, str]]) -> dict[str, list[str | None]]:
    """Return the parameters that are not the same everywhere, each with its values in order; None where absent.

    `differing_params([{"seed": "1", "rate": "2"}, {"seed": "3", "rate": "2"}])` is `{"seed": ["1", "3"]}`.

    Args:
        params: of each model.
    """
    names = sorted({name for of_model in params for name in of_model})
    values = {name: [of_model.get(name) for of_model in params] for name in names}
    return {name: of_models for name, of_models in values.items() if len(set(of_models)) > 1}


def disagreements(models: Sequence[ComparedModel], count: int) -> pd.DataFrame:
    """Return the slices on which Dice differs most between models, the widest apart first.

    Args:
        models: that are compared.
        count: rows at most.

    Returns:
        Columns patient, slice, phase, cycle, apart (the largest Dice minus the smallest), and `dice_0`, `dice_1`, ...
        of each model; slices on which any Dice is undefined are left out.
    """
    joined = models[0].slices[_SLICE].copy()
    for number, model in enumerate(models):
        dice = model.slices[[*_SLICE, "dice"]].rename(columns={"dice": f"dice_{number}"})
        joined = joined.merge(dice, on=_SLICE)
    all_dice = joined[[f"dice_{number}" for number in range(len(models))]]
    joined["apart"] = all_dice.max(axis=1) - all_dice.min(axis=1)
    known = joined[all_dice.notna().all(axis=1)]
    return known.sort_values("apart", ascending=False, kind="stable").head(count).reset_index(drop=True)


def _by_patient(model: ComparedModel) -> pd.DataFrame:
    """Return the measures of a model, a row per patient in order of the names."""
    table = model.patients.set_index("patient").sort_index()
    return table.assign(
        ef_error=(table["ef_percent"] - table["manual_ef_percent"]).abs(),
        edv_error=(table["edv_ml"] - table["manual_edv_ml"]).abs(),
    )


def _groups(tables: Sequence[pd.DataFrame]) -> tuple[GroupDice, ...]:
    """Return the mean Dice of each group of patients, given the patients of each model."""
    return tuple(
        GroupDice(
            str(group),
            len(members),
            tuple(float(table["dice_mean"][members.index].mean()) for table in tables),
        )
        for group, members in tables[0].groupby("group")
    )


def _costs(models: Sequence[ComparedModel]) -> dict[str, list[float | None]]:
    """Return each cost that is known of any model."""
    names = dict.fromkeys(name for model in models for name in model.costs)
    return {name: [model.costs.get(name) for model in models] for name in names}
